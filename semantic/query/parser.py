"""Parses requests over one data model; of a shape that it has seen before only the values are looked at."""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from semantic.datamodel.types import DataModel
from semantic.errors import QueryFormatError
from semantic.query.dates import parse_range
from semantic.query.filter_dates import DATED, resolved_dates
from semantic.query.parse import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Limits,
    Request,
    filter_value,
    parse_payload,
    parse_with,
    zone_of,
)
from semantic.query.types import Condition, Filter, Group, Query, TimeDimension

_MOST = 4096
_LONGEST = 16_384
_EXACT = 2
"""The last of marshal's versions that writes equal values alike, whoever else refers to them."""
_TO_FILL = (None,)
"""The values of a condition in a template, where those of a request belong."""


@dataclass(frozen=True, slots=True)
class _Values:
    """What a request says besides its shape: the values of each condition that has some, the range of each time
    dimension, in the order of writing."""

    conditions: list[Sequence[Any]]
    ranges: list[str | Sequence[str] | None]


class Parser:
    """Parses requests as `parse_request` does, with the same results and the same errors.

    The shape of a request is all of it but the values of conditions and date ranges. A shape that was accepted once is
    accepted again if its values are; what is refused goes the long way, which knows the reason. Safe to use from
    several threads: a template made twice is the same template.
    """

    def __init__(self, model: DataModel) -> None:
        self.model = model
        self._templates: dict[tuple[bytes, int | None, int | None], Query] = {}

    def request(
        self,
        payload: object,
        *,
        now: datetime,
        default_limit: int | None = DEFAULT_LIMIT,
        max_limit: int | None = MAX_LIMIT,
    ) -> Request:
        """Everything that the `query` of a REST call may be. Raises as `parse_request` does."""
        limits = Limits(default_limit, max_limit)
        return parse_with(payload, lambda one: self._query(one, now, limits))

    def query(
        self,
        payload: object,
        *,
        now: datetime,
        default_limit: int | None = DEFAULT_LIMIT,
        max_limit: int | None = MAX_LIMIT,
    ) -> Query:
        """One query. Raises as `parse_query` does."""
        return self._query(payload, now, Limits(default_limit, max_limit))

    def _query(self, payload: Any, now: datetime, limits: Limits) -> Query:
        values = _Values([], [])
        try:
            shape = marshal.dumps(_shape(payload, values), _EXACT)
        except (ValueError, RecursionError):
            # Not of JSON's own types, or nested too deeply.
            return parse_payload(payload, self.model, now, limits)
        key = (shape, limits.default, limits.highest)
        template = self._templates.get(key)
        if template is None:
            query = parse_payload(payload, self.model, now, limits)
            self._remember(key, query)
            return query
        try:
            return _filled(template, values, payload, now)
        except (QueryFormatError, StopIteration):
            return parse_payload(payload, self.model, now, limits)

    def _remember(self, key: tuple[bytes, int | None, int | None], query: Query) -> None:
        if len(key[0]) > _LONGEST:
            return
        if len(self._templates) >= _MOST:
            self._templates.pop(next(iter(self._templates)), None)
        times = tuple(replace(time, date_range=None) for time in query.time_dimensions)
        filters = tuple(_emptied(entry) for entry in query.filters)
        template = replace(query, time_dimensions=times, filters=filters, given={}, now=None)
        self._templates[key] = template.with_form(object())


# Shapes. An Ellipsis stands where values were: no JSON has one, and one of a caller's own is a ValueError, as is (by
# marshal) any subclass, so that nothing but lists and tuples can hold values.


def _shape(payload: Any, values: _Values) -> Any:
    """A request without the values, which go to `values`."""
    if type(payload) is not dict:
        return payload
    shape = payload.copy()
    filters, times = payload.get("filters"), payload.get("timeDimensions")
    if type(filters) is list or type(filters) is tuple:
        shape["filters"] = [_without_values(entry, values.conditions) for entry in filters]
    if type(times) is list or type(times) is tuple:
        shape["timeDimensions"] = [_without_range(entry, values.ranges) for entry in times]
    return shape


def _without_values(entry: Any, found: list[Sequence[Any]]) -> Any:
    if type(entry) is not dict:
        return entry
    values = entry.get("values")
    if values:
        if type(values) is not list and type(values) is not tuple:
            raise ValueError(values)
        found.append(values)
        entry = entry.copy()
        entry["values"] = ...
        return entry
    for connector in ("and", "or"):
        children = entry.get(connector)
        if type(children) is list or type(children) is tuple:
            return {**entry, connector: [_without_values(child, found) for child in children]}
    return entry


def _without_range(entry: Any, found: list[str | Sequence[str] | None]) -> Any:
    span = entry.get("dateRange") if type(entry) is dict else None
    if type(span) is str or ((type(span) is list or type(span) is tuple) and _are_one_or_two_texts(span)):
        found.append(span)
        return {**entry, "dateRange": ...}
    if span is ...:
        raise ValueError(span)
    found.append(None)
    return entry


def _are_one_or_two_texts(span: Sequence[Any]) -> bool:
    return 0 < len(span) <= 2 and type(span[0]) is str and type(span[-1]) is str


# Templates


def _emptied(entry: Filter) -> Filter:
    if isinstance(entry, Group):
        return Group(entry.connector, tuple(_emptied(child) for child in entry.children))
    return replace(entry, values=_TO_FILL) if isinstance(entry, Condition) and entry.values else entry


def _filled(template: Query, values: _Values, payload: Any, now: datetime) -> Query:
    """A template with the values of a request. Raises QueryFormatError for one that cannot be."""
    lists = iter(values.conditions)
    times = template.time_dimensions
    if times:
        times = _with_ranges(times, values.ranges, template.timezone, now)
    return Query(
        template.measures,
        template.dimensions,
        times,
        template.segments,
        tuple([_with_values(entry, lists, template.timezone, now) for entry in template.filters]),
        template.order,
        template.limit,
        template.offset,
        template.timezone,
        template.ungrouped,
        template.total,
        template.join_hints,
        response_format=template.response_format,
        given=payload,
        now=now,
    ).with_form(template.form)


def _with_values(entry: Filter, lists: Iterator[Sequence[Any]], timezone: str, now: datetime) -> Filter:
    if type(entry) is Group:
        return Group(entry.connector, tuple([_with_values(one, lists, timezone, now) for one in entry.children]))
    if type(entry) is Condition and entry.values is _TO_FILL:
        values: tuple[str | None, ...] = tuple([filter_value(one, "") for one in next(lists)])
        if entry.operator in DATED:
            values = resolved_dates(entry.operator, values, zone_of(timezone), now)
        return Condition(entry.member, entry.operator, values)
    return entry


def _with_ranges(
    times: Sequence[TimeDimension], ranges: Sequence[str | Sequence[str] | None], timezone: str, now: datetime
) -> tuple[TimeDimension, ...]:
    """The time dimensions of a request with its ranges; those among the dimensions, which come after them, have
    none."""
    zone = zone_of(timezone)
    found = list(times)
    for place, span in enumerate(ranges):
        if span is not None:
            one = found[place]
            date_range = parse_range(span, zone, now)
            found[place] = TimeDimension(one.dimension, one.granularity, date_range, one.fill_missing_dates)
    return tuple(found)
