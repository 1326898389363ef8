"""Date ranges in words and in figures, against a fixed clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic.errors import QueryFormatError
from semantic.query.dates import UNITS_OF_WORDS, add, parse_range, to_utc, truncate

BERLIN = ZoneInfo("Europe/Berlin")
# A Wednesday, half an hour before midnight in UTC: already Thursday in Berlin.
NOW = datetime(2024, 2, 28, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        ("today", "2024-02-29T00:00", "2024-02-29T23:59"),
        ("Yesterday", "2024-02-28T00:00", "2024-02-28T23:59"),
        ("this week", "2024-02-26T00:00", "2024-03-03T23:59"),
        ("last 3 days", "2024-02-26T00:00", "2024-02-28T23:59"),
        ("last quarter", "2023-10-01T00:00", "2023-12-31T23:59"),
        ("next 2 months", "2024-03-01T00:00", "2024-04-30T23:59"),
        ("from 7 days ago to now", "2024-02-22T00:00", "2024-02-29T23:59"),
        ("from 2024-01-01 to yesterday", "2024-01-01T00:00", "2024-02-28T23:59"),
        ("2024-01-31", "2024-01-31T00:00", "2024-01-31T23:59"),
        ("2024-01-31T10:00:00Z", "2024-01-31T00:00", "2024-01-31T23:59"),
        ("2024-01-31T23:30:00Z", "2024-02-01T00:00", "2024-02-01T23:59"),
        ("2024-01-05 to 2024-02-01", "2024-01-05T00:00", "2024-02-01T23:59"),
        ("from 2 hours ago to now", "2024-02-28T22:00", "2024-02-29T00:59"),
        ("from 2 days ago to 1 hour ago", "2024-02-27T00:00", "2024-02-28T23:59"),
        ("from 30 minutes ago to 2024-03-01", "2024-02-29T00:00", "2024-03-01T23:59"),
    ],
)
def test_words(words: str, start: str, end: str) -> None:
    span = parse_range(words, BERLIN, NOW)
    assert [text[:16] for text in span.texts()] == [start, end]


@pytest.mark.parametrize("words", ["yesteryear", "", "2024-02-30", "last 0x3 days", "9999-12-31"])
def test_what_is_no_date_is_said(words: str) -> None:
    with pytest.raises(QueryFormatError, match="Can't parse date"):
        parse_range(words, BERLIN, NOW)


def test_local_times_become_utc_across_a_clock_change() -> None:
    assert to_utc(datetime.fromisoformat("2024-03-31T01:00:00"), BERLIN) == datetime.fromisoformat(
        "2024-03-31T00:00:00"
    )
    assert to_utc(datetime.fromisoformat("2024-03-31T03:00:00"), BERLIN) == datetime.fromisoformat(
        "2024-03-31T01:00:00"
    )


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)), st.sampled_from(UNITS_OF_WORDS))  # noqa: DTZ001
def test_a_unit_holds_its_times(moment: datetime, unit: str) -> None:
    start = truncate(moment, unit)
    assert start <= moment < add(start, 1, unit)
    assert truncate(start, unit) == start
