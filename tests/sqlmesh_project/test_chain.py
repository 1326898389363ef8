"""All incremental models together: runs on any days over rows that come in any order give what a full rebuild gives.

Rows arrive in staging up to the lookback late; each run computes every model in its order, as SQLMesh would: the days
since the last run, and the model's lookback before them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlmesh import Context

from tests.sqlmesh_project.journeys import BEGIN
from tests.sqlmesh_project.runs import Incremental, incremental

LATEST = 3
DAYS = 14
COLUMNS = {
    "consent": ("stg_consent__events", "event_id, user_id, occurred_at, event_type, company_id", ", 'acme'"),
    "commerce": ("stg_commerce__events", "event_id, user_id, occurred_at, event_type", ""),
    "intake": (
        "stg_intake__events",
        "event_id, user_id, occurred_at, step_name, cookie_id, event_type",
        ", 'c', 'funnel'",
    ),
    "rewards": ("stg_rewards__progress", "progress_id, user_id, occurred_at, kind, offer_id", ", 'o1'"),
}
"""By source: staging table, its columns, and the values of those that are the same in every row."""
NAMES = {
    "consent": ("consent.asked", "consent.given", "pageview"),
    "commerce": ("page_view", "add_to_cart", "checkout", "purchase"),
    "intake": ("CREATE_ACCOUNT", "INPUT_FULL_NAME", "CONFIRM_COUNTRY"),
    "rewards": ("started", "task_completed", "offer_completed"),
}


@dataclass(frozen=True)
class Row:
    """One event of a source; `user` None is somebody who has not signed in, `arrival` the day when it becomes known."""

    event_id: str
    source: str
    user: str | None
    name: str
    minute: int
    arrival: int


@pytest.fixture(scope="module")
def models(project: Context) -> list[tuple[Incremental, dict[str, str]]]:
    """Every incremental model, parents before children."""
    ordered = [name for name in project.dag.sorted if name in project.models]
    return [
        incremental(project, project.models[name].name)
        for name in ordered
        if project.models[name].kind.is_incremental_by_time_range
    ]


@pytest.fixture(scope="module")
def connection(project: Context, models: list[tuple[Incremental, dict[str, str]]]) -> duckdb.DuckDBPyConnection:
    """A warehouse with an empty table for everything that incremental models read, and the sources."""
    made = duckdb.connect(config={"disabled_optimizers": "common_subplan"})
    made.execute("ATTACH ':memory:' AS warehouse; USE warehouse; SET TimeZone = 'UTC'; SET threads = 1")
    made.execute("CREATE SCHEMA core; CREATE SCHEMA staging; CREATE SCHEMA marts")
    read = {name for model, _ in models for name in project.get_model(model.name, raise_if_missing=True).depends_on}
    for name in sorted(read):
        columns = project.get_model(name, raise_if_missing=True).columns_to_types or {}
        listed = ", ".join(f'"{column}" {type_.sql("duckdb")}' for column, type_ in columns.items())
        made.execute(f"CREATE TABLE {name} ({listed})")
    made.execute("INSERT INTO core.sources SELECT unnest(?), '', 'observed'", [[*COLUMNS, "web_funnel"]])
    return made


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """Rows of all sources, many within a session, at midnights and on the edges of windows."""
    rows = []
    for number in range(draw(st.integers(1, 24))):
        source = draw(st.sampled_from([*COLUMNS]))
        day = draw(st.integers(0, DAYS - 1))
        minute = day * 1440 + draw(st.sampled_from([0, 0, 29, 30, 31, 720, 1410, 1439]))
        user = draw(st.sampled_from(["ada", None])) if source == "intake" else "ada"
        arrival = day + draw(st.integers(0, LATEST))
        rows.append(Row(f"e{number:02}", source, user, draw(st.sampled_from(NAMES[source])), minute, arrival))
    return rows


def bring(connection: duckdb.DuckDBPyConnection, rows: Iterable[Row]) -> None:
    for one in rows:
        table, columns, same = COLUMNS[one.source]
        at = BEGIN + timedelta(minutes=one.minute)
        connection.execute(
            f"INSERT INTO staging.{table} ({columns}) VALUES (?, ?, ?, ?{same})",
            [one.event_id, one.user, at, one.name],
        )


SIGNED_IN_LATE = [
    Row("e1", "intake", "ada", "CREATE_ACCOUNT", 1 * 1440 + 1430, 1),
    Row("e2", "intake", None, "INPUT_FULL_NAME", 2 * 1440 + 10, 2),
    Row("e3", "intake", "ada", "CONFIRM_COUNTRY", 3 * 1440 + 5, 6),
]
"""A late event gives an earlier one its user, whose session began the day before."""


@example(rows=SIGNED_IN_LATE, runs={5})
@given(rows=histories(), runs=st.sets(st.integers(0, DAYS + LATEST - 1), max_size=4))
@settings(max_examples=12)
def test_incremental_runs_of_all_models_equal_a_full_rebuild(
    connection: duckdb.DuckDBPyConnection,
    models: list[tuple[Incremental, dict[str, str]]],
    rows: list[Row],
    runs: set[int],
) -> None:
    for table, _, _ in COLUMNS.values():
        connection.execute(f"DELETE FROM staging.{table}")
    for model, columns in models:
        model.create(connection, columns)
    done = -1
    for day in sorted({*runs, DAYS + LATEST}):
        bring(connection, [one for one in rows if done < one.arrival <= day])
        for model, _ in models:
            model.run(connection, max(done + 1 - model.lookback, 0), day)
        done = day
    by_runs = {model.name: model.rows(connection) for model, _ in models}
    for model, columns in models:
        model.create(connection, columns)
        model.run(connection, 0, DAYS + LATEST)
    assert by_runs == {model.name: model.rows(connection) for model, _ in models}


def test_every_incremental_model_is_among_them(models: list[tuple[Incremental, dict[str, str]]]) -> None:
    names = {model.name for model, _ in models}
    assert names >= {"core.events", "core.sessions", "core.consents", "core.funnel_paths__shop", "marts.consent_events"}
