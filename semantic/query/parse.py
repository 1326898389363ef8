"""A REST query in JSON to a `Query`: syntax checked, names looked up, dates resolved once, defaults filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from semantic.datamodel.properties import GRANULARITIES, OPERATORS
from semantic.datamodel.types import DataModel, Dimension, Measure, Segment
from semantic.errors import LimitExceededError, QueryFormatError, UnknownMemberError
from semantic.query.dates import parse_range
from semantic.query.filter_dates import dated
from semantic.query.types import Condition, DateRange, Filter, Group, Order, Query, TimeDimension

QueryType = Literal["regularQuery", "compareDateRangeQuery", "blendingQuery"]
DEFAULT_LIMIT = 10_000
MAX_LIMIT = 50_000

_MEMBER = re.compile(r"[a-zA-Z0-9_]+\.[a-zA-Z0-9_]+")
_MEMBER_PATTERN = "/^[a-zA-Z0-9_]+\\.[a-zA-Z0-9_]+$/"
_DIMENSION = re.compile(r"[a-zA-Z0-9_]+\.[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)?")
_DIMENSION_PATTERN = "/^[a-zA-Z0-9_]+\\.[a-zA-Z0-9_]+(\\.[a-zA-Z0-9_]+)?$/"
_PROPERTIES = frozenset(
    ["measures", "dimensions", "timeDimensions", "filters", "segments", "order", "limit", "offset", "total", "timezone",
     "ungrouped", "responseFormat", "renewQuery", "joinHints", "cacheMode", "cache"]
)  # fmt: skip
_TIME_PROPERTIES = frozenset(["dimension", "granularity", "dateRange", "fillMissingDates"])
_FORMATS = ("default", "compact", "columnar")
_CACHE_MODES = ("stale-if-slow", "stale-while-revalidate", "must-revalidate", "no-cache")
_CONDITION_KEYS = frozenset(["member", "dimension", "operator", "values"])
_OPERATORS = frozenset(OPERATORS)
_WITHOUT_VALUES = ("set", "notSet", "measureFilter")
_DEEPEST = 50
EMPTY = "Query should contain either measures, dimensions or timeDimensions with granularities in order to be valid"


@dataclass(frozen=True, slots=True)
class Request:
    """What one call asks for: one query, one per compared date range, or several to blend."""

    query_type: QueryType
    queries: tuple[Query, ...]


Parse = Callable[[Any], Query]
"""Parses a single query."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Rows given when a query does not say, and the most it may ask for; None is no limit."""

    default: int | None = DEFAULT_LIMIT
    highest: int | None = MAX_LIMIT


def parse_query(
    payload: Mapping[str, Any],
    model: DataModel,
    *,
    now: datetime,
    default_limit: int | None = DEFAULT_LIMIT,
    max_limit: int | None = MAX_LIMIT,
) -> Query:
    """One query. `now` (aware) is what relative dates are relative to.

    Raises QueryFormatError, UnknownMemberError or LimitExceededError, with the texts of real Cube's API.
    """
    return parse_payload(payload, model, now, Limits(default_limit, max_limit))


def parse_request(
    payload: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    model: DataModel,
    *,
    now: datetime,
    default_limit: int | None = DEFAULT_LIMIT,
    max_limit: int | None = MAX_LIMIT,
) -> Request:
    """Everything that the `query` of a REST call may be: a query, one with compareDateRange, or a list to blend."""
    limits = Limits(default_limit, max_limit)
    return parse_with(payload, lambda one: parse_payload(one, model, now, limits))


def parse_with(payload: object, parse: Parse) -> Request:
    """The same with a function that parses the single queries."""
    if isinstance(payload, (list, tuple)):
        return _parse_blending(payload, parse)
    if not isinstance(payload, Mapping):
        raise QueryFormatError('Invalid query format: "value" must be of type object', place="query")
    compared = _compared(payload)
    if compared is None:
        return Request("regularQuery", (parse(payload),))
    index, ranges = compared
    queries = []
    for date_range in ranges:
        times = list(payload["timeDimensions"])
        times[index] = {key: value for key, value in times[index].items() if key != "compareDateRange"}
        times[index]["dateRange"] = date_range
        queries.append(parse({**payload, "timeDimensions": times}))
    return Request("compareDateRangeQuery", tuple(queries))


