"""Sessions against the oracle, and incremental runs against a full rebuild under random orders of arrival."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmesh import Context

from tests.sqlmesh_project.funnel_oracle import sessions
from tests.sqlmesh_project.journeys import BEGIN, Event, insert, warehouse
from tests.sqlmesh_project.runs import Incremental, arrive, incremental

LATEST = 3
"""Days by which rows may be late: `lookback_days`."""


@pytest.fixture(scope="module")
def model(project: Context) -> tuple[Incremental, dict[str, str]]:
    return incremental(project, "core.sessions")


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return warehouse()


def expected(events: list[Event]) -> list[tuple[object, ...]]:
    journeys = {one.user: sorted(event for event in events if event.user == one.user) for one in events if one.user}
    found = [session for journey in journeys.values() for session in sessions(journey)]
    return sorted((one[0].event_id, one[0].at, one[-1].at, len(one)) for one in found)


def computed(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    rows = connection.execute("SELECT session_id, started_at, ended_at, event_count FROM core.sessions").fetchall()
    return sorted(rows)


@st.composite
def journeys(draw: st.DrawFn, days: int = 5) -> list[Event]:
    """Events a half hour, a microsecond less or more apart, and runs that go on for more than a day."""
    result = []
    for user in ("ada", "bob"):
        second = draw(st.integers(0, 3 * 86400))
        for _ in range(draw(st.integers(0, 6))):
            for _ in range(draw(st.sampled_from([1, 1, 2, 60]))):
                if second < days * 86400:
                    arrival = min(second // 86400 + draw(st.sampled_from([0, 0, 1, LATEST])), days + LATEST)
                    result.append((second, user, arrival))
                second += draw(st.sampled_from([0, 600, 1799, 1800]))
            second += draw(st.sampled_from([1801, 7200, 80000]))
    ids = draw(st.permutations([f"e{number:03}" for number in range(len(result))]))
    return [
        Event(second, event_id, user=user, arrival=arrival)
        for (second, user, arrival), event_id in zip(result, ids, strict=True)
    ]


@given(events=journeys())
@settings(max_examples=30)
def test_sessions_equal_the_oracle(
    connection: duckdb.DuckDBPyConnection, model: tuple[Incremental, dict[str, str]], events: list[Event]
) -> None:
    incremental_model, columns = model
    connection.execute("DELETE FROM core.events")
    insert(connection, events)
    incremental_model.create(connection, columns)
    incremental_model.run(connection, 0, 9)
    assert computed(connection) == expected(events)


@given(events=journeys())
@settings(max_examples=20)
def test_incremental_runs_equal_a_full_rebuild(
    connection: duckdb.DuckDBPyConnection, model: tuple[Incremental, dict[str, str]], events: list[Event]
) -> None:
    incremental_model, columns = model
    connection.execute("DELETE FROM core.events")
    incremental_model.create(connection, columns)
    arrive(
        connection,
        incremental_model,
        8,
        lambda day: insert(connection, [one for one in events if one.arrival == day]),
    )
    by_days = incremental_model.rows(connection)
    incremental_model.create(connection, columns)
    incremental_model.run(connection, 0, 8)
    assert by_days == incremental_model.rows(connection)


def test_a_gap_of_exactly_the_timeout_stays(
    connection: duckdb.DuckDBPyConnection, model: tuple[Incremental, dict[str, str]]
) -> None:
    incremental_model, columns = model
    connection.execute("DELETE FROM core.events")
    insert(connection, [Event(0, "1"), Event(1800, "2"), Event(3601, "3")])
    incremental_model.create(connection, columns)
    incremental_model.run(connection, 0, 0)
    assert [row[0] for row in computed(connection)] == ["1", "3"]
    assert computed(connection)[0][1] == BEGIN
