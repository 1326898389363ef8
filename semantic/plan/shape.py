"""A query taken apart: its shape, which decides the SQL, and its values, which are only bound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from semantic.datamodel.intervals import SECONDS, parse_interval, seconds
from semantic.datamodel.properties import GRANULARITIES
from semantic.datamodel.types import DataModel, Dimension, Measure
from semantic.errors import QueryFormatError
from semantic.query.dates import parse_time, to_utc, truncate
from semantic.query.types import Condition, DateRange, Filter, Group, Order, Query, SqlCondition, TimeDimension

MOST_BUCKETS = 50_000
"""The most buckets of a series of times, as in Cube."""

Value = str | int | float | bool | Decimal | datetime


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that the data model says itself; it stands where a query's values stand by their number."""

    value: Value


@dataclass(frozen=True, slots=True)
class BoundRange:
    """A date range by the slots of its ends, in UTC and in local time. `end_open`: the end itself is outside.

    `aligned` names the units of which the range has only whole ones; it is filled in where rollups could use it.
    """

    start: int
    end: int
    end_open: bool
    local_start: int
    local_end: int
    aligned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BoundTime:
    """A time dimension with its granularity and range. `fill` asks for buckets without rows, too; `too_many` says that
    the range has more buckets than a series may have."""

    dimension: str
    granularity: str | None
    range: BoundRange | None
    fill: bool = False
    too_many: bool = False


@dataclass(frozen=True, slots=True)
class BoundCondition:
    """A condition by the slots of its values; `null` says that NULL was among them, `as_text` that the member is no
    text and has to be made one for a pattern."""

    member: str
    operator: str
    slots: tuple[int | Constant, ...]
    null: bool = False
    end_open: bool = False
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class BoundGroup:
    """Conditions under `and` or `or`. A `guard` is an access policy's, and looks at what is behind masks."""

    connector: Literal["and", "or"]
    children: tuple[BoundFilter, ...]
    guard: bool = False


BoundFilter = BoundCondition | BoundGroup | SqlCondition


@dataclass(frozen=True, slots=True)
class Shape:
    """Everything of a query but its values. Two queries of one shape have the same SQL."""

    measures: tuple[str, ...]
    dimensions: tuple[str, ...]
    times: tuple[BoundTime, ...]
    segments: tuple[str, ...]
    filters: tuple[BoundFilter, ...]
    order: tuple[Order, ...] | None
    limit: int | None
    offset: int
    timezone: str
    ungrouped: bool
    join_hints: tuple[tuple[str, ...], ...]
    guards: tuple[BoundFilter, ...] = ()
    masked: frozenset[str] = frozenset()
    shown_where: tuple[tuple[str, BoundFilter], ...] = ()
    context: tuple[tuple[tuple[str, ...], int], ...] = ()
    """What the security context has of what the data model looks at: paths, with the length of a list, else -1."""

    @property
    def conditions(self) -> tuple[BoundFilter, ...]:
        """The query's filters and the guards of access policies."""
        return (*self.filters, *self.guards)

    def hides(self, *names: str) -> bool:
        """Whether a member is masked by any of its names: the view's, or the cube's."""
        return not self.masked.isdisjoint(names)


def bind(query: Query, model: DataModel) -> tuple[Shape, tuple[Value, ...]]:
    """The shape of a query, and its values by slot. Raises QueryFormatError for a value its member cannot have."""
    binder = Binder(model, query.timezone)
    times = tuple(
        BoundTime(
            time.dimension,
            time.granularity,
            binder.range(time.date_range),
            time.fill_missing_dates,
            binder.has_too_many(time, query.time_dimensions),
        )
        for time in query.time_dimensions
    )
    filters = tuple([binder.filter(entry) for entry in query.filters])
    guards = tuple([binder.filter(entry) for entry in query.guards])
    if query.masked:
        guards = tuple(BoundGroup("and", (guard,), guard=True) for guard in parted(guards))
    shape = Shape(
        measures=query.measures,
        dimensions=query.dimensions,
        times=times,
        segments=query.segments,
        filters=filters,
        order=query.order,
        limit=query.limit,
        offset=query.offset,
        timezone=query.timezone,
        ungrouped=query.ungrouped,
        join_hints=query.join_hints,
        guards=guards,
        masked=query.masked,
        shown_where=tuple((name, binder.filter(entry)) for name, entry in query.shown_where),
    )
    return shape, tuple(binder.values)


