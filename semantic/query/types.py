"""A query as the planner takes it: names checked for syntax, dates resolved, defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlglot import exp


@dataclass(frozen=True, slots=True)
class DateRange:
    """Two local times in the query's time zone, both inclusive, to the millisecond."""

    start: datetime
    end: datetime

    def texts(self) -> list[str]:
        """As Cube echoes it: `["2024-01-01T00:00:00.000", "2024-01-31T23:59:59.999"]`."""
        return [
            self.start.isoformat(timespec="milliseconds"),
            self.end.isoformat(timespec="milliseconds"),
        ]


@dataclass(frozen=True, slots=True)
class TimeDimension:
    """A time dimension grouped by a granularity, limited to a range, or both. `fill_missing_dates` asks for the buckets
    of the range that have no rows, too."""

    dimension: str
    granularity: str | None = None
    date_range: DateRange | None = None
    fill_missing_dates: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter on one member. `values` are texts (a number or boolean is its text), or None for NULL."""

    member: str
    operator: str
    values: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Filters under `and` or `or`."""

    connector: Literal["and", "or"]
    children: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class SqlCondition:
    """A condition over dimensions as a tree: columns named `cube.member` are members. Only code makes these (the SQL
    API, for predicates that no operator expresses); literals in it must be parameters of the caller's making."""

    tree: exp.Expr = field(compare=False)
    members: tuple[str, ...]
    text: str


Filter = Condition | Group | SqlCondition


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key: a member, or `cube.dimension.granularity`."""

    member: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """One query for one result. Lists keep the caller's order.

    `order` is None when the caller gave none (the default order then applies) and () when he asked for no order.
    `guards` are the row filters of access policies, which nothing in a data model can lift.
    `masked` names the members that an access policy shows only masked, `shown_where` the rows on which it shows one.
    `limit` is None for no limit. `ungrouped` asks for rows, not groups.
    `now` is what words like `last month` are about, also those of access policies; None for the time of asking.
    `given` is the request as it came: the echo (semantic.query.echo) has the optional keys that it has.
    `form` is one object for all queries that differ in the values of conditions and date ranges alone; None where
    nobody knows, as for a query that was made from another.
    """

    measures: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    time_dimensions: tuple[TimeDimension, ...] = ()
    segments: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    order: tuple[Order, ...] | None = None
    limit: int | None = None
    offset: int = 0
    timezone: str = "UTC"
    ungrouped: bool = False
    total: bool = False
    join_hints: tuple[tuple[str, ...], ...] = ()
    guards: tuple[Filter, ...] = ()
    masked: frozenset[str] = frozenset()
    shown_where: tuple[tuple[str, Filter], ...] = ()
    response_format: Literal["default", "compact", "columnar"] = "default"
    given: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    now: datetime | None = field(default=None, compare=False, repr=False)
    form: object = field(default=None, init=False, compare=False, repr=False)

    def with_form(self, form: object) -> Query:
        """This query, told to be of a form. Not for queries that others hold already."""
        object.__setattr__(self, "form", form)
        return self
