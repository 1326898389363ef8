"""Intervals as Cube writes them: `1 month`, `2 weeks 3 days`."""

from __future__ import annotations

import re
from datetime import datetime

UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
_PART = re.compile(r"(-?\d{1,6})\s+(second|minute|hour|day|week|month|quarter|year)s?")
_ORIGIN = re.compile(r"\d{4}(-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?Z?)?)?)?")

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 2_629_746,
           "quarter": 7_889_238, "year": 31_556_952}  # fmt: skip
"""How long a unit is, on average."""

Interval = tuple[tuple[int, str], ...]


def parse_interval(text: str) -> Interval:
    """`"1 year 3 months"` -> `((1, "year"), (3, "month"))`. Raises ValueError for anything else."""
    parts = [(int(match[1]), match[2]) for match in _PART.finditer(text)]
    if not parts or _PART.sub("", text).strip():
        raise ValueError(f"`{text}` is not an interval like `1 month` or `2 weeks 3 days`")
    return tuple(parts)


def is_interval(text: str) -> bool:
    """Whether a text is an interval."""
    try:
        parse_interval(text)
    except ValueError:
        return False
    return True


def parse_origin(text: str) -> datetime:
    """Where buckets of a custom granularity are counted from: `2024`, `2024-02`, `2024-02-01` or a date and time,
    without a zone. Raises ValueError for anything else."""
    if not _ORIGIN.fullmatch(text):
        raise ValueError(f"`{text}` is no date like `2024-02-01` and no time like `2024-02-01 06:00`")
    return datetime.fromisoformat(text + "2024-01-01"[len(text) :] if len(text) < 10 else text.removesuffix("Z"))


def is_origin(text: str) -> bool:
    """Whether a text is the origin of a granularity."""
    try:
        parse_origin(text)
    except ValueError:
        return False
    return True


def seconds(interval: Interval) -> int:
    """How long an interval is on average."""
    return sum(count * SECONDS[unit] for count, unit in interval)


def is_of_months(unit: str) -> bool:
    """Whether a unit is made of whole months, which are not all of one length."""
    return unit in ("month", "quarter", "year")


def smallest_unit(interval: Interval) -> str:
    """The finest unit in an interval."""
    return min((unit for _, unit in interval), key=UNITS.index)


def divides_parent(interval: Interval) -> bool:
    """Whether equal buckets of this interval fill a larger unit, so that buckets have a natural start.

    `15 minutes` fills an hour and `1 quarter` a year; `2 weeks` or `45 minutes` fill nothing and need an `origin`.
    """
    if len(interval) != 1:
        return False
    count, unit = interval[0]
    if count <= 0:
        return False
    parents = {"second": 60, "minute": 60, "hour": 24, "month": 12, "quarter": 4}
    if unit in parents:
        return parents[unit] % count == 0
    return unit == "year" or count == 1
