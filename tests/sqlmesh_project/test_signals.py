"""`sqlmesh run` builds the days that have arrived, and no others: the project itself on the sample."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context

from headrace.config import load_settings
from headrace.waiting import Wait, find_waits
from headrace.warehouse import open_warehouse
from ingestion.load import ingest
from tests.ingestion.conftest import event, export
from tests.sqlmesh_project.conftest import PROJECT

LAST_EVENT = "SELECT CAST(max(occurred_at) AS DATE)::VARCHAR FROM core.events"
LAST_CONSENT = "SELECT CAST(max(asked_at) AS DATE)::VARCHAR FROM core.consents"


def consent_events(data: Path, *days: str) -> None:
    """Ingest an export of the source `consent` with an event on each day."""
    lines = [event(f"new-{day}", EVENT_TIME=f"{day} 12:00:00", TYPE="consent.asked") for day in days]
    path = export(data / "exports" / f"events-{days[-1]}.csv", lines)
    report = ingest(load_settings(environ={"HEADRACE_DATA": str(data)}), "consent", path)
    assert report.counts.rows_loaded == len(days)


def run(context: Context) -> None:
    """`sqlmesh run` of a model and all that it reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.run(select_models=["core.consents"], skip_janitor=True)
        context.engine_adapter.close()


def newest(data: Path, query: str) -> str:
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        row = connection.execute(query).fetchone()
    return str(row[0]) if row else ""


def waits(data: Path) -> dict[str, Wait]:
    settings = load_settings(environ={"HEADRACE_DATA": str(data)})
    with open_warehouse(settings, read_only=True) as backend:
        return {one.table: one for one in find_waits(backend.con, settings)}


@pytest.mark.slow
def test_a_run_builds_what_has_arrived(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_DATA", str(data_folder))
    assert newest(data_folder, LAST_EVENT) == "2025-07-01", "the sample's last cash-out is of the night after its end"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = Context(paths=[PROJECT])
    consent_events(data_folder, "2025-07-02")
    run(context)
    assert newest(data_folder, LAST_EVENT) == "2025-07-01", "the other sources are a day behind, and are waited for"
    behind, ahead = waits(data_folder)["commerce__events"], waits(data_folder)["consent__events"]
    assert (behind.state, ahead.state) == ("waited for", "has arrived")
    assert behind.ready_until == datetime(2025, 7, 1, tzinfo=UTC)
    assert ahead.complete_until == datetime(2025, 7, 3, tzinfo=UTC)
    consent_events(data_folder, "2025-07-04")
    run(context)
    assert newest(data_folder, LAST_EVENT) == "2025-07-04", "the others have fallen behind"
    assert newest(data_folder, LAST_CONSENT) == "2025-07-04", "models below have followed"
    assert waits(data_folder)["commerce__events"].state == "fell behind: not waited for"
    context.close()
