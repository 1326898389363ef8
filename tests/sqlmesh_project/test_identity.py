"""core.events: events before signing in belong to the account that their cookie shows within a day."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmesh import Context

from tests.sqlmesh_project.journeys import BEGIN
from tests.sqlmesh_project.runs import Incremental, arrive, incremental

LATEST = 3
DAYS = 5
Row = tuple[str, str | None, str, int, int]
"""Event id, account, cookie, half hours since the begin, day of arrival."""


@pytest.fixture(scope="module")
def model(project: Context) -> tuple[Incremental, dict[str, str]]:
    return incremental(project, "core.events")


@pytest.fixture(scope="module")
def connection(project: Context) -> duckdb.DuckDBPyConnection:
    """A warehouse with an empty table for everything that core.events reads, and the sources."""
    made = duckdb.connect()
    made.execute("ATTACH ':memory:' AS warehouse; USE warehouse; SET TimeZone = 'UTC'; SET threads = 1")
    made.execute("CREATE SCHEMA core; CREATE SCHEMA staging")
    for name in project.get_model("core.events", raise_if_missing=True).depends_on:
        columns = project.get_model(name, raise_if_missing=True).columns_to_types or {}
        listed = ", ".join(f'"{column}" {type_.sql("duckdb")}' for column, type_ in columns.items())
        made.execute(f"CREATE TABLE {name} ({listed})")
    made.execute("INSERT INTO core.sources VALUES ('intake', '', 'observed')")
    return made


@st.composite
def visits(draw: st.DrawFn) -> list[Row]:
    rows = []
    for number in range(draw(st.integers(0, 12))):
        half_hour = draw(st.integers(0, 48 * DAYS - 1))
        cookie, account = draw(st.sampled_from(["c1", "c2"])), draw(st.sampled_from([None, None, "m1", "m2"]))
        rows.append((f"e{number:02}", account, cookie, half_hour, half_hour // 48 + draw(st.integers(0, LATEST))))
    return rows


def bring(connection: duckdb.DuckDBPyConnection, rows: list[Row]) -> None:
    for event_id, account, cookie, half_hour, _ in rows:
        at = BEGIN + timedelta(minutes=30 * half_hour)
        connection.execute(
            "INSERT INTO staging.stg_intake__events (event_id, user_id, cookie_id, occurred_at, event_type, is_bot)"
            " VALUES (?, ?, ?, ?, 'page_view', false)",
            [event_id, account, cookie, at],
        )


def owner(rows: list[Row], row: Row) -> str:
    _, account, cookie, half_hour, _ = row
    following = sorted((one[3], one[0], one[1]) for one in rows if one[2] == cookie and one[1] is not None)
    for later, event_id, found in following:
        if (later, event_id) >= (half_hour, row[0]) and later <= half_hour + 48:
            return f"intake:{found}"
    return f"intake:{account}" if account else f"intake:cookie:{cookie}"


@given(rows=visits())
@settings(max_examples=20)
def test_identity_equals_the_oracle_in_any_order_of_arrival(
    connection: duckdb.DuckDBPyConnection, model: tuple[Incremental, dict[str, str]], rows: list[Row]
) -> None:
    events, columns = model
    connection.execute("DELETE FROM staging.stg_intake__events")
    events.create(connection, columns)
    arrive(connection, events, DAYS + LATEST, lambda day: bring(connection, [one for one in rows if one[4] == day]))
    found = connection.execute("SELECT event_id, user_key FROM core.events ORDER BY event_id").fetchall()
    assert found == sorted((row[0], owner(rows, row)) for row in rows)