def bind_known(query: Query, model: DataModel) -> tuple[tuple[object, ...], tuple[Value, ...]]:
    """The values of a query by slot, and all that they say about its shape: of two queries of one form (`Query.form`)
    that say the same, the shapes are equal. A third of the work of `bind`. Raises as `bind` does."""
    binder = Binder(model, query.timezone)
    said: list[object] = []
    for time in query.time_dimensions:
        span = time.date_range
        said.append(None if span is None else binder.take_range(span))
        said.append(binder.has_too_many(time, query.time_dimensions))
    for entry in query.filters:
        binder.take_all(entry, said)
    return tuple(said), tuple(binder.values)


def parted(filters: Sequence[BoundFilter]) -> Iterator[BoundFilter]:
    """Conditions with the outer `and`s taken apart."""
    for entry in filters:
        if isinstance(entry, BoundGroup) and not entry.guard and (entry.connector == "and" or len(entry.children) == 1):
            yield from parted(entry.children)
        else:
            yield entry


def bind_constants(entry: Filter, model: DataModel, timezone: str) -> BoundFilter:
    """A filter that the data model makes, with its values in it. Raises QueryFormatError as `bind` does."""
    binder = Binder(model, timezone)
    return _with_constants(binder.filter(entry), binder.values)


def _with_constants(entry: BoundFilter, values: list[Value]) -> BoundFilter:
    if isinstance(entry, BoundGroup):
        return replace(entry, children=tuple(_with_constants(child, values) for child in entry.children))
    if isinstance(entry, BoundCondition):
        slots = tuple(slot if isinstance(slot, Constant) else Constant(values[slot]) for slot in entry.slots)
        return replace(entry, slots=slots)
    return entry


class Binder:
    """Gives out slots for values, each converted to what its member's type compares with."""

    def __init__(self, model: DataModel, timezone: str) -> None:
        self.model = model
        self.zone = _zone(timezone)
        self.values: list[Value] = []

    def slot(self, value: Value) -> int:
        self.values.append(value)
        return len(self.values) - 1

    def range(self, span: DateRange | None) -> BoundRange | None:
        """Slots of a range's ends, in UTC and in local time. An end in the last millisecond of a unit stands for all
        of it, so that microseconds are not lost."""
        if span is None:
            return None
        first = len(self.values)
        end_open, aligned = self.take_range(span)
        return BoundRange(first, first + 1, end_open, first + 2, first + 3, aligned)

    def take_range(self, span: DateRange) -> tuple[bool, frozenset[str]]:
        """Give the four ends of a range their slots; whether the end itself is outside, and the units of which it has
        only whole ones."""
        local_end, end_open = _open_end(span.end)
        self.values += (to_utc(span.start, self.zone), to_utc(local_end, self.zone), span.start, local_end)
        return end_open, _aligned(span.start, local_end) if self.model.has_rollups and end_open else _NOT_ALIGNED

    def has_too_many(self, time: TimeDimension, beside: Iterable[TimeDimension]) -> bool:
        """Whether a time dimension's range, which may stand beside another of its granularities, has more buckets than
        a series may have."""
        granularity, span = time.granularity, time.date_range
        if granularity is None:
            return False
        if span is None:
            span = next((one.date_range for one in beside if one.date_range and one.dimension == time.dimension), None)
        length = 0 if span is None else (span.end - span.start).total_seconds()
        if length <= MOST_BUCKETS:
            return False
        width = SECONDS.get(granularity) or self._width(time.dimension, granularity)
        return length / max(1, width) > MOST_BUCKETS

    def _width(self, name: str, granularity: str) -> int:
        dimension = self.model.member(name)
        custom = dimension.granularity(granularity) if isinstance(dimension, Dimension) else None
        return seconds(parse_interval(custom.interval)) if custom and custom.interval else 1

    def filter(self, entry: Filter) -> BoundFilter:
        if isinstance(entry, Group):
            return BoundGroup(entry.connector, tuple([self.filter(child) for child in entry.children]))
        if isinstance(entry, SqlCondition):
            return entry
        return self.condition(entry)

    def take_all(self, entry: Filter, said: list[object]) -> None:
        """Give all values of a filter their slots, and note what they say about the shape."""
        if type(entry) is Condition:
            first = len(self.values)
            said.append((self.take(entry), len(self.values) - first))
        elif type(entry) is Group:
            for child in entry.children:
                self.take_all(child, said)

    def condition(self, entry: Condition) -> BoundCondition:
        first = len(self.values)
        null, end_open = self.take(entry)
        slots = tuple(range(first, len(self.values)))
        as_text = entry.operator in LIKE_OPERATORS and self._kind(entry) not in ("string", "switch")
        return BoundCondition(entry.member, entry.operator, slots, null, end_open, as_text)

    def take(self, entry: Condition) -> tuple[bool, bool]:
        """Give the values of a condition their slots; whether NULL was among them, and whether they end before the
        last."""
        operator = entry.operator
        if operator in WITHOUT_VALUES and not entry.values:
            return False, False
        null = None in entry.values
        values = [value for value in entry.values if value is not None]
        if operator in DATE_OPERATORS:
            return False, self._take_dates(entry, values)
        if operator in SINGLE_VALUE:
            values = values[:1]
            if not values:
                raise _bad_value(entry, "null", "a value to compare with")
        kind = self._kind(entry)
        if operator in LIKE_OPERATORS:
            self.values += [_escape_like(value) for value in values]
        elif kind == "string":
            self.values += values
        else:
            self.values += [self._converted(entry, kind, value) for value in values]
        return null, False

    def _kind(self, entry: Condition) -> str:
        return _value_kind(self.model.member(entry.member))

    def _take_dates(self, entry: Condition, values: list[str]) -> bool:
        if not values:
            raise _bad_value(entry, "null", "a date")
        spans = [parse_time(value, self.zone) for value in values[:2]]
        self.values.append(to_utc(spans[0].start, self.zone))
        if entry.operator not in ("inDateRange", "notInDateRange", "onTheDate"):
            return False
        end, end_open = _open_end(spans[-1].end)
        self.values.append(to_utc(end, self.zone))
        return end_open

    def _converted(self, entry: Condition, kind: str, value: str) -> Value:
        if kind == "number":
            return _number(entry, value)
        if kind == "boolean":
            return _boolean(entry, value)
        if kind == "time":
            # As in Cube: a comparison is with the value that a result shows, which is UTC; the zone is for dates.
            return to_utc(parse_time(value, _zone("UTC")).start, _zone("UTC"))
        return value


