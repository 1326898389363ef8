"""Watermarks, freshness, late rows, and what waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contracts.rules import Freshness
from headrace.config import Settings
from ingestion.load import ingest
from ingestion.status import source_status
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


def test_a_clock_that_runs_ahead_makes_nothing_complete(settings: Settings, exports: Path) -> None:
    export(exports / "events-1.csv", [event(1, EVENT_TIME="2099-01-01 00:00:00"), event(2, EVENT_TIME="2025-01-10")])
    ingest(settings, "consent", exports)
    events, _ = source_status(settings, "consent")
    assert events.watermark is not None
    assert events.loaded_at is not None
    assert events.watermark <= events.loaded_at
    export(exports / "events-2.csv", [event(3, EVENT_TIME="2098-01-01 00:00:00")])
    assert ingest(settings, "consent", exports).counts.rows_late == 0
