"""Watermarks, freshness, late rows, and what waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contracts.rules import Freshness
from headrace.config import Settings
from headrace.warehouse import open_warehouse
from ingestion.load import ingest
from ingestion.status import complete_until, source_status
from tests.ingestion.conftest import event, export


def test_status_of_a_table(settings: Settings, exports: Path) -> None:
    export(exports / "events-1.csv", [event(1, EVENT_TIME="2025-01-10 12:00:00"), event(2, RATE="0")])
    (exports / "events-2.csv").write_bytes(b"")
    ingest(settings, "consent", exports)
    events, companies = source_status(settings, "consent")
    assert (events.rows_loaded, events.rows_waiting, events.failed_files) == (1, 1, ("events-2.csv",))
    assert events.watermark == datetime(2025, 1, 10, 12, tzinfo=UTC)
    assert events.loaded_at is not None
    assert events.is_fresh(events.loaded_at + timedelta(days=2))
    assert not events.is_fresh(events.loaded_at + timedelta(days=2, seconds=1))
    by_event = replace(events, freshness=Freshness("event_time", timedelta(days=2)))
    assert by_event.is_fresh(datetime(2025, 1, 12, 12, tzinfo=UTC))
    assert not by_event.is_fresh(datetime(2025, 1, 12, 13, tzinfo=UTC))
    assert (companies.rows_loaded, companies.watermark, companies.loaded_at) == (0, None, None)
    assert companies.is_fresh(datetime(2025, 1, 13, tzinfo=UTC))


def test_tables_are_complete_up_to_the_earliest_of_their_watermarks(settings: Settings, exports: Path) -> None:
    export(exports / "events-1.csv", [event(1, EVENT_TIME="2025-01-10")])
    ingest(settings, "consent", exports)
    export(exports / "users.csv", ["1,2025-01-05,Desktop,Male,search"], header="user_id,date,device,sex,channel")
    ingest(settings, "web_funnel", exports)
    with open_warehouse(settings, read_only=True) as backend:
        assert complete_until(backend.con, ["raw.consent__events", "raw.web_funnel__users"]) == datetime(
            2025, 1, 5, tzinfo=UTC
        )
        assert complete_until(backend.con, ["consent__events"]) == datetime(2025, 1, 10, tzinfo=UTC)
        assert complete_until(backend.con, ["consent__events", "commerce__events"]) is None
