"""A plan: which parts are computed, over which joins, and how they come together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from semantic.datamodel.intervals import Interval
from semantic.datamodel.types import RollingWindow, Sql
from semantic.plan.joins import JoinTree
from semantic.plan.shape import BoundFilter, BoundRange, BoundTime, Shape


@dataclass(frozen=True, slots=True)
class Group:
    """A column to group by. `name` is the member as the query says it, `target` the cube member behind it. `local`
    asks for a time as the wall clock of the query's zone shows it, without a bucket; `inner` for a value that no result
    shows, so that no mask hides it."""

    alias: str
    name: str
    target: str
    granularity: str | None = None
    local: bool = False
    inner: bool = False

    @property
    def key(self) -> str:
        """What the column is known by in scopes."""
        return f"{self.target}.{self.granularity}" if self.granularity else self.target


@dataclass(frozen=True, slots=True)
class Series:
    """All times of a query's range: the finest time group gives the series, coarser ones are derived from it."""

    time: Group
    bound: BoundTime


@dataclass(frozen=True, slots=True)
class Value:
    """A measure of the query."""

    alias: str
    name: str
    target: str


@dataclass(frozen=True, slots=True)
class WindowRange:
    """The times that windows over a range reach; `granularity` widens the range to whole buckets."""

    dimension: str
    range: BoundRange
    window: RollingWindow
    granularity: str | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """What rows must pass: ranges of time dimensions, segments, conditions over dimensions, reaches of windows."""

    times: tuple[BoundTime, ...] = ()
    segments: tuple[str, ...] = ()
    filters: tuple[BoundFilter, ...] = ()
    windows: tuple[WindowRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Shift:
    """Time dimensions (cube members) moved by an interval, later for sign 1."""

    dimensions: frozenset[str]
    interval: Interval
    sign: int


@dataclass(frozen=True, slots=True)
class KeyShift:
    """A calendar cube that is joined by another expression than its key: each of its rows then stands beside what
    happened at the time that `sql` gives for it."""

    cube: str
    key: str
    sql: Sql


@dataclass(frozen=True, slots=True)
class Rows:
    """Measures aggregated straight over joined rows; `raw` hands on what they aggregate instead."""

    tree: JoinTree
    measures: tuple[str, ...]
    groups: tuple[Group, ...]
    where: Where
    raw: bool = False
    shifts: tuple[Shift | KeyShift, ...] = ()


@dataclass(frozen=True, slots=True)
class Keys:
    """Measures of a cube whose rows the joins repeat: the distinct keys per group first, then each key's row once.

    `own` is the tree of the cubes that the measures themselves need.
    """

    tree: JoinTree
    cube: str
    own: JoinTree
    measures: tuple[str, ...]
    groups: tuple[Group, ...]
    where: Where
    raw: bool = False
    shifts: tuple[Shift | KeyShift, ...] = ()


@dataclass(frozen=True, slots=True)
class Windowed:
    """A measure over a rolling window. `base` has a row per bucket of time (or per row of the cube, when the measure
    does not add up); every time of the series then aggregates the base rows in its window.

    `time` is the group that gives the series, over the whole buckets of `bound`'s range; `base_time` the base's time.
    """

    base: Rows | Keys
    measure: str
    window: RollingWindow
    time: Group
    base_time: Group
    groups: tuple[Group, ...]
    bound: BoundTime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Measures that do not add up over time. `base` has what they aggregate of each row, with its `moment`; of all its
    rows that share the groups `within` only those of the last moment count (`max`), or of the first (`min`).

    Groups without a row at their moment stay, without a value: which groups there are is for the query to say.
    """

    base: Rows | Keys
    measures: tuple[str, ...]
    choice: Literal["min", "max"]
    moment: Group
    within: tuple[Group, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Staged:
    """A multi-stage measure over its `inputs`: aggregated again within the `partition` (all groups unless the measure
    says otherwise), ranked there, or calculated row by row."""

    measure: str
    kind: Literal["aggregate", "rank", "calculate"]
    inputs: Plan
    groups: tuple[Group, ...]
    partition: tuple[Group, ...]


Part = Rows | Keys | Windowed | Snapshot | Staged


@dataclass(frozen=True, slots=True)
class Plan:
    """Parts computed at one grain; `groups` and `values` are the columns in order.

    The parts have the same groups and are joined on them, but for a `union`: then a part may lack groups that another
    has (several facts, or shifted time), and all are kept. `fill` is the series whose every time the whole result has,
    for each of its other groups; the conditions in `having` come before.
    """

    shape: Shape
    groups: tuple[Group, ...]
    values: tuple[Value, ...]
    parts: tuple[Part, ...]
    having: tuple[BoundFilter, ...] = ()
    union: bool = False
    fill: Series | None = None
