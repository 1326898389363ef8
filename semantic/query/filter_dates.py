"""Dates of filters in words: `last month` in `inDateRange`, `today` in `beforeDate`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from semantic.errors import QueryFormatError
from semantic.query.dates import parse_range
from semantic.query.types import Condition, Filter, Group

_SPANS = frozenset(["inDateRange", "notInDateRange", "onTheDate"])
_STARTS = frozenset(["beforeDate", "afterOrOnDate"])
_ENDS = frozenset(["beforeOrOnDate", "afterDate"])
DATED = _SPANS | _STARTS | _ENDS
_ABSOLUTE = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?\s*(Z|[+-]\d{2}(:?\d{2})?)?)?", re.IGNORECASE
)


def dated(entry: Filter, zone: ZoneInfo, now: datetime) -> Filter:
    """A filter with its words resolved against `now` (aware), as Cube does it: a span becomes its two ends, the other
    operators take the end of the words that they are about. Dates and times stay as they are.

    Raises QueryFormatError for words that are no date, and for words among several values.
    """
    if isinstance(entry, Group):
        return replace(entry, children=tuple([dated(child, zone, now) for child in entry.children]))
    if not isinstance(entry, Condition) or entry.operator not in DATED:
        return entry
    values = resolved_dates(entry.operator, entry.values, zone, now)
    return entry if values is entry.values else replace(entry, values=values)


def resolved_dates(
    operator: str, values: tuple[str | None, ...], zone: ZoneInfo, now: datetime
) -> tuple[str | None, ...]:
    """The values of one of the operators of dates."""
    if len(values) != 1 or values[0] is None:
        if operator in _SPANS and not all(one is None or _ABSOLUTE.fullmatch(one.strip()) for one in values):
            raise _words_among(operator, values)
        return values
    if operator in _SPANS:
        return tuple(parse_range(values[0], zone, now).texts())
    if _ABSOLUTE.fullmatch(values[0].strip()):
        return values
    start, end = parse_range(values[0], zone, now).texts()
    return (start,) if operator in _STARTS else (end,)


def _words_among(operator: str, values: Sequence[str | None]) -> QueryFormatError:
    shown = ", ".join(f'"{one}"' for one in values)
    message = (
        f"Relative-date strings are only supported when `values` has a single element for operator `{operator}`. Pass "
        f'an absolute two-element [start, end] pair, or a single relative string like ["last 2 weeks"]. Got: [{shown}]'
    )
    return QueryFormatError(message, place="filters", advice="give two dates, or one text", code="date_range")
