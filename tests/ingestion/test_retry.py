"""Quarantine: listed, shown, and worked off once data or contract is mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.raw.consent import ConsentEvents
from contracts.rules import Limit, RowRule
from headrace.config import Settings
from ingestion import judgement
from ingestion.load import ingest
from ingestion.retry import list_quarantine, retry_quarantine, show_quarantine
from tests.ingestion.conftest import event, export

Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def _rejected(settings: Settings, exports: Path) -> None:
    export(exports / "events-1.csv", [event(1), event(2, RATE="0"), event(3, RATE="0", COUNT="x"), "broken"])
    ingest(settings, "consent", exports)


@pytest.mark.usefixtures("_rejected")
def test_quarantine_is_counted_by_rule_and_shown_with_its_text(settings: Settings) -> None:
    counts = [(one.table, one.rule, one.rows, one.first_row) for one in list_quarantine(settings)]
    assert counts == [
        ("consent__events", "rate.gt", 2, 2),
        ("consent__events", "count.type", 1, 3),
        ("consent__events", "record", 1, 4),
    ]
    (shown,) = show_quarantine(settings, "raw.consent__events", rule="count.type")
    assert (shown.file, shown.row_number, shown.line_number) == ("events-1.csv", 3, 4)
    assert shown.reasons == ("count type: x is not INT64", "rate gt: 0 must be greater than 0")
    assert list_quarantine(settings, table="web_funnel__users") == ()


@pytest.mark.usefixtures("_rejected")
def test_a_retry_without_a_fix_changes_nothing(settings: Settings, rows: Rows) -> None:
    before = rows("FROM quarantine.consent__events")
    (report,) = retry_quarantine(settings)
    assert [result.status for result in report.results] == ["known"]
    assert rows("FROM quarantine.consent__events") == before


@pytest.mark.usefixtures("_rejected")
def test_rows_that_a_mended_contract_lets_in_are_loaded(
    settings: Settings, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tuple(rule for rule in ConsentEvents.row_rules() if not (isinstance(rule, Limit) and rule.column == "rate"))

    def mended(_contract: type[ConsentEvents]) -> tuple[RowRule, ...]:
        return rules

    judgement._compiled.cache_clear()
    monkeypatch.setattr(ConsentEvents, "row_rules", classmethod(mended))
    (report,) = retry_quarantine(settings)
    judgement._compiled.cache_clear()
    assert report.counts.rows_read == 2
    assert (report.counts.rows_loaded, report.counts.rows_quarantined) == (1, 1)
    assert rows("SELECT event_id, _source_file, _row_number FROM raw.consent__events") == [
        ("e1", "events-1.csv", 1),
        ("e2", "events-1.csv", 2),
    ]
    assert rows("SELECT row_number, rules, resolved_at IS NULL FROM quarantine.consent__events ORDER BY 1") == [
        (2, ["rate.gt"], False),
        (3, ["count.type"], True),
        (4, ["record"], True),
    ]
