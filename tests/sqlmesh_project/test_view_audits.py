"""Audits of views in real runs: a view has no interval, but judges what no run has judged, and what is read again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlmesh import Context
from sqlmesh.core.config import Config
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.utils import CompletionStatus
from sqlmesh.utils.errors import PlanError

MACROS = Path(__file__).parents[2] / "sqlmesh_project" / "macros"
VIEW = """
MODEL (
  name staging.visits,
  kind VIEW,
  audits (
    unique_values(columns := (visit_id), condition := @not_audited_before(staging.visits, visited_at, 3)),
    not_null(columns := (visit_id, visited_at), condition := @not_audited_before(staging.visits, visited_at, 3))
  )
);
SELECT visit_id, visited_at FROM raw.visits
"""
EXTERNAL = """
- name: raw.visits
  columns:
    visit_id: INT64
    visited_at: TIMESTAMP
"""


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A view over visits of the first ten days of June, one a day, planned and judged as a whole."""
    for name in ("models", "macros"):
        (tmp_path / name).mkdir()
    (tmp_path / "macros" / "__init__.py").touch()
    shutil.copy(MACROS / "events.py", tmp_path / "macros")
    (tmp_path / "models" / "visits.sql").write_text(VIEW)
    (tmp_path / "external_models.yaml").write_text(EXTERNAL)
    set_console(NoopConsole())
    connection = {"type": "duckdb", "connector_config": {"TimeZone": "UTC"}}
    defaults = {"dialect": "bigquery", "start": "2025-06-01"}
    config = Config.parse_obj({"gateways": {"local": {"connection": connection}}, "model_defaults": defaults})
    found = Context(paths=str(tmp_path), config=config)
    found.engine_adapter.execute("CREATE SCHEMA raw; CREATE TABLE raw.visits (visit_id BIGINT, visited_at TIMESTAMPTZ)")
    for day in range(1, 11):
        visit(found, day, date(2025, 6, day))
    yield found
    found.close()


def visit(context: Context, visit_id: int | None, on: date | None) -> None:
    told = "NULL" if visit_id is None else str(visit_id)
    time = "NULL" if on is None else f"TIMESTAMPTZ '{on} 12:00:00+00'"
    context.engine_adapter.execute(f"INSERT INTO raw.visits VALUES ({told}, {time})")


def plan(context: Context, **more: object) -> None:
    context.plan(
        auto_apply=True, no_prompts=True, skip_tests=True, skip_linter=True, execution_time="2025-06-11", **more
    )


def run(context: Context, until: str) -> CompletionStatus:
    return context.run(end=until, execution_time=until, ignore_cron=True)


@pytest.mark.filterwarnings("ignore")
def test_the_first_plan_judges_all_days(context: Context) -> None:
    visit(context, 1, date(2025, 6, 2))
    with pytest.raises(PlanError):
        plan(context)


@pytest.mark.filterwarnings("ignore")
def test_a_run_judges_the_days_that_are_new_or_read_again(context: Context) -> None:
    plan(context)
    visit(context, 1, date(2025, 6, 2))
    assert run(context, "2025-06-12").is_success, "far behind what runs read: none of them makes a row of it"

    visit(context, 10, date(2025, 6, 9))
    assert run(context, "2025-06-13").is_failure, "within the three days"


@pytest.mark.filterwarnings("ignore")
def test_a_missing_time_is_of_no_day_and_always_found(context: Context) -> None:
    plan(context)
    visit(context, 99, None)
    assert run(context, "2025-06-12").is_failure


@pytest.mark.filterwarnings("ignore")
def test_a_restatement_judges_all_days(context: Context) -> None:
    plan(context)
    visit(context, 1, date(2025, 6, 2))
    with pytest.raises(PlanError):
        plan(context, restate_models=["raw.visits"], start="2025-06-10", end="2025-06-10")
