"""The data model as the rest of the package sees it: frozen, checked, views expanded.

Names are the snake_case names of Cube's YAML. A view is a `Cube` with `is_view`; its members carry `alias_of`,
the path to the cube member behind them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from sqlglot import exp

from semantic.errors import Problem

MeasureType = Literal[
    "count", "count_distinct", "count_distinct_approx", "sum", "avg", "min", "max",
    "number", "string", "boolean", "time", "number_agg", "rank",
]  # fmt: skip
DimensionType = Literal["string", "number", "boolean", "time", "geo", "switch"]
Relationship = Literal["many_to_one", "one_to_many", "one_to_one"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something is written: a path relative to the data model's folder, and a line counted from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Callback:
    """A condition that the author writes over a filter's values: SQL in which `headrace_arg_0`, `headrace_arg_1`, ...
    stand for the first `count` of them."""

    count: int
    text: str


@dataclass(frozen=True, slots=True)
class Reference:
    """One `{...}` of a SQL snippet, as it stands behind placeholder `name` in the snippet's tree.

    kind `cube`: `{CUBE}` or `{other}`, path is the join path of the cube (its own name for CUBE).
    kind `member`: path is the cube's join path and then the member; `granularity` is set for `{created_at.month}`.
    kind `cube_sql`: `{other.sql()}`, the other cube's own SELECT.
    kind `filter_params`: path is (cube, member); `argument` is the column expression or a callback.
    kind `filter_group`: `members` are the `filter_params` that are restated together.
    kind `security_context`: path is the keys below the context; `argument` is the column or callback of `.filter(...)`,
    or "" for a bare mention; `required` that the context must have a value.
    """

    name: str
    kind: Literal["cube", "member", "cube_sql", "filter_params", "filter_group", "security_context"]
    path: tuple[str, ...]
    argument: str | Callback = ""
    granularity: str = ""
    members: tuple[Reference, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Sql:
    """A SQL snippet of the data model: its text, and its tree with placeholder columns for the references.

    `converts_times` says that it calls SQL_UTILS.convertTz, which stands in the tree as a call of `headrace_local`.
    """

    text: str
    place: Place
    tree: exp.Expr = field(compare=False, repr=False)
    references: Mapping[str, Reference] = field(default_factory=dict, repr=False)
    converts_times: bool = False


@dataclass(frozen=True, slots=True)
class MemberPath:
    """A member of a cube, reached over a join path: `("orders", "customers")` and `city`. The last cube owns it."""

    cubes: tuple[str, ...]
    member: str

    @property
    def cube(self) -> str:
        return self.cubes[-1]

    @property
    def name(self) -> str:
        """The member's full name, `customers.city`."""
        return f"{self.cubes[-1]}.{self.member}"


@dataclass(frozen=True, slots=True)
class Granularity:
    """A custom granularity of a time dimension: an interval from an origin or with an offset, or a SQL expression."""

    name: str
    title: str
    interval: str | None = None
    offset: str | None = None
    origin: str | None = None
    sql: Sql | None = None


@dataclass(frozen=True, slots=True)
class RollingWindow:
    """`fixed`: trailing/leading intervals (or `unbounded`) from the start or end of a bucket. `to_date`: since the
    start of the bucket of `granularity`."""

    type: Literal["fixed", "to_date"]
    trailing: str | None = None
    leading: str | None = None
    offset: Literal["start", "end"] = "end"
    granularity: str | None = None


@dataclass(frozen=True, slots=True)
class NonAdditive:
    """A time that a measure does not add up over: of each bucket only the rows of one moment count, the last (`max`) or
    the first (`min`), chosen for each value of the `groupings`. Members are full names."""

    dimension: str
    choice: Literal["min", "max"]
    groupings: tuple[str, ...]
    place: Place

    @property
    def members(self) -> tuple[str, ...]:
        """What has to be known of each row to choose."""
        return (self.dimension, *self.groupings)


@dataclass(frozen=True, slots=True)
class TimeShift:
    """Look at another time: by an interval (`prior` or `next`), or by a named shift of a calendar cube."""

    time_dimension: str | None = None
    interval: str | None = None
    type: Literal["prior", "next"] | None = None
    name: str | None = None
    sql: Sql | None = None


@dataclass(frozen=True, slots=True)
class CaseWhen:
    """One branch: a condition (`sql`) or a value of the switch, and the label or the expression it gives."""

    condition: Sql | None
    value: str | None
    result: Sql | str


@dataclass(frozen=True, slots=True)
class Case:
    """`case` of a member; `switch` is the member or expression compared with each branch's value."""

    when: tuple[CaseWhen, ...]
    otherwise: Sql | str | None
    switch: Sql | None = None


