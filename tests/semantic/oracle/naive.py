"""The slow, obvious answer to a query: join everything in memory, then aggregate each measure over distinct keys.

A model here is plain Python: tables are lists of dicts, a member is a function of a joined row (cube -> its row, or
None where a left join found nothing). A query is a REST query. Nothing is shared with the compiler under test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any
from zoneinfo import ZoneInfo

Record = Mapping[str, Any]
Joined = Mapping[str, Record | None]
Member = Callable[[Joined], Any]
Group = tuple[Any, ...]


@dataclass(frozen=True)
class Measure:
    """`value` for the kinds that aggregate a value; `of` (measures by full name -> value) for kind `number`. With
    `moment` only rows of the last one count (`choice` max, else the first), in each bucket and for each of `apart`."""

    kind: str
    value: Member = lambda _: None
    where: Member | None = None
    of: Callable[[Mapping[str, Any]], Any] | None = None
    needs: tuple[str, ...] = ()
    moment: str | None = None
    choice: Callable[[list[datetime]], datetime] = max
    apart: tuple[str, ...] = ()


@dataclass(frozen=True)
class Join:
    target: str
    on: Callable[[Record, Record], bool | None]


@dataclass(frozen=True)
class SubQuery:
    """A measure of another cube, for each row of this one."""

    measure: str


@dataclass(frozen=True)
class Cube:
    name: str
    rows: Sequence[Record]
    key: tuple[str, ...]
    joins: tuple[Join, ...] = ()
    dimensions: Mapping[str, Member | SubQuery] = field(default_factory=dict)
    measures: Mapping[str, Measure] = field(default_factory=dict)
    segments: Mapping[str, Member] = field(default_factory=dict)
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Cubes, other than its own, that a member reads."""


Model = Mapping[str, Cube]


class NoPath(Exception):
    """No cube of the query reaches all others."""


def column(cube: str, name: str) -> Member:
    """The member that is a column of a cube."""

    def read(joined: Joined) -> Any:
        record = joined.get(cube)
        return None if record is None else record[name]

    return read