def _parse_blending(payload: Sequence[Any], parse: Parse) -> Request:
    if not payload:
        raise QueryFormatError("Query param is required", place="query")
    queries = []
    for entry in payload:
        if not isinstance(entry, Mapping):
            raise QueryFormatError('Invalid query format: "value" must be of type object', place="query")
        if _compared(entry) is not None:
            raise QueryFormatError("Data blending query can not be used with compareDateRange", place="query")
        queries.append(parse(entry))
    if len(queries) == 1:
        return Request("regularQuery", tuple(queries))
    granularities = {time.granularity for query in queries for time in query.time_dimensions}
    if not all(any(time.granularity for time in query.time_dimensions) for query in queries):
        raise QueryFormatError("Data blending query time dimensions must have granularity", place="query")
    if len(granularities) > 1:
        raise QueryFormatError("Data blending query granularities must match", place="query")
    return Request("blendingQuery", tuple(queries))


def _compared(payload: Mapping[str, Any]) -> tuple[int, Sequence[Any]] | None:
    times = payload.get("timeDimensions")
    if not isinstance(times, (list, tuple)):
        return None
    found = [
        (index, time["compareDateRange"])
        for index, time in enumerate(times)
        if isinstance(time, Mapping) and time.get("compareDateRange") is not None
    ]
    if not found:
        return None
    if len(found) > 1:
        raise QueryFormatError("compareDateRange can only exist for one timeDimension", place="timeDimensions")
    index, ranges = found[0]
    place = f"timeDimensions[{index}]"
    if not isinstance(ranges, (list, tuple)) or not ranges:
        raise _invalid(f'"{place}.compareDateRange" must be an array', place)
    if "dateRange" in times[index]:
        raise _invalid(f'"{place}" contains a conflict between optional exclusive peers [dateRange, compareDateRange]',
                       place)  # fmt: skip
    return index, ranges


def _invalid(message: str, place: str) -> QueryFormatError:
    return QueryFormatError(f"Invalid query format: {message}", place=place)


# One query


def parse_payload(payload: Any, model: DataModel, now: datetime, limits: Limits) -> Query:
    """One query, as `parse_query` does it."""
    if not isinstance(payload, Mapping):
        raise _invalid('"value" must be of type object', "query")
    for key in payload:
        if key not in _PROPERTIES:
            raise _invalid(f'"{key}" is not allowed', str(key) or "query")
    check_cache(payload)
    timezone = timezone_of(payload)
    zone = zone_of(timezone)
    measures = _names(payload, "measures", _MEMBER, _MEMBER_PATTERN)
    named = _names(payload, "dimensions", _DIMENSION, _DIMENSION_PATTERN)
    dimensions = tuple(name for name in named if name.count(".") == 1)
    bucketed = tuple(_bucketed(name) for name in named if name.count(".") == 2)
    query = Query(
        measures=measures,
        dimensions=dimensions,
        time_dimensions=(*_time_dimensions(payload, zone, now), *bucketed),
        segments=_names(payload, "segments", _MEMBER, _MEMBER_PATTERN),
        filters=tuple(dated(entry, zone, now) for entry in _filters(payload)),
        order=_order(payload),
        limit=_limit(payload, limits),
        offset=_count(payload, "offset") or 0,
        timezone=timezone,
        ungrouped=_flag(payload, "ungrouped"),
        total=_flag(payload, "total"),
        join_hints=_join_hints(payload),
        response_format=_response_format(payload),
        given=payload,
        now=now,
    )
    if not (query.measures or query.dimensions or any(time.granularity for time in query.time_dimensions)):
        raise QueryFormatError(EMPTY, place="query")
    check_members(query, model)
    return query


@lru_cache(maxsize=4096)
def _matches(pattern: re.Pattern[str], name: str) -> bool:
    return pattern.fullmatch(name) is not None


def _bucketed(name: str) -> TimeDimension:
    dimension, _, granularity = name.rpartition(".")
    return TimeDimension(dimension, granularity)


def check_cache(payload: Mapping[str, Any]) -> None:
    """Raises QueryFormatError for a mode of the cache that Cube does not know; none changes anything here."""
    for key in ("cache", "cacheMode"):
        if payload.get(key) is not None and payload[key] not in _CACHE_MODES:
            raise _invalid(f'"{key}" must be one of [{", ".join(_CACHE_MODES)}]', key)