_NOT_ALIGNED: frozenset[str] = frozenset()
DATE_OPERATORS = frozenset(
    ["inDateRange", "notInDateRange", "onTheDate", "beforeDate", "beforeOrOnDate", "afterDate", "afterOrOnDate"]
)
LIKE_OPERATORS = frozenset(
    ["contains", "notContains", "startsWith", "notStartsWith", "endsWith", "notEndsWith"]
)  # fmt: skip
WITHOUT_VALUES = frozenset(["set", "notSet"])
SINGLE_VALUE = frozenset(["gt", "gte", "lt", "lte"])


@lru_cache(maxsize=1024)
def _zone(timezone: str) -> ZoneInfo:
    return ZoneInfo(timezone)


def _open_end(end: datetime) -> tuple[datetime, bool]:
    if end.microsecond == 999_000:
        return end + timedelta(milliseconds=1), True
    return end, False


@lru_cache(maxsize=1024)
def _aligned(start: datetime, end: datetime) -> frozenset[str]:
    return frozenset(unit for unit in GRANULARITIES if truncate(start, unit) == start and truncate(end, unit) == end)


def _value_kind(member: object) -> str:
    if isinstance(member, Dimension):
        return member.type
    if isinstance(member, Measure) and member.type in ("string", "boolean", "time"):
        return member.type
    return "number"


def _escape_like(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


# No column of whole numbers holds more digits.
_LARGEST = 10**38


def _number(entry: Condition, value: str) -> Value:
    try:
        whole = int(value)
        return whole if abs(whole) < _LARGEST else float(value)
    except (ValueError, OverflowError):
        pass
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise _bad_value(entry, value, "a number", f"Could not convert string '{value}' to DOUBLE") from None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        return float(value)
    if number == number.to_integral_value():
        # DuckDB takes a Decimal like 1E+10 for 1.
        return int(number)
    return number if len(number.as_tuple().digits) <= 30 else float(value)


def _boolean(entry: Condition, value: str) -> bool:
    known = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}.get(value.lower())
    if known is None:
        raise _bad_value(entry, value, "true or false")
    return known


def _bad_value(entry: Condition, value: str, wanted: str, message: str = "") -> QueryFormatError:
    text = message or f"Filter on '{entry.member}': '{value}' is not {wanted}"
    return QueryFormatError(text, place=entry.member, advice=f"{entry.operator} takes {wanted}", code="filter_value")