def answer(model: Model, query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the query by REST key, in no order; `limit` and `order` are not looked at."""
    keys = _group_keys(model, query)
    measures = list(query.get("measures", ()))
    joined = [row for row in _joined(model, _root(model, _cubes(model, query)), query) if _kept(model, query, row)]
    groups: dict[Group, list[Joined]] = {} if keys else {(): []}
    for row in joined:
        groups.setdefault(tuple(member(row) for member in keys.values()), []).append(row)
    found = []
    for group, rows in groups.items():
        names = [*measures, *_having_names(model, query)]
        values = {name: _aggregate(model, name, _Rows(rows, joined, query)) for name in names}
        if all(_test(model, query, node, values.get) is True for node in _measure_filters(model, query)):
            found.append(dict(zip(keys, group, strict=True)) | {name: values[name] for name in measures})
    return _with_missing_dates(found, query)


def _with_missing_dates(found: list[dict[str, Any]], query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """With a row for every bucket of the range of a time dimension that asks for them, and all other groups."""
    for part in query.get("timeDimensions", ()):
        if part.get("fillMissingDates"):
            measures, key = query.get("measures", ()), f"{part['dimension']}.{part['granularity']}"
            empty = dict.fromkeys(measures)
            others = list(query.get("dimensions", ()))
            groups = list(dict.fromkeys(tuple(row[name] for name in others) for row in found)) if others else [()]
            rows = {(row[key], *(row[name] for name in others)): row for row in found}
            found = [
                rows.get((at, *group), {**dict(zip(others, group, strict=True)), key: at, **empty})
                for at in _buckets(part)
                for group in groups
            ]
    return found


def _buckets(part: Mapping[str, Any]) -> Iterator[datetime]:
    """Hour by hour through the range, each bucket when it begins."""
    first, last = (datetime.fromisoformat(text) for text in part["dateRange"])
    last = last + timedelta(days=1, milliseconds=-1) if len(part["dateRange"][1]) == 10 else last
    at, seen = truncate(first, "hour"), None
    while at <= last:
        bucket = truncate(at, part["granularity"])
        if bucket != seen:
            yield bucket
        at, seen = at + timedelta(hours=1), bucket


def _group_keys(model: Model, query: Mapping[str, Any]) -> dict[str, Member]:
    keys: dict[str, Member] = {name: dimension(model, name) for name in query.get("dimensions", ())}
    for part in query.get("timeDimensions", ()):
        if "granularity" in part:
            keys[f"{part['dimension']}.{part['granularity']}"] = _bucket(model, part, query.get("timezone", "UTC"))
    return keys


def _bucket(model: Model, part: Mapping[str, Any], zone: str) -> Member:
    time = dimension(model, part["dimension"])

    def read(joined: Joined) -> datetime | None:
        at = time(joined)
        return None if at is None else truncate(_local(at, zone), part["granularity"])

    return read


def truncate(at: datetime, granularity: str) -> datetime:
    """The start of the bucket of a local time."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = {
        "second": at.replace(microsecond=0),
        "minute": at.replace(second=0, microsecond=0),
        "hour": at.replace(minute=0, second=0, microsecond=0),
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(day=1, month=(day.month - 1) // 3 * 3 + 1),
        "year": day.replace(day=1, month=1),
    }
    return starts[granularity]


def _local(at: datetime, zone: str) -> datetime:
    return at.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _utc(at: datetime, zone: str) -> datetime:
    return at.replace(tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo("UTC")).replace(tzinfo=None)


def dimension(model: Model, path: str) -> Member:
    """The function of a dimension, sub-query dimensions worked out row by row."""
    cube, name = path.split(".")
    found = model[cube].dimensions[name]
    if not isinstance(found, SubQuery):
        return found
    measure = found.measure

    def read(joined: Joined) -> Any:
        record = joined.get(cube)
        if record is None:
            return None
        alone = {**model, cube: _with_rows(model[cube], [record])}
        rows = list(_expand(alone, cube, _needed(model, [measure])))
        return _aggregate(alone, measure, _Rows(rows, rows, {}))

    return read


def _with_rows(cube: Cube, rows: Sequence[Record]) -> Cube:
    return Cube(cube.name, rows, cube.key, cube.joins, cube.dimensions, cube.measures, cube.segments, cube.reads)


def _joined(model: Model, root: str, query: Mapping[str, Any]) -> Iterator[Joined]:
    return _expand(model, root, _cubes(model, query))


def _expand(model: Model, root: str, cubes: Sequence[str]) -> Iterator[Joined]:
    """Left joins from the root along the shortest path to each cube."""
    edges: list[tuple[str, Join]] = []
    for cube in cubes:
        edges += [edge for edge in _path(model, root, cube) if edge not in edges]
    for record in model[root].rows:
        start: list[Joined] = [{root: record}]
        yield from reduce(lambda rows, edge: list(_left_join(model, rows, *edge)), edges, start)


def _left_join(model: Model, rows: Sequence[Joined], source: str, join: Join) -> Iterator[Joined]:
    for row in rows:
        here = row[source]
        matches = [] if here is None else [there for there in model[join.target].rows if join.on(here, there)]
        for match in matches or [None]:
            yield {**row, join.target: match}


def _path(model: Model, start: str, goal: str) -> list[tuple[str, Join]]:
    waiting: list[tuple[str, list[tuple[str, Join]]]] = [(start, [])]
    seen = {start}
    for cube, path in waiting:
        if cube == goal:
            return path
        for join in model[cube].joins:
            if join.target not in seen:
                seen.add(join.target)
                waiting.append((join.target, [*path, (cube, join)]))
    raise NoPath(f"{start} does not reach {goal}")


def _root(model: Model, cubes: Sequence[str]) -> str:
    """The cube that reaches all others over the fewest joins."""
    lengths = {}
    for cube in cubes:
        try:
            paths = [_path(model, cube, other) for other in cubes]
        except NoPath:
            continue
        lengths[cube] = len({id(join) for path in paths for _, join in path})
    if not lengths:
        raise NoPath(", ".join(cubes))
    return min(lengths, key=lambda cube: lengths[cube])


def _cubes(model: Model, query: Mapping[str, Any]) -> list[str]:
    members = [*query.get("measures", ()), *query.get("dimensions", ()), *query.get("segments", ())]
    members += [part["dimension"] for part in query.get("timeDimensions", ())]
    members += [name for node in query.get("filters", ()) for name in _filter_members(node)]
    return _needed(model, members)


def _needed(model: Model, members: Sequence[str]) -> list[str]:
    found: list[str] = []
    for path in members:
        cube, name = path.split(".")
        measure = model[cube].measures.get(name)
        needs = _needed(model, measure.needs) if measure else []
        own = [] if measure and measure.kind == "number" else [cube]
        found += [c for c in [*own, *needs, *model[cube].reads.get(name, ())] if c not in found]
    return found


def _filter_members(node: Mapping[str, Any]) -> Iterator[str]:
    for child in node.get("and", node.get("or", ())):
        yield from _filter_members(child)
    if "member" in node:
        yield node["member"]


def _is_measure(model: Model, path: str) -> bool:
    cube, name = path.split(".")
    return name in model[cube].measures


def _measure_filters(model: Model, query: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [n for n in query.get("filters", ()) if any(_is_measure(model, m) for m in _filter_members(n))]


def _having_names(model: Model, query: Mapping[str, Any]) -> list[str]:
    return [name for node in _measure_filters(model, query) for name in _filter_members(node)]


def _kept(model: Model, query: Mapping[str, Any], row: Joined) -> bool:
    zone = query.get("timezone", "UTC")
    for part in query.get("timeDimensions", ()):
        if "dateRange" in part and not _in_range(dimension(model, part["dimension"])(row), part["dateRange"], zone):
            return False
    for path in query.get("segments", ()):
        cube, name = path.split(".")
        if model[cube].segments[name](row) is not True:
            return False
    having = _measure_filters(model, query)
    rest = [node for node in query.get("filters", ()) if node not in having]
    return all(_test(model, query, node, lambda path: dimension(model, path)(row)) is True for node in rest)


def _test(model: Model, query: Mapping[str, Any], node: Mapping[str, Any], value: Callable[[str], Any]) -> bool | None:
    """SQL's three-valued logic over a filter tree."""
    if "and" in node or "or" in node:
        parts = [_test(model, query, child, value) for child in node.get("and", node.get("or", ()))]
        decisive = "and" not in node
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive
    return condition(value(node["member"]), node["operator"], node.get("values"), query.get("timezone", "UTC"))


def condition(value: Any, operator: str, values: Sequence[Any] | None, zone: str) -> bool | None:
    """One Cube operator on one value."""
    if operator in ("set", "notSet"):
        return (value is not None) == (operator == "set")
    assert values is not None
    if operator in _NEGATED:
        positive = condition(value, _NEGATED[operator], values, zone)
        # A NULL differs from every value, unless the list itself names NULL.
        return None not in values if value is None else not positive
    if operator.endswith(("DateRange", "Date")):
        return None if value is None else _time_condition(value, operator, values, zone)
    if operator == "equals":
        if value is None:
            return True if None in values else None
        return any(v is not None and _same(value, v) for v in values)
    if value is None:
        return None
    if operator in _COMPARE:
        return _COMPARE[operator](Decimal(str(value)), Decimal(str(values[0])))
    return any(_TEXT[operator](value.lower(), v.lower()) for v in values if v is not None)


_NEGATED = {
    "notEquals": "equals",
    "notContains": "contains",
    "notStartsWith": "startsWith",
    "notEndsWith": "endsWith",
}
_COMPARE: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startsWith": lambda text, part: text.startswith(part),
    "endsWith": lambda text, part: text.endswith(part),
}


def _same(value: Any, text: str) -> bool:
    if isinstance(value, bool):
        return value == (text == "true")
    return value == text if isinstance(value, str) else Decimal(str(value)) == Decimal(text)


def _bounds(values: Sequence[str], zone: str) -> tuple[datetime, datetime]:
    first, last = values[0], values[-1]
    end = f"{last}T23:59:59.999" if len(last) == 10 else last
    return _utc(datetime.fromisoformat(first), zone), _utc(datetime.fromisoformat(end), zone)


def _in_range(value: datetime | None, values: Sequence[str], zone: str) -> bool:
    start, end = _bounds(values, zone)
    return value is not None and start <= value <= end


def _time_condition(value: datetime, operator: str, values: Sequence[str], zone: str) -> bool:
    start, end = _bounds(values, zone)
    # A bare date in a one-sided operator is its first moment, as Cube has it.
    tests = {
        "inDateRange": start <= value <= end,
        "notInDateRange": not start <= value <= end,
        "beforeDate": value < start,
        "beforeOrOnDate": value <= start,
        "afterDate": value > start,
        "afterOrOnDate": value >= start,
    }
    return tests[operator]


@dataclass(frozen=True)
class _Rows:
    """The rows of a group, beside all that the query is about."""

    group: Sequence[Joined]
    every: Sequence[Joined]
    query: Mapping[str, Any]


def _at_moment(model: Model, measure: Measure, rows: _Rows) -> list[Joined]:
    """The rows of a group at the moment that counts in their bucket."""
    if measure.moment is None:
        return list(rows.group)
    time, zone = dimension(model, measure.moment), rows.query.get("timezone", "UTC")
    same = [part for part in rows.query.get("timeDimensions", ()) if part["dimension"] == measure.moment]
    keys = [_bucket(model, part, zone) for part in same if "granularity" in part]
    keys += [time] if measure.moment in rows.query.get("dimensions", ()) else []
    keys += [dimension(model, name) for name in measure.apart]
    moments: dict[Group, list[datetime]] = {}
    for row in rows.every:
        if (at := time(row)) is not None:
            moments.setdefault(tuple(key(row) for key in keys), []).append(at)
    chosen = {key: measure.choice(found) for key, found in moments.items()}
    return [row for row in rows.group if time(row) and time(row) == chosen[tuple(key(row) for key in keys)]]


def _aggregate(model: Model, path: str, rows: _Rows) -> Any:
    cube, name = path.split(".")
    measure = model[cube].measures[name]
    if measure.of is not None:
        return measure.of({need: _aggregate(model, need, rows) for need in measure.needs})
    once: dict[Group, Joined] = {}
    for row in _at_moment(model, measure, rows):
        record = row[cube]
        if record is not None:
            once.setdefault(tuple(record[k] for k in model[cube].key), row)
    kept = [row for row in once.values() if measure.where is None or measure.where(row) is True]
    if measure.kind == "count":
        return len(kept)
    values = [value for value in map(measure.value, kept) if value is not None]
    return _KINDS[measure.kind](values)


_KINDS: Mapping[str, Callable[[list[Any]], Any]] = {
    "sum": lambda values: sum(values) if values else None,
    "avg": lambda values: float(sum(values)) / len(values) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "count_distinct": lambda values: len(set(values)),
}
