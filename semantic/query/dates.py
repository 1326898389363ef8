"""Date ranges, absolute and in words, to local times: `last 3 days`, `this month`, `from 7 days ago to now`."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from semantic.errors import QueryFormatError
from semantic.query.types import DateRange

UNITS_OF_WORDS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
_UNIT = f"({'|'.join(UNITS_OF_WORDS)})"
_THIS = re.compile(rf"(?:this|current)\s+{_UNIT}")
_LAST = re.compile(rf"(last|next)\s+(?:(\d{{1,6}})\s+)?{_UNIT}s?")
_FROM_TO = re.compile(r"from (.+?) to (.+)|(\d{4}-\d{2}-\d{2}\S*) to (\d{4}-\d{2}-\d{2}\S*)")
_AGO = re.compile(rf"(\d{{1,6}})\s+{_UNIT}s?\s+(ago|from now)")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?", re.IGNORECASE
)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_SPANS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_MILLISECOND = timedelta(milliseconds=1)


def parse_range(value: str | Sequence[str], zone: ZoneInfo, now: datetime) -> DateRange:
    """A date range as a REST query has it: words, one date, or a list of one or two dates.

    `now` is an aware time. Both ends are inclusive; an end that is a whole day ends at 23:59:59.999.
    Raises QueryFormatError (`Can't parse date: ...`).
    """
    try:
        if isinstance(value, str):
            return _in_words(value, zone, _local(now, zone))
        start, end = (value[0], value[-1])
        if _DAY.match(start) and _DAY.match(end):
            return _between(start, end, zone)
        return DateRange(_bound(start, zone, now).start, _bound(end, zone, now).end)
    except (OverflowError, ValueError):
        raise _unreadable(value) from None


def parse_time(value: str, zone: ZoneInfo) -> DateRange:
    """One date or time as the range that it spans: a whole day, or a single millisecond.

    Raises QueryFormatError for anything that is not an ISO date or time.
    """
    try:
        return _absolute(value.strip(), zone)
    except (OverflowError, ValueError):
        raise _unreadable(value) from None


def to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """A local time as naive UTC. Times that a clock change skips or repeats are taken at the first offset."""
    # Times that differ in their fold alone are equal, and are not the same time.
    return local if zone.key == "UTC" else _to_utc(local, local.fold, zone)


@lru_cache(maxsize=4096)
def _to_utc(local: datetime, fold: int, zone: ZoneInfo) -> datetime:
    try:
        return local - (local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0))
    except OverflowError:
        return local


def _local(now: datetime, zone: ZoneInfo) -> datetime:
    return now.astimezone(zone).replace(tzinfo=None)


def _unreadable(value: str | Sequence[str]) -> QueryFormatError:
    shown = value if isinstance(value, str) else ", ".join(str(item) for item in value)
    advice = "write 2024-01-31, 2024-01-31T12:00:00, `last 7 days`, `this month` or `from 30 days ago to now`"
    return QueryFormatError(f"Can't parse date: '{shown}'", place="dateRange", advice=advice, code="date_range")


@lru_cache(maxsize=4096)
def _between(start: str, end: str, zone: ZoneInfo) -> DateRange:
    """The range of two dates or times, of which neither hangs on what time it is."""
    return DateRange(_absolute(start.strip(), zone).start, _absolute(end.strip(), zone).end)


def _bound(text: str, zone: ZoneInfo, now: datetime) -> DateRange:
    stripped = text.strip()
    if _DAY.match(stripped):
        return _absolute(stripped, zone)
    return _in_words(text, zone, _local(now, zone))


def _in_words(text: str, zone: ZoneInfo, local: datetime) -> DateRange:
    words = " ".join(text.lower().split())
    if (match := _FROM_TO.fullmatch(words)) is not None:
        unit = _exactness(words)
        start, end = (_moment(part, unit, zone, local) for part in match.groups() if part is not None)
        return DateRange(start.start, end.end)
    if (match := _THIS.fullmatch(words)) is not None:
        return _span(local, match[1], 0, 0)
    if (match := _LAST.fullmatch(words)) is not None:
        count = int(match[2] or 1)
        first, last = (-count, -1) if match[1] == "last" else (1, count)
        return _span(local, match[3], first, last)
    moment = _moment(words, _exactness(words), zone, local)
    # One time as a text stands for its day, as in Cube.
    return _span(moment.start, "day", 0, 0) if moment.start == moment.end else moment


def _exactness(words: str) -> str:
    """As in Cube: the finest of the units that are named, in all of the words, but no larger one than a day."""
    return next((unit for unit in ("second", "minute", "hour") if unit in words), "day")


def _moment(words: str, unit: str, zone: ZoneInfo, local: datetime) -> DateRange:
    """A day, a time, or the `unit` that some time ago lies in."""
    if words == "now":
        return _span(local, unit, 0, 0)
    days = {"today": 0, "yesterday": -1, "tomorrow": 1}.get(words)
    if days is not None:
        return _span(local, "day", days, days)
    if (match := _AGO.fullmatch(words)) is not None:
        sign = -1 if match[3] == "ago" else 1
        return _span(add(local, sign * int(match[1]), match[2]), unit, 0, 0)
    return _absolute(words, zone)


@lru_cache(maxsize=4096)
def _absolute(text: str, zone: ZoneInfo) -> DateRange:
    if _DAY.fullmatch(text) is not None:
        start = datetime.fromisoformat(text)
        return DateRange(start, start + timedelta(days=1) - _MILLISECOND)
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    fraction = (match[4] or "0").ljust(6, "0")[:6]
    moment = datetime.fromisoformat(f"{match[1]}T{match[2]}:{match[3] or '00'}").replace(microsecond=int(fraction))
    if match[5] is not None:
        offset = match[5].upper().replace("Z", "+00:00")
        aware = datetime.fromisoformat(
            moment.isoformat() + (offset if ":" in offset else f"{offset[:3]}:{offset[3:] or '00'}")
        )
        moment = aware.astimezone(zone).replace(tzinfo=None)
    return DateRange(moment, moment)


def _span(local: datetime, unit: str, first: int, last: int) -> DateRange:
    start = truncate(add(local, first, unit), unit)
    end = add(truncate(add(local, last, unit), unit), 1, unit) - _MILLISECOND
    return DateRange(start, end)


def add(moment: datetime, count: int, unit: str) -> datetime:
    """A time some units later; months keep the day, or take the month's last. Raises OverflowError past year 9999."""
    if unit in _SPANS:
        return moment + timedelta(seconds=count * _SPANS[unit])
    months = moment.year * 12 + moment.month - 1 + count * _MONTHS[unit]
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError(f"year {year}")
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def truncate(moment: datetime, unit: str) -> datetime:
    """The start of the unit that a time lies in; weeks begin on Monday."""
    if unit == "second":
        return moment.replace(microsecond=0)
    if unit == "minute":
        return moment.replace(second=0, microsecond=0)
    if unit == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "day":
        return day
    if unit == "week":
        return day - timedelta(days=day.weekday())
    first = day.replace(day=1)
    if unit == "month":
        return first
    if unit == "quarter":
        return first.replace(month=first.month - (first.month - 1) % 3)
    return first.replace(month=1)
