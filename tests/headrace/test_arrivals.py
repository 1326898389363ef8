"""What a build has to compute again: stated with hand-made ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import duckdb
import pytest

from headrace.arrivals import LateRows, find_arrivals, remember_build
from headrace.models import Span

LOADS = """
    CREATE SCHEMA raw;
    CREATE TABLE raw.loads (
        batch_id VARCHAR, source VARCHAR, table_name VARCHAR, status VARCHAR, rows_loaded BIGINT,
        min_event_at TIMESTAMPTZ, max_event_at TIMESTAMPTZ, watermark_after TIMESTAMPTZ, started_at TIMESTAMPTZ
    );
    CREATE TABLE raw.consent__events (event_time TIMESTAMPTZ, _batch_id VARCHAR);
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(LOADS)
        yield connection


def load(connection: duckdb.DuckDBPyConnection, minute: int, *days: str, table: str = "consent__events") -> datetime:
    """A batch of one row a day, ingested at that minute."""
    started = datetime(2025, 7, 1, 12, minute, tzinfo=UTC)
    batch = f"batch-{minute}"
    source = table.split("__")[0]
    times = [f"{day} 12:00:00+00" for day in days]
    for time in times if table == "consent__events" else ():
        connection.execute("INSERT INTO raw.consent__events VALUES (?, ?)", [time, batch])
    known = connection.execute("SELECT max(watermark_after) FROM raw.loads WHERE table_name = ?", [table]).fetchone()
    first, last = (min(times), max(times)) if times else (None, None)
    connection.execute(
        "INSERT INTO raw.loads SELECT ?, ?, ?, 'loaded', ?, ?, ?, greatest(?::TIMESTAMPTZ, ?::TIMESTAMPTZ), ?",
        [batch, source, table, max(1, len(times)), first, last, last, known[0] if known else None, started],
    )
    return started


def test_nothing_came(connection: duckdb.DuckDBPyConnection) -> None:
    arrivals = find_arrivals(connection, "prod", 3)
    assert (arrivals.tables, arrivals.span, arrivals.late, arrivals.through) == (frozenset(), None, (), None)


def test_nothing_is_late_in_the_first_build(connection: duckdb.DuckDBPyConnection) -> None:
    load(connection, 1, "2025-06-20", "2025-06-30")
    through = load(connection, 2, "2025-01-01")
    arrivals = find_arrivals(connection, "prod", 3)
    assert arrivals.tables == {"raw.consent__events"}
    assert arrivals.span == Span(date(2025, 1, 1), date(2025, 6, 30))
    assert arrivals.late == ()
    assert arrivals.through == through


def test_the_lookback_decides_what_is_late(connection: duckdb.DuckDBPyConnection) -> None:
    remember_build(connection, "prod", load(connection, 1, "2025-06-30"), is_restated=True)
    load(connection, 2, "2025-07-02", "2025-06-27", "2025-06-26", "2025-06-01")
    arrivals = find_arrivals(connection, "prod", 3)
    assert arrivals.span == Span(date(2025, 6, 27), date(2025, 7, 2))
    late = Span(date(2025, 6, 1), date(2025, 6, 26))
    assert arrivals.late == (LateRows("raw.consent__events", 2, late, until=date(2025, 7, 2)),)
    assert arrivals.restated() == Span(date(2025, 6, 1), date(2025, 7, 2))


def test_rows_without_a_time_of_their_own_are_late_by_the_one_that_stands_for_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute(
        "CREATE TABLE raw.intake__events (derived_tstamp TIMESTAMPTZ, collector_tstamp TIMESTAMPTZ, _batch_id VARCHAR)"
    )
    remember_build(connection, "prod", load(connection, 1, "2025-06-30", table="intake__events"), is_restated=True)
    load(connection, 2, "2025-06-01", "2025-07-01", table="intake__events")
    connection.execute("INSERT INTO raw.intake__events VALUES (NULL, '2025-06-01 12:00:00+00', 'batch-2')")
    connection.execute("INSERT INTO raw.intake__events VALUES ('2025-07-01 12:00:00+00', '2025-05-01', 'batch-2')")
    late = Span(date(2025, 6, 1), date(2025, 6, 1))
    expected = LateRows("raw.intake__events", 1, late, until=date(2025, 7, 1))
    assert find_arrivals(connection, "prod", 3).late == (expected,)