def timezone_of(payload: Mapping[str, Any]) -> str:
    """The zone's own name, however it is written. Raises QueryFormatError for one that there is not."""
    timezone = payload.get("timezone")
    if timezone is None or timezone == "":
        return "UTC"
    if not isinstance(timezone, str):
        raise _invalid('"timezone" must be a string', "timezone")
    known = _timezones().get(timezone.lower())
    if known is None:
        raise _invalid(f'"timezone" must be a valid IANA time zone, got "{timezone}"', "timezone")
    return known


@lru_cache(maxsize=1)
def _timezones() -> Mapping[str, str]:
    return {name.lower(): name for name in available_timezones()}


@lru_cache(maxsize=1024)
def zone_of(timezone: str) -> ZoneInfo:
    """The zone of a name that is known to be one."""
    return ZoneInfo(timezone)


def _names(payload: Mapping[str, Any], key: str, pattern: re.Pattern[str], shown: str) -> tuple[str, ...]:
    values = payload.get(key)
    if values is None:
        return ()
    if not isinstance(values, (list, tuple)):
        raise _invalid(f'"{key}" must be an array', key)
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise _invalid(f'"{key}[{index}]" must be a string', f"{key}[{index}]")
        if not _matches(pattern, value):
            message = f'"{key}[{index}]" with value "{value}" fails to match the required pattern: {shown}'
            raise _invalid(message, f"{key}[{index}]")
    return tuple(dict.fromkeys(values))


