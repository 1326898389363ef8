"""Contracts as audits of a real plan: what breaks an error is never promoted, what breaks a warning is told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context
from sqlmesh.core.config import Config
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.utils.errors import PlanError

PROJECT = Path(__file__).parents[2] / "sqlmesh_project"
CONFIG = {
    "gateways": {"local": {"connection": {"type": "duckdb", "database": "DATABASE"}}},
    "model_defaults": {"dialect": "bigquery", "start": "2025-01-01"},
    "disable_anonymized_analytics": True,
}
LOADED = "'b' AS _batch_id, 'f' AS _source_file, CAST(1 AS INT64) AS _row_number, TIMESTAMP('2025-01-01') AS _loaded_at"
USERS = f"""
MODEL (name raw.web_funnel__users, kind FULL, audits (contract_errors(of := raw.web_funnel__users)));
SELECT 'u1' AS user_id, DATE '2025-01-01' AS date, 'Desktop' AS device, 'Male' AS sex, 'search' AS channel, {LOADED}
"""
PAGES = f"""
MODEL (
  name raw.web_funnel__pages,
  kind FULL,
  audits (
    contract_errors(of := raw.web_funnel__pages),
    contract_warnings(of := raw.web_funnel__pages)
  )
);
SELECT user_id, 'step1' AS page, {LOADED} FROM (SELECT user_id FROM raw.web_funnel__users UNION ALL SELECT NOBODY)
"""


class Told(NoopConsole):
    """A console that keeps the warnings."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []

    def log_warning(self, short_message: str, long_message: str | None = None) -> None:  # noqa: ARG002
        self.warnings.append(short_message)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("models", "audits", "macros"):
        (tmp_path / name).mkdir()
    (tmp_path / "macros" / "__init__.py").touch()
    shutil.copy(PROJECT / "macros" / "contract_audit.py", tmp_path / "macros")
    for name in ("contract_errors.sql", "contract_warnings.sql"):
        shutil.copy(PROJECT / "audits" / name, tmp_path / "audits")
    (tmp_path / "models" / "users.sql").write_text(USERS)
    return tmp_path


@pytest.fixture
def told() -> Iterator[Told]:
    console = Told()
    set_console(console)
    yield console
    set_console(NoopConsole())


def plan(folder: Path, nobody: str) -> None:
    """Plan and apply, with pages of one more user."""
    (folder / "models" / "pages.sql").write_text(PAGES.replace("NOBODY", nobody))
    database = str(folder / "warehouse.duckdb")
    config = Config.parse_obj(
        {**CONFIG, "gateways": {"local": {"connection": {"type": "duckdb", "database": database}}}}
    )
    context = Context(paths=str(folder), config=config)
    try:
        context.plan(auto_apply=True, no_prompts=True, skip_tests=True)
    finally:
        context.close()


def users(folder: Path) -> list[str | None]:
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute("SELECT user_id FROM raw.web_funnel__pages ORDER BY ALL").fetchall()
    return [user for (user,) in rows]


@pytest.mark.filterwarnings("ignore")
def test_a_plan_promotes_no_data_that_breaks_an_error(folder: Path, told: Told) -> None:
    plan(folder, "'u2' FROM raw.web_funnel__users WHERE FALSE")
    assert users(folder) == ["u1"]
    assert told.warnings == []

    plan(folder, "'u2'")
    assert users(folder) == ["u1", "u2"]
    (warning,) = told.warnings
    assert "raw.web_funnel__pages: 'contract_warnings' audit error: 1 row failed" in warning

    for broken in ("CAST(NULL AS STRING)", "'u1'"):
        with pytest.raises(PlanError, match="Plan application failed"):
            plan(folder, broken)
        assert users(folder) == ["u1", "u2"]
