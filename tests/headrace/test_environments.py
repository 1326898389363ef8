"""Environments through SQLMesh's own command line: a changed model gets views of its own, everything else is shared."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
CHANGED = ("models", "marts", "consent_events.sql")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, to change models in."""
    folder = tmp_path / "project"
    ignored = shutil.ignore_patterns(".cache", "logs", "__pycache__", "node_modules")
    for part in ("sqlmesh_project", "semantic", "ingestion", "contracts", "headrace"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    shutil.copy(ROOT / "config.yaml", folder / "config.yaml")
    return folder


def sqlmesh(project: Path, data: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("sqlmesh")), "-p", "sqlmesh_project", *arguments],
        cwd=project,
        env={**os.environ, "HEADRACE_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def count(project: Path, data: Path, environment: str) -> str:
    query = '{"measures": ["consent.event_count"]}'
    arguments = [sys.executable, "-m", "headrace", "query", query, "-f", "csv", "-e", environment]
    done = subprocess.run(
        arguments,
        cwd=project,
        env={**os.environ, "HEADRACE_DATA": str(data)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()[1].strip('"')


def test_dev_has_views_of_what_changed_and_answers_from_them(data_folder: Path, project: Path) -> None:
    model = project.joinpath("sqlmesh_project", *CHANGED)
    text = model.read_text()
    changed = text.replace("record_source = 'consent' AND", "record_source = 'nothing' AND")
    assert changed != text
    model.write_text(changed)
    sqlmesh(project, data_folder, "plan", "dev", "--auto-apply", "--no-prompts", "--skip-tests")
    with duckdb.connect(str(data_folder / "warehouse.duckdb"), read_only=True) as connection:
        views = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE ends_with(table_schema, '__dev')"
        ).fetchall()
    assert ("marts__dev", "consent_events") in views
    assert all(schema == "marts__dev" for schema, _ in views)
    assert int(count(project, data_folder, "prod")) > 0
    assert count(project, data_folder, "dev") in ("0", "")


def domains(data: Path, source: str) -> list[tuple[object]]:
    query = "SELECT DISTINCT domain FROM core.events WHERE record_source = ?"
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query, [source]).fetchall()


@pytest.mark.slow
def test_a_change_of_core_events_leaves_the_past_until_it_is_restated(data_folder: Path, project: Path) -> None:
    model = project.joinpath("sqlmesh_project", "models", "core", "events.sql")
    head, rest = model.read_text().split("), web_funnel AS (")
    changed = rest.replace("NULL::STRING AS domain", "'shop' AS domain", 1)
    model.write_text(f"{head}), web_funnel AS ({changed}")
    promote = ("plan", "--auto-apply", "--no-prompts", "--skip-tests", "--skip-linter")
    sqlmesh(project, data_folder, *promote)
    assert domains(data_folder, "web_funnel") == [(None,)]
    sqlmesh(project, data_folder, *promote, "--restate-model", "core.events", "--start", "2015-01-01")
    assert domains(data_folder, "web_funnel") == [("shop",)]