def test_late_rows_wait_for_a_restatement(connection: duckdb.DuckDBPyConnection) -> None:
    remember_build(connection, "prod", load(connection, 1, "2025-06-30"), is_restated=True)
    remember_build(connection, "prod", load(connection, 2, "2025-06-01"), is_restated=False)
    remember_build(connection, "prod", through := load(connection, 3, "2025-07-03"), is_restated=False)
    arrivals = find_arrivals(connection, "prod", 3)
    assert arrivals.span is None
    assert arrivals.restated() == Span(date(2025, 6, 1), date(2025, 7, 3)), "late rows change what came after them"
    assert arrivals.tables == {"raw.consent__events"}
    remember_build(connection, "prod", through, is_restated=True)
    assert find_arrivals(connection, "prod", 3).late == ()


def test_of_what_only_whole_tables_show_nothing_is_late(connection: duckdb.DuckDBPyConnection) -> None:
    """An order that is refunded weeks after it was made shows at once; models by days compute no more than they do."""
    connection.execute(
        "CREATE SCHEMA headrace; CREATE TABLE headrace.tables_by_day AS SELECT 'commerce__events' AS table_name"
    )
    load(connection, 1, "2025-06-30", table="commerce__orders")
    remember_build(connection, "prod", load(connection, 2, "2025-06-30"), is_restated=True)
    load(connection, 3, "2025-06-01", table="commerce__orders")
    arrivals = find_arrivals(connection, "prod", 3)
    assert arrivals.late == ()
    assert arrivals.tables == {"raw.commerce__orders"}
    assert arrivals.span == Span(date(2025, 6, 30), date(2025, 6, 30)), "any day will do: the table is made anew"


def test_attributes_of_whole_tables_have_no_days_computed_again(connection: duckdb.DuckDBPyConnection) -> None:
    """Offers and devices change every day, and no day of the past with them."""
    connection.execute(
        "CREATE SCHEMA headrace; CREATE TABLE headrace.tables_by_day AS SELECT 'rewards__users' AS table_name"
    )
    load(connection, 1, "2024-01-01", "2025-06-30", table="rewards__users")
    remember_build(connection, "prod", load(connection, 2, table="rewards__devices"), is_restated=True)
    load(connection, 3, table="rewards__devices")
    assert find_arrivals(connection, "prod", 3).span == Span(date(2025, 6, 30), date(2025, 6, 30))


def test_what_a_row_changes_reaches_to_the_last_day_of_its_source(connection: duckdb.DuckDBPyConnection) -> None:
    load(connection, 1, "2025-06-30")
    remember_build(
        connection, "prod", load(connection, 2, "2025-01-01", "2025-05-30", table="web_funnel__users"), is_restated=True
    )
    load(connection, 3, "2025-06-28")
    assert find_arrivals(connection, "prod", 3).span == Span(date(2025, 6, 28), date(2025, 6, 30))


def test_an_environment_begins_with_what_production_has(connection: duckdb.DuckDBPyConnection) -> None:
    remember_build(connection, "prod", load(connection, 1, "2025-06-28"), is_restated=True)
    through = load(connection, 2, "2025-06-30")
    assert find_arrivals(connection, "dev", 3).span == Span(date(2025, 6, 30), date(2025, 6, 30))
    remember_build(connection, "dev", through, is_restated=True)
    assert find_arrivals(connection, "dev", 3).span is None
    assert find_arrivals(connection, "prod", 3).span == Span(date(2025, 6, 30), date(2025, 6, 30))


def test_facts_without_time_take_the_days_of_their_source(connection: duckdb.DuckDBPyConnection) -> None:
    load(connection, 1, "2015-01-01", "2015-04-30", table="web_funnel__users")
    remember_build(connection, "prod", load(connection, 2, table="web_funnel__pages"), is_restated=True)
    load(connection, 3, table="web_funnel__pages")
    arrivals = find_arrivals(connection, "prod", 3)
    assert arrivals.tables == {"raw.web_funnel__pages"}
    assert arrivals.span == Span(date(2015, 1, 1), date(2015, 4, 30))


def test_attributes_reach_all_days_of_their_source(connection: duckdb.DuckDBPyConnection) -> None:
    remember_build(connection, "prod", load(connection, 1, "2025-06-01", "2025-06-30"), is_restated=True)
    load(connection, 2, table="consent__companies")
    assert find_arrivals(connection, "prod", 3).span == Span(date(2025, 6, 1), date(2025, 6, 30))
