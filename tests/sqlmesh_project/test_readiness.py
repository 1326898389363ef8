"""Up to when tables are complete and models ready, by hand-made evidence."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import duckdb
from sqlglot import parse_one

from ingestion.ledger import create_ledger
from sqlmesh_project.readiness import EVIDENCE, Evidence, Readiness, followed_until, raw_tables, readiness

GRACE, PATIENCE = timedelta(hours=1), timedelta(days=2)
LATER = datetime(2025, 3, 1, tzinfo=UTC)
"""Long after all that is told here: whoever reads then reads whole days."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2025-{text}").replace(tzinfo=UTC)


def seen(table: str, latest: str, read_at: datetime = LATER, *, is_database: bool = False) -> Evidence:
    """A batch of `table` whose latest row is of that time in 2025."""
    return Evidence(table, table.split("__")[0], is_database, at(latest).date(), at(latest), read_at)


def ready(*evidence: Evidence, tables: tuple[str, ...] = ("a__events", "b__events", "b__users")) -> Readiness:
    return readiness(evidence, tables, GRACE, PATIENCE)


def test_a_day_that_was_read_after_its_end_is_whole() -> None:
    assert ready(seen("a__events", "01-10 23:40")).until == at("01-11 00:00")
    assert ready(seen("a__events", "01-10 00:00")).until == at("01-11 00:00")


def test_a_day_that_was_read_before_its_end_and_the_grace_is_complete_up_to_its_latest_row() -> None:
    assert ready(seen("a__events", "01-10 23:40", at("01-11 00:59"))).until == at("01-10 23:40")
    assert ready(seen("a__events", "01-10 23:40", at("01-11 01:00"))).until == at("01-11 00:00")


def test_nothing_is_complete_beyond_the_moment_it_was_read() -> None:
    assert ready(seen("a__events", "02-10 12:00", at("01-10 09:00"))).until == at("01-10 09:00")


def test_a_model_is_ready_up_to_the_first_of_its_tables() -> None:
    found = ready(seen("a__events", "01-10 12:00"), seen("b__events", "01-08 12:00"))
    assert found.until == at("01-09 00:00")
    assert found.arrived_until == at("01-11 00:00")
    assert [(one.table, one.is_awaited) for one in found.reaches] == [("b__events", True), ("a__events", True)]


def test_a_table_that_fell_behind_is_not_waited_for() -> None:
    found = ready(seen("a__events", "01-11 12:00"), seen("b__events", "01-08 12:00"))
    assert found.until == at("01-12 00:00")
    assert [(one.table, one.is_awaited) for one in found.reaches] == [("b__events", False), ("a__events", True)]


def test_the_tables_of_a_database_are_read_together() -> None:
    rare, busy = seen("b__events", "01-05 12:00", is_database=True), seen("b__users", "01-10 12:00", is_database=True)
    assert ready(rare, busy).until == at("01-11 00:00")
    assert ready(rare, seen("b__users", "01-06 12:00")).until == at("01-06 00:00")


def test_other_tables_say_nothing() -> None:
    assert ready(seen("a__events", "01-10 12:00"), seen("c__events", "01-01 12:00")).until == at("01-11 00:00")
    assert ready(seen("c__events", "01-01 12:00")) == Readiness(())


def test_where_nothing_has_arrived_nothing_is_ready() -> None:
    assert (ready().until, ready().arrived_until) == (None, None)


def test_a_day_that_began_has_arrived() -> None:
    assert ready(seen("a__events", "01-10 12:00", at("01-10 13:00"))).arrived_until == at("01-11 00:00")


def test_the_ledger_gives_the_evidence() -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        create_ledger(connection)
        batch = (
            "INSERT INTO raw.loads BY NAME SELECT '' AS batch_id, 'b' AS source, 'b__events' AS table_name, "
            "'' AS file, '' AS location, '' AS content_hash, 0 AS size_bytes, 0 AS modified_ns, 0 AS rows_read, "
            "0 AS rows_loaded, 0 AS rows_quarantined, 0 AS rows_duplicate, 0 AS rows_late, ? AS max_event_at, "
            "? AS cursor_after, '' AS contract_version, '' AS lake_file, ? AS started_at, ? AS finished_at, "
            "? AS status, '' AS message, [] AS warnings"
        )
        for latest, cursor, status in (
            (at("01-10 23:40"), None, "loaded"),
            (at("01-10 12:00"), None, "loaded"),
            (at("01-11 12:00"), None, "failed"),
            (at("01-09 12:00"), "", "loaded"),
            (None, None, "loaded"),
        ):
            connection.execute(batch, [latest, cursor, LATER, LATER, status])
        rows = connection.execute(parse_one(EVIDENCE, dialect="bigquery").sql("duckdb")).fetchall()
    assert sorted((Evidence(*row) for row in rows), key=lambda one: one.latest_on) == [
        Evidence("b__events", "b", True, date(2025, 1, 9), at("01-09 12:00"), LATER),
        Evidence("b__events", "b", False, date(2025, 1, 10), at("01-10 23:40"), LATER),
    ]


def snapshot(name: str, *parents: str, **known: object) -> Any:
    """What SQLMesh knows of a model, as far as readiness asks."""
    kinds = {"is_model": True, "is_external": False, "is_view": False, "is_incremental_by_time_range": True}
    return SimpleNamespace(name=name, parents=[SimpleNamespace(name=one) for one in parents], **{**kinds, **known})


def test_a_table_that_never_goes_through_environments_is_followed_in_production() -> None:
    """core.events is forward-only: what an environment reads is production's table, with its intervals."""
    day = 86_400_000
    events = snapshot("core.events", intervals=[(0, day)], dev_intervals=[])
    index = SimpleNamespace(is_representative=lambda _: True, is_deployable=lambda _: False)
    context: Any = SimpleNamespace(snapshots={events.name: events}, deployability_index=index, parent_intervals=None)
    assert followed_until(context, snapshot("core.sessions", events.name)) == datetime(1970, 1, 2, tzinfo=UTC)


def test_a_restatement_asks_for_all_raw_tables_above() -> None:
    raw = snapshot('"warehouse"."raw"."a__events"', is_external=True)
    staged = snapshot("staging.stg_a__events", raw.name, is_view=True)
    events = snapshot("core.events", staged.name)
    sessions = snapshot("core.sessions", events.name)
    models = {one.name: one for one in (raw, staged, events, sessions)}
    assert raw_tables(events, models) == ("a__events",)
    assert raw_tables(sessions, models) == ()
    assert raw_tables(sessions, models, is_through_tables=True) == ("a__events",)