@dataclass(frozen=True, slots=True)
class MultiStage:
    """What a multi-stage member changes about the query's grain. Members are full names."""

    group_by: tuple[str, ...] | None = None
    reduce_by: tuple[str, ...] = ()
    add_group_by: tuple[str, ...] = ()
    time_shift: tuple[TimeShift, ...] = ()
    order_by: tuple[tuple[Sql, Literal["asc", "desc"]], ...] = ()
    filter: Mapping[str, Any] | None = None
    grain: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A link shown beside a dimension's value."""

    name: str
    label: str
    url: str | None = None
    dashboard: str | None = None
    icon: str | None = None
    target: str | None = None
    primary: bool = False
    params: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Member:
    """What measures, dimensions and segments have in common. `title` includes the cube's, `short_title` does not;
    `titled` tells one that was written from one made of the name."""

    cube: str
    name: str
    place: Place
    title: str
    short_title: str
    titled: bool = False
    description: str | None = None
    public: bool = True
    meta: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    sql: Sql | None = None
    alias_of: MemberPath | None = None

    @cached_property
    def full_name(self) -> str:
        return f"{self.cube}.{self.name}"


@dataclass(frozen=True)
class Dimension(Member):
    """An attribute to group and filter by. A `synthetic` one holds the URL of a link of another."""

    type: DimensionType = "string"
    primary_key: bool = False
    case: Case | None = None
    latitude: Sql | None = None
    longitude: Sql | None = None
    granularities: tuple[Granularity, ...] = ()
    sub_query: bool = False
    propagate_filters_to_sub_query: bool = False
    values: tuple[str, ...] = ()
    multi_stage: MultiStage | None = None
    time_shift: tuple[TimeShift, ...] = ()
    format: Any = None
    currency: str | None = None
    order: Literal["asc", "desc"] | None = None
    key: str | None = None
    suggest_filter_values: bool = True
    values_as_segments: bool = False
    links: tuple[Link, ...] = ()
    synthetic: bool = False
    mask: Sql | str | float | bool | None = None

    def granularity(self, name: str) -> Granularity | None:
        """The custom granularity of that name."""
        return next((entry for entry in self.granularities if entry.name == name), None)


@dataclass(frozen=True)
class Measure(Member):
    """An aggregate over a cube's rows, or (`number`, `string`, `boolean`, `time`) an expression over aggregates.

    `join_to_timespine` gives results with it the buckets of a date range that have no rows, too; `fill_nulls_with` is
    shown where it has no value.
    """

    type: MeasureType = "count"
    filters: tuple[Sql, ...] = ()
    rolling_window: RollingWindow | None = None
    multi_stage: MultiStage | None = None
    case: Case | None = None
    format: Any = None
    currency: str | None = None
    drill_members: tuple[str, ...] = ()
    drill_filters: tuple[Sql, ...] = ()
    non_additive: NonAdditive | None = None
    join_to_timespine: bool = False
    fill_nulls_with: float | None = None
    mask: Sql | str | float | bool | None = None


@dataclass(frozen=True)
class Segment(Member):
    """A named condition."""


@dataclass(frozen=True, slots=True)
class Join:
    """An edge of the join graph, declared on `source`."""

    source: str
    target: str
    relationship: Relationship
    sql: Sql
    place: Place


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """An ordered way to drill down. `levels` are full member names; `alias_of` is the cube's own, which a view has."""

    name: str
    title: str | None
    levels: tuple[str, ...]
    public: bool = True
    place: Place | None = None
    alias_of: str | None = None


@dataclass(frozen=True, slots=True)
class RollupTime:
    """A time dimension of a rollup at a granularity."""

    dimension: str
    granularity: str


