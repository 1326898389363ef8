"""Incremental runs equal a full rebuild, row for row, whatever the order in which rows arrive within the lookback."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmesh import Context

from tests.sqlmesh_project.journeys import Event, insert, warehouse
from tests.sqlmesh_project.runs import Incremental, arrive, incremental

LATEST = 3
DAYS = 12
MODELS = ("core.consents", "core.funnel_paths__consent")


@pytest.fixture(scope="module")
def models(project: Context) -> list[tuple[Incremental, dict[str, str]]]:
    return [incremental(project, name) for name in MODELS]


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return warehouse()


@st.composite
def visits(draw: st.DrawFn) -> list[Event]:
    """Questions and answers over days, on the edges of the pairing window too, some of them late."""
    size = draw(st.integers(0, 14))
    ids = draw(st.permutations([f"e{number:02}" for number in range(size)]))
    events = []
    for event_id in ids:
        second = draw(st.integers(0, 2 * DAYS - 2)) * 43_200 + draw(st.sampled_from([0, 0, 1]))
        events.append(
            Event(
                second,
                event_id,
                user=draw(st.sampled_from(["ada", "bob", None])),
                name=draw(st.sampled_from(["consent.asked", "consent.given", "pageview"])),
                country=draw(st.sampled_from(["FR", "US"])),
                arrival=second // 86400 + draw(st.integers(0, LATEST)),
            )
        )
    return events


@given(events=visits())
@settings(max_examples=25)
def test_incremental_runs_equal_a_full_rebuild(
    connection: duckdb.DuckDBPyConnection, models: list[tuple[Incremental, dict[str, str]]], events: list[Event]
) -> None:
    for model, columns in models:
        connection.execute("DELETE FROM core.events")
        model.create(connection, columns)
        arrive(
            connection,
            model,
            DAYS + LATEST,
            lambda day: insert(connection, [one for one in events if one.arrival == day], source="consent"),
        )
        by_days = model.rows(connection)
        model.create(connection, columns)
        model.run(connection, 0, DAYS + LATEST)
        assert by_days == model.rows(connection), model.name


def test_what_is_later_than_the_lookback_waits_for_a_restatement(
    connection: duckdb.DuckDBPyConnection, models: list[tuple[Incremental, dict[str, str]]]
) -> None:
    consents, columns = models[0]
    connection.execute("DELETE FROM core.events")
    consents.create(connection, columns)
    consents.run(connection, 0, 0)
    insert(connection, [Event(0, "late", name="consent.asked")], source="consent")
    day = consents.lookback + 1
    consents.run(connection, day - consents.lookback, day)
    assert consents.rows(connection) == []
    consents.run(connection, 0, 0)
    assert len(consents.rows(connection)) == 1
