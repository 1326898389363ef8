"""Plans of SQLMesh beside each other on DuckDB and on the emulator: an environment, its promotion, days that have not
arrived, and the restatement of a range. `core.consents` and all that it reads stand for the other models.
"""

from __future__ import annotations

import dataclasses
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from headrace.bigquery.client import open_client
from headrace.config import Settings
from headrace.warehouse import open_reader
from ingestion.bigquery import ship
from ingestion.load import ingest
from tests.bigquery.parity import differences, project, tables
from tests.ingestion.conftest import event, export

MODEL = "core.consents"
LAST_EVENT = "SELECT CAST(MAX(occurred_at) AS DATE) FROM core.events"
RESTATED = ("2025-06-20", "2025-06-25")
INSIDE, OUTSIDE = ("2025-06-21", "2025-06-22", "2025-06-23", "2025-06-24"), ("2025-06-17", "2025-06-18", "2025-06-19")
CHANGE = ("NOT is_answer AND @in_interval", "NOT is_answer AND is_asked AND @in_interval")


def plan(settings: Settings, environment: str, **options: object) -> None:
    with project(settings) as context:
        given = {"select_models": [f"+{MODEL}"], **options}
        context.plan(environment, auto_apply=True, no_prompts=True, skip_tests=True, skip_linter=True, **given)  # type: ignore[arg-type]


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


def assert_alike(landed: tuple[Settings, Settings], environment: str = "prod") -> None:
    ours, theirs = (tables(settings, environment) for settings in landed)
    assert MODEL in ours
    assert ours[MODEL].num_rows
    assert differences(ours, theirs) == []


def lose(settings: Settings, *days: str) -> None:
    """Rows that went missing in the table behind the view, as by a mistake."""
    with project(settings) as context:
        table = context.get_snapshot(MODEL, raise_if_missing=True).table_name()
        listed = ", ".join(f"DATE '{day}'" for day in days)
        context.engine_adapter.delete_from(table, f"CAST(opened_at AS DATE) IN ({listed})")


def consents(settings: Settings, *days: str) -> int:
    listed = ", ".join(f"DATE '{day}'" for day in days)
    with project(settings) as context:
        query = f"SELECT COUNT(*) FROM {MODEL} WHERE CAST(opened_at AS DATE) IN ({listed})"
        return int(context.engine_adapter.fetchone(query)[0])


@pytest.fixture
def copied(landed: tuple[Settings, Settings], tmp_path: Path) -> tuple[Settings, Settings]:
    """The gateways with a copy of the project, to change a model in."""
    root, folder = landed[0].root, tmp_path / "project"
    ignored = shutil.ignore_patterns(".cache", "logs", "__pycache__")
    for part in ("sqlmesh_project", "ingestion", "contracts"):
        shutil.copytree(root / part, folder / part, ignore=ignored)
    shutil.copy(root / "config.yaml", folder / "config.yaml")
    ours, theirs = (dataclasses.replace(settings, root=folder) for settings in landed)
    return ours, theirs


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_run_builds_no_day_that_has_not_arrived(landed: tuple[Settings, Settings], tmp_path: Path) -> None:
    """One that a single source has is waited for, until the others have fallen behind."""
    for settings in landed:
        plan(settings, "prod")
    assert_alike(landed)
    before = newest(landed[0])
    for days, expected in (("2025-07-02",), before), (("2025-07-04",), "2025-07-04"):
        arrive(landed, tmp_path / "exports", *days)
        for settings in landed:
            run(settings)
            assert newest(settings) == expected, settings.gateway
        assert_alike(landed)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_an_environment_its_promotion_and_a_restatement(copied: tuple[Settings, Settings]) -> None:
    """A changed model has views of its own in an environment, and production is let alone until it is promoted.

    A restatement computes its days again, and no others.
    """
    changed = copied[0].project / "models" / "core" / "consents.sql"
    text = changed.read_text(encoding="utf-8")
    assert CHANGE[0] in text
    for settings in copied:
        plan(settings, "prod")
    changed.write_text(text.replace(*CHANGE), encoding="utf-8")
    production = tables(copied[0])
    for settings in copied:
        plan(settings, "dev", select_models=[MODEL], start="2025-06-01")
        reader = open_reader(settings)
        own = [place for place in reader.tables("dev").values() if place[0].endswith("__dev")]
        reader.close()
        assert own == [("core__dev", "consents")], settings.gateway
        assert differences(production, tables(settings)) == []
    assert_alike(copied, "dev")
    assert differences({MODEL: production[MODEL]}, {MODEL: tables(copied[1], "dev")[MODEL]})
    for settings in copied:
        plan(settings, "prod")
    assert_alike(copied)
    assert differences({MODEL: production[MODEL]}, {MODEL: tables(copied[1])[MODEL]})

    for settings in copied:
        whole = consents(settings, *INSIDE)
        assert whole
        assert consents(settings, *OUTSIDE)
        lose(settings, *INSIDE, *OUTSIDE)
        plan(settings, "prod", select_models=None, restate_models=[MODEL], start=RESTATED[0], end=RESTATED[1])
        assert (consents(settings, *INSIDE), consents(settings, *OUTSIDE)) == (whole, 0), settings.gateway
    assert_alike(copied)
