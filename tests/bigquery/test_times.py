"""Buckets and comparisons of times in zones: the emulator has the rows that DuckDB has."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator
from headrace.bigquery.reader import BigQueryReader
from semantic.datamodel.load import load_sources
from tests.bigquery.loading import connection_to, load
from tests.semantic.judge import ours, rows

MODEL = load_sources(
    {
        "ticks.yml": """
cubes:
  - name: ticks
    sql_table: times.ticks
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - name: at
        sql: happened_at
        type: time
        granularities:
          - { name: tax_year, interval: 1 year, origin: "2024-04-06" }
          - { name: five_months, interval: 5 months, origin: "2023-11-15 12:00" }
          - { name: late_quarter, interval: 1 quarter, origin: "2024-02" }
          - { name: sunday_week, interval: 1 week, offset: -1 day }
    measures:
      - { name: count, type: count }
      - { name: last, sql: happened_at, type: max }
      - { name: running, sql: id, type: sum, rolling_window: { trailing: 2 month } }
"""
    }
)
NIGHT = ["2024-03-31", "2024-03-31"]


def _by(granularity: str, **more: Any) -> Mapping[str, Any]:
    time = {"dimension": "ticks.at", "granularity": granularity}
    return {"measures": ["ticks.count"], "timeDimensions": [time | more], "timezone": "Europe/Berlin"}


def _where(member: str, operator: str, *values: str) -> Mapping[str, Any]:
    condition = {"member": f"ticks.{member}", "operator": operator, "values": list(values)}
    return {"measures": ["ticks.count", "ticks.last"], "filters": [condition], "timezone": "America/New_York"}


QUERIES: Mapping[str, Mapping[str, Any]] = {
    **{name: _by(name) for name in ("tax_year", "five_months", "late_quarter", "sunday_week")},
    "hours_of_the_night_of_summer_time": _by("hour", dateRange=NIGHT),
    "after": _where("at", "afterDate", "2024-03-10T02:30:00"),
    "before_or_on": _where("at", "beforeOrOnDate", "2024-11-03"),
    "outside": _where("at", "notInDateRange", "2024-03-31", "2024-10-27"),
    "the_last": _where("last", "afterDate", "2024-10-27T01:30:00"),
    "window_of_a_range": {
        "measures": ["ticks.running"],
        "timeDimensions": [{"dimension": "ticks.at", "dateRange": ["2024-01-01", "2024-10-27"]}],
        "timezone": "Asia/Kolkata",
    },
}


@pytest.fixture(scope="module")
def local() -> duckdb.DuckDBPyConnection:
    """Times of two years, most of them about a change of clocks, some NULL."""
    dice = random.Random(8)
    starts = [datetime.fromisoformat(day) for day in ("2023-01-01", "2024-03-30", "2024-04-05", "2024-10-26")]
    times = [
        None if n % 19 == 0 else dice.choice(starts) + timedelta(hours=dice.randrange(72 if n % 2 else 17_000))
        for n in range(90)
    ]
    connection = rows.connect()
    connection.execute("CREATE SCHEMA times")
    connection.execute("CREATE TABLE times.ticks (id BIGINT, happened_at TIMESTAMPTZ)")
    connection.executemany("INSERT INTO times.ticks VALUES (?, ?)", list(enumerate(times)))
    return connection


@pytest.fixture(scope="module")
def reader(local: duckdb.DuckDBPyConnection, emulator: Emulator) -> BigQueryReader:
    load(local, emulator, [("times", "ticks")])
    found = connection_to(emulator)
    return BigQueryReader(open_client(found), found)


@pytest.mark.parametrize("name", QUERIES)
def test_times(name: str, local: duckdb.DuckDBPyConnection, reader: BigQueryReader) -> None:
    compiled = ours.compiled(MODEL, QUERIES[name], "bigquery")
    table = reader.fetch(compiled.sql, compiled.parameters, lambda _: nullcontext())
    keys = {column.alias: column.key for column in compiled.columns}
    found = [{keys[alias]: rows.plain(value) for alias, value in row.items()} for row in table.to_pylist()]
    expected = ours.answer(local, MODEL, QUERIES[name])
    assert expected
    assert not rows.difference(found, expected)