def _time_dimensions(payload: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> tuple[TimeDimension, ...]:
    values = payload.get("timeDimensions")
    if values is None:
        return ()
    if not isinstance(values, (list, tuple)):
        raise _invalid('"timeDimensions" must be an array', "timeDimensions")
    return tuple(_time_dimension(value, f"timeDimensions[{index}]", zone, now) for index, value in enumerate(values))


def _time_dimension(value: Any, place: str, zone: ZoneInfo, now: datetime) -> TimeDimension:
    if not isinstance(value, Mapping):
        raise _invalid(f'"{place}" must be of type object', place)
    for key in value:
        if key not in _TIME_PROPERTIES:
            raise _invalid(f'"{place}.{key}" is not allowed', place)
    name = value.get("dimension")
    if not isinstance(name, str):
        raise _invalid(f'"{place}.dimension" is required', place)
    if not _matches(_MEMBER, name):
        message = f'"{place}.dimension" with value "{name}" fails to match the required pattern: {_MEMBER_PATTERN}'
        raise _invalid(message, place)
    granularity = value.get("granularity")
    if granularity is not None and not (isinstance(granularity, str) and granularity):
        raise _invalid(f'"{place}.granularity" must be a string', place)
    span = _date_range(value.get("dateRange"), place, zone, now)
    fill = value.get("fillMissingDates")
    if fill is not None and not isinstance(fill, bool):
        raise _invalid(f'"{place}.fillMissingDates" must be a boolean', place)
    if fill and (granularity is None or span is None):
        message = f'"{place}.fillMissingDates" needs a granularity and a dateRange beside it'
        raise QueryFormatError(message, place=place, advice="say which buckets of which range", code="fill")
    return TimeDimension(name, granularity, span, bool(fill))


def _date_range(value: Any, place: str, zone: ZoneInfo, now: datetime) -> DateRange | None:
    if value is None:
        return None
    if isinstance(value, str):
        return parse_range(value, zone, now)
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise _invalid(f'"{place}.dateRange" must be one of [array, string]', place)
    if not 1 <= len(value) <= 2:
        raise _invalid(f'"{place}.dateRange" must contain one or two items', place)
    return parse_range(value, zone, now)


# Filters


def _filters(payload: Mapping[str, Any]) -> tuple[Filter, ...]:
    values = payload.get("filters")
    if values is None:
        return ()
    if not isinstance(values, (list, tuple)):
        raise _invalid('"filters" must be an array', "filters")
    return tuple(_filter(value, f"filters[{index}]", 0) for index, value in enumerate(values))


def _filter(value: Any, place: str, depth: int) -> Filter:
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        raise _invalid(f'"{place}" does not match any of the allowed types', place)
    connectors: tuple[Literal["and", "or"], ...] = ("and", "or")
    for connector in connectors:
        if connector in value:
            children = value[connector]
            if len(value) != 1 or not isinstance(children, (list, tuple)):
                raise _invalid(f'"{place}" does not match any of the allowed types', place)
            nested = (_filter(child, f"{place}.{connector}[{i}]", depth + 1) for i, child in enumerate(children))
            return Group(connector, tuple(nested))
    return _condition(value, place)


def _condition(value: Mapping[str, Any], place: str) -> Condition:
    name = value.get("member", value.get("dimension"))
    operator = value.get("operator")
    known = value.keys() <= _CONDITION_KEYS and isinstance(operator, str) and operator in _OPERATORS
    if "member" in value and "dimension" in value:
        raise _invalid(f'"{place}" does not match any of the allowed types', place)
    if not known or not isinstance(name, str) or not _matches(_MEMBER, name):
        raise _invalid(f'"{place}" does not match any of the allowed types', place)
    values = value.get("values")
    if values is not None and not isinstance(values, (list, tuple)):
        raise _invalid(f'"{place}" does not match any of the allowed types', place)
    if not values and operator not in _WITHOUT_VALUES:
        shown = json.dumps(dict(value), separators=(",", ":"), ensure_ascii=False)
        raise QueryFormatError(f"Values required for filter: {shown}", place=place, advice="give at least one value")
    return Condition(name, str(operator), tuple(filter_value(item, place) for item in values or ()))


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def filter_value(value: Any, place: str) -> str | None:
    """A value of a condition as a text, or None for NULL. Raises QueryFormatError for what can be neither."""
    if value is None:
        return value
    if isinstance(value, str):
        if not value.isascii() and not _is_text(value):
            raise _invalid(f'"{place}" has half of a character in it, which is no text', place)
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value == value and abs(value) != float("inf"):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    raise _invalid(f'"{place}" does not match any of the allowed types', place)


# The rest of a query


def _order(payload: Mapping[str, Any]) -> tuple[Order, ...] | None:
    order = payload.get("order")
    if order is None:
        return None
    pairs: list[Any] = list(order.items()) if isinstance(order, Mapping) else order
    if not isinstance(pairs, (list, tuple)):
        raise _invalid('"order" must be one of [object, array]', "order")
    found = []
    for index, pair in enumerate(pairs):
        place = f"order[{index}]"
        if isinstance(pair, Mapping) and set(pair) == {"id", "desc"}:
            pair = (pair["id"], "desc" if pair["desc"] else "asc")
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise _invalid(f'"{place}" must be an array of a member and asc or desc', place)
        if _DIMENSION.fullmatch(pair[0]) is None:
            raise _invalid(f'"order.{pair[0]}" is not allowed', place)
        if pair[1] not in ("asc", "desc", "none"):
            raise _invalid(f'"order.{pair[0]}" must be one of [asc, desc]', place)
        if pair[1] != "none":
            found.append(Order(pair[0], pair[1] == "desc"))
    if isinstance(order, Mapping) and not order:
        return None
    return tuple(found)


def _limit(payload: Mapping[str, Any], limits: Limits) -> int | None:
    limit = _count(payload, "limit")
    if limit is None:
        return limits.default
    if limits.highest is not None and limit > limits.highest:
        advice = f"ask for at most {limits.highest} rows, and page with offset"
        raise LimitExceededError("The query limit has been exceeded.", place="limit", advice=advice)
    return limit


def _count(payload: Mapping[str, Any], key: str) -> int | None:
    value = payload.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _invalid(f'"{key}" must be a number', key)
    if value != value or int(min(max(value, -1), 2**62)) != value:
        raise _invalid(f'"{key}" must be an integer', key) if value >= 0 else _negative(key)
    if value < 0:
        raise _negative(key)
    return int(value)


def _negative(key: str) -> QueryFormatError:
    return _invalid(f'"{key}" must be greater than or equal to 0', key)


def _flag(payload: Mapping[str, Any], key: str) -> bool:
    value = payload.get(key)
    if value is not None and not isinstance(value, bool):
        raise _invalid(f'"{key}" must be a boolean', key)
    return bool(value)


def _response_format(payload: Mapping[str, Any]) -> Any:
    value = payload.get("responseFormat")
    if value is None:
        return "default"
    if value not in _FORMATS:
        raise _invalid(f'"responseFormat" must be one of [{", ".join(_FORMATS)}]', "responseFormat")
    return value


def _join_hints(payload: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    hints = payload.get("joinHints")
    if hints is None:
        return ()
    good = isinstance(hints, (list, tuple)) and all(
        isinstance(hint, (list, tuple)) and hint and all(isinstance(cube, str) for cube in hint) for hint in hints
    )
    if not good:
        raise _invalid('"joinHints" must be an array of arrays of cube names', "joinHints")
    return tuple(tuple(hint) for hint in hints)


# Names


def check_members(query: Query, model: DataModel) -> None:
    """Raise UnknownMemberError for the first name that the data model does not have, or not of that kind."""
    for name in query.measures:
        _find(model, name, _MEASURES)
    for name in query.dimensions:
        _find(model, name, _DIMENSIONS)
    for time in query.time_dimensions:
        _find(model, time.dimension, _DIMENSIONS)
        _check_time(model, time.dimension)
        check_granularity(model, time.dimension, time.granularity)
    for name in query.segments:
        _find(model, name, _SEGMENTS)
    for entry in query.filters:
        _check_filter(model, entry)
    for hint in query.join_hints:
        for cube in hint:
            if cube not in model.cubes:
                raise _unknown_cube(model, cube, cube)


_MEASURES: Mapping[type, str] = {Measure: "measures"}
_DIMENSIONS: Mapping[type, str] = {Dimension: "dimensions"}
_SEGMENTS: Mapping[type, str] = {Segment: "segments"}
_COMPARABLE = {**_MEASURES, **_DIMENSIONS}


def _check_filter(model: DataModel, entry: Filter) -> None:
    if isinstance(entry, Group):
        for child in entry.children:
            _check_filter(model, child)
    elif isinstance(entry, Condition):
        _find(model, entry.member, _COMPARABLE)
    else:
        for name in entry.members:
            _find(model, name, _COMPARABLE)


def _find(model: DataModel, name: str, kinds: Mapping[type, str]) -> None:
    found = model.member(name)
    if type(found) in kinds:
        return
    cube_name, _, member = name.partition(".")
    cube = model.cubes.get(cube_name)
    if cube is None:
        raise _unknown_cube(model, cube_name, name)
    advice = f"{name} exists, but it is not among the {' or '.join(kinds.values())}" if found else _near(member, cube)
    raise UnknownMemberError(f"'{member}' not found for path '{name}'", place=name, advice=advice)


def _check_time(model: DataModel, name: str) -> None:
    dimension = model.member(name)
    if isinstance(dimension, Dimension) and dimension.type != "time":
        message = f"Dimension '{name}' is of type {dimension.type}, and timeDimensions take only type time"
        raise UnknownMemberError(message, place=name, advice="put it into dimensions", code="not_a_time")


def _near(member: str, cube: Any) -> str:
    near = get_close_matches(member, [*cube.measures, *cube.dimensions, *cube.segments], n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"look at the members of {cube.name} in /meta"


def _unknown_cube(model: DataModel, cube: str, path: str) -> UnknownMemberError:
    advice = "look at /meta for the cubes and views there are"
    if cube in model.broken:
        advice = f"{cube} is broken: {model.broken[cube][0] if model.broken[cube] else 'see the data model'}"
    return UnknownMemberError(f"Cube '{cube}' not found for path '{path}'", place=path, advice=advice)


def check_granularity(model: DataModel, name: str, granularity: str | None) -> None:
    """Raise UnknownMemberError unless the time dimension has this granularity."""
    if granularity is None or granularity in GRANULARITIES:
        return
    member = model.member(name)
    custom = getattr(member, "granularities", ())
    if not any(entry.name == granularity for entry in custom):
        known = ", ".join([*GRANULARITIES, *(entry.name for entry in custom)])
        message = f'Granularity "{granularity}" does not exist in dimension {name}'
        raise UnknownMemberError(message, place=name, advice=f"it has {known}", code="unknown_granularity")
