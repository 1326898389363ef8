"""Buckets of custom granularities, against counting by hand."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from semantic.datamodel.load import load_sources
from semantic.errors import DataModelError
from tests.semantic.judge import ours, rows

MODEL = """
cubes:
  - name: rows
    sql_table: facts
    dimensions:
      - name: at
        sql: happened_at
        type: time
        granularities:
          - { name: tax_year, interval: 1 year, origin: "2024-04-06" }
          - { name: five_months, interval: 5 months, origin: "2023-11-15 12:00" }
          - { name: late_quarter, interval: 1 quarter, origin: "2024-02" }
    measures:
      - { name: count, type: count }
"""
BUCKETS = {
    "tax_year": (12, datetime.fromisoformat("2024-04-06")),
    "five_months": (5, datetime.fromisoformat("2023-11-15T12:00")),
    "late_quarter": (3, datetime.fromisoformat("2024-02-01")),
}


def _by_hand(time: datetime, months: int, origin: datetime) -> datetime:
    """The last of `origin`, `origin` and some months, ... that is not after the time."""
    begin = origin
    while begin > time:
        begin = _later(begin, -months)
    while _later(begin, months) <= time:
        begin = _later(begin, months)
    return begin


def _later(time: datetime, months: int) -> datetime:
    years, month = divmod(time.month - 1 + months, 12)
    return time.replace(year=time.year + years, month=month + 1)


@pytest.mark.parametrize("dialect", ours.DIALECTS)
@pytest.mark.parametrize("name", BUCKETS)
def test_months_counted_from_an_origin_inside_a_month(name: str, dialect: ours.Dialect) -> None:
    dice = random.Random(6)
    times = [datetime.fromisoformat("2022-01-01") + timedelta(hours=dice.randrange(24 * 1400)) for _ in range(80)]
    edges = ("2025-04-05T23:59", "2025-04-06", "2023-11-15T11:59", "2024-04-15T12:00")
    times += [datetime.fromisoformat(edge) for edge in edges]
    expected: dict[str, int] = {}
    for time in times:
        begin = _by_hand(time, *BUCKETS[name]).isoformat(timespec="milliseconds")
        expected[begin] = expected.get(begin, 0) + 1
    connection = rows.connect()
    connection.execute("CREATE TABLE facts AS SELECT unnest($1::TIMESTAMP[]) AS happened_at", [times])
    query = {"measures": ["rows.count"], "timeDimensions": [{"dimension": "rows.at", "granularity": name}]}
    found = ours.answer(connection, load_sources({"rows.yml": MODEL}), query, dialect)
    assert {row[f"rows.at.{name}"]: row["rows.count"] for row in found} == expected


@pytest.mark.parametrize("origin", ["yesterday", "2024-13-01", "2024-1-5", "2024-01-01T10"])
def test_an_origin_is_a_date(origin: str) -> None:
    with pytest.raises(DataModelError, match="is no date like"):
        load_sources({"rows.yml": MODEL.replace("2024-04-06", origin)})
