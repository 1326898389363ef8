"""Runs of SQLMesh beside each other on DuckDB and on the emulator: days that have not arrived are not built.

`core.consents` and all that it reads stand for the other models.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlmesh import Context

from headrace.bigquery.client import open_client
from headrace.config import Settings
from headrace.sqlmesh_config import sqlmesh_config
from ingestion.bigquery import ship
from ingestion.load import ingest
from tests.bigquery.parity import differences, tables
from tests.ingestion.conftest import event, export

MODEL = "core.consents"
LAST_EVENT = "SELECT CAST(MAX(occurred_at) AS DATE) FROM core.events"


@contextmanager
def project(settings: Settings) -> Iterator[Context]:
    gc.disable()  # SQLMesh copies trees of SQL by the million, none of them garbage
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = Context(paths=str(settings.project), config=sqlmesh_config(settings))
        try:
            yield context
        finally:
            context.engine_adapter.close()
            context.close()
            gc.enable()


def plan(settings: Settings) -> None:
    with project(settings) as context:
        context.plan(select_models=[f"+{MODEL}"], auto_apply=True, no_prompts=True, skip_tests=True, skip_linter=True)


def run(settings: Settings) -> None:
    with project(settings) as context:
        context.run(select_models=[MODEL], skip_janitor=True)


def newest(settings: Settings) -> str:
    with project(settings) as context:
        return str(context.engine_adapter.fetchone(LAST_EVENT)[0])


def arrive(landed: tuple[Settings, Settings], folder: Path, *days: str) -> None:
    """Consent events on some days, on both gateways."""
    lines = [event(f"new-{day}", EVENT_TIME=f"{day} 12:00:00", TYPE="consent.asked") for day in days]
    ours, theirs = landed
    assert not ingest(ours, "consent", export(folder / f"events-{days[-1]}.csv", lines)).failures
    assert theirs.bigquery is not None
    with closing(open_client(theirs.bigquery)) as client:
        ship(theirs, client)


def assert_alike(landed: tuple[Settings, Settings]) -> None:
    ours, theirs = map(tables, landed)
    assert MODEL in ours
    assert ours[MODEL].num_rows
    assert differences(ours, theirs) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_run_builds_no_day_that_has_not_arrived(landed: tuple[Settings, Settings], tmp_path: Path) -> None:
    """One that a single source has is waited for, until the others have fallen behind."""
    for settings in landed:
        plan(settings)
    assert_alike(landed)
    before = newest(landed[0])
    for days, expected in (("2025-07-02",), before), (("2025-07-04",), "2025-07-04"):
        arrive(landed, tmp_path / "exports", *days)
        for settings in landed:
            run(settings)
            assert newest(settings) == expected, settings.gateway
        assert_alike(landed)