@dataclass(frozen=True, slots=True)
class PreAggregation:
    """A declared materialization. Members are full names; `options` keeps what only a builder reads."""

    cube: str
    name: str
    type: Literal["rollup", "rollup_join", "rollup_lambda", "original_sql", "auto_rollup"]
    place: Place
    measures: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    time_dimensions: tuple[RollupTime, ...] = ()
    rollups: tuple[str, ...] = ()
    partition_granularity: str | None = None
    allow_non_strict_date_range_match: bool = False
    union_with_source_data: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PolicyFilter:
    """A row-level rule: a condition on a member, or a nest of them under `and`/`or`."""

    member: str = ""
    operator: str = ""
    values: tuple[Any, ...] = ()
    connector: Literal["and", "or"] | None = None
    children: tuple[PolicyFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class MemberSelection:
    """Which members a policy speaks of; `None` for `includes` is all of them."""

    includes: tuple[str, ...] | None = None
    excludes: tuple[str, ...] | None = ()

    def covers(self, member: str) -> bool:
        """Whether a member (by full name) is included and not excluded; `excludes` of None excludes all."""
        if self.excludes is None or member in self.excludes:
            return False
        return self.includes is None or member in self.includes


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What the callers of some groups may see. `conditions` are expressions over the security context."""

    groups: tuple[str, ...]
    place: Place
    conditions: tuple[str, ...] = ()
    member_level: MemberSelection | None = None
    member_masking: MemberSelection | None = None
    row_filters: tuple[PolicyFilter, ...] = ()
    allow_all_rows: bool = False


@dataclass(frozen=True, slots=True)
class Folder:
    """A view's folder: members by full name, or nested folders."""

    name: str
    members: tuple[str | Folder, ...]


@dataclass(frozen=True, slots=True)
class DefaultFilter:
    """A filter that a view applies unless a query filters one of `unless` (or the member itself)."""

    member: str
    operator: str
    values: tuple[Any, ...] = ()
    unless: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cube:
    """A cube, or a view when `is_view`. Members keep the order in which they are written."""

    name: str
    place: Place
    title: str
    is_view: bool = False
    description: str | None = None
    public: bool = True
    meta: Mapping[str, Any] = field(default_factory=dict)
    sql_table: str | None = None
    sql: Sql | None = None
    sql_alias: str | None = None
    data_source: str = "default"
    calendar: bool = False
    measures: Mapping[str, Measure] = field(default_factory=dict)
    dimensions: Mapping[str, Dimension] = field(default_factory=dict)
    segments: Mapping[str, Segment] = field(default_factory=dict)
    joins: tuple[Join, ...] = ()
    hierarchies: tuple[Hierarchy, ...] = ()
    pre_aggregations: tuple[PreAggregation, ...] = ()
    access_policy: tuple[AccessPolicy, ...] = ()
    refresh_key: Mapping[str, Any] = field(default_factory=dict)
    folders: tuple[Folder, ...] = ()
    default_filters: tuple[DefaultFilter, ...] = ()
    view_groups: tuple[str, ...] = ()

    @cached_property
    def primary_key(self) -> tuple[Dimension, ...]:
        """The dimensions that together are the key of a row."""
        return tuple(dimension for dimension in self.dimensions.values() if dimension.primary_key)

    def member(self, name: str) -> Measure | Dimension | Segment | None:
        """The member of that short name, whatever its kind."""
        return self.measures.get(name) or self.dimensions.get(name) or self.segments.get(name)


@dataclass(frozen=True, slots=True)
class ViewGroup:
    """A named group of views."""

    name: str
    title: str
    description: str | None
    includes: tuple[str | ViewGroup, ...]


@dataclass(frozen=True)
class DataModel:
    """All cubes and views of a folder, by name, in the order of files and of writing.

    `broken` names the cubes and views that were left out when loading with `strict=False`, with what is wrong.
    `dialect` is the SQL dialect the snippets are written in.
    """

    cubes: Mapping[str, Cube]
    view_groups: tuple[ViewGroup, ...] = ()
    broken: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    dialect: str = "duckdb"

    def member(self, full_name: str) -> Measure | Dimension | Segment | None:
        """The member `cube.name`, or None."""
        return self._members.get(full_name)

    @cached_property
    def _members(self) -> Mapping[str, Measure | Dimension | Segment]:
        """All members by full name: every query looks up a dozen."""
        found: dict[str, Measure | Dimension | Segment] = {}
        for name, cube in self.cubes.items():
            for members in (cube.segments, cube.dimensions, cube.measures):
                found.update({f"{name}.{short}": member for short, member in members.items()})
        return found

    @cached_property
    def has_rollups(self) -> bool:
        """Whether any cube declares a pre-aggregation."""
        return any(cube.pre_aggregations for cube in self.cubes.values())

    @cached_property
    def connected_components(self) -> Mapping[str, int]:
        """Cube name to the number (from 1) of its component of the join graph; cubes without joins are left out."""
        neighbours: dict[str, set[str]] = {}
        for cube in self.cubes.values():
            for join in cube.joins:
                neighbours.setdefault(join.source, set()).add(join.target)
                neighbours.setdefault(join.target, set()).add(join.source)
        numbers: dict[str, int] = {}
        for name in neighbours:
            if name in numbers:
                continue
            number = max(numbers.values(), default=0) + 1
            stack = [name]
            while stack:
                current = stack.pop()
                if current not in numbers:
                    numbers[current] = number
                    stack.extend(neighbours[current])
        return numbers
