"""An offer is changed in its database while a user is under way: what the user was shown stands in the models."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context

from headrace.build import ensure_raw_tables
from headrace.config import Settings, load_settings
from headrace.warehouse import open_warehouse
from ingestion.load import ingest

SCHEMA = Path(__file__).resolve().parents[2] / "ingestion" / "sample" / "rewards.sql"
MODELS = ("core.user_offer_tasks", "core.user_offers", "core.offer_tasks", "core.offers")
"""Built with everything that they read, down to raw."""

SHOWN = """
INSERT INTO users VALUES ('ada', '2025-06-01 08:00:00', 'FR', 'ios', 'search', NULL, 'UTC', 0, '2025-06-01 08:00:00');
INSERT INTO offers VALUES ('game', 'Acme', 'game', 'ios', '2025-05-01 00:00:00', NULL, '2025-05-01 00:00:00');
INSERT INTO offer_versions VALUES ('game:1', 'game', 1, 'Play', '5', 500, 30, '2025-05-01 00:00:00', NULL, NULL);
INSERT INTO offer_tasks VALUES ('game:1:level', 'game:1', 'game', 'level', 1, 'Reach level 5', 100, '1', 0, 1);
INSERT INTO user_offers VALUES ('ada-game', 'ada', 'game', 'game:1', 'boost', '1.2', '2025-06-01 09:00:00');
INSERT INTO user_offer_tasks VALUES ('ada-game', 'level', 'game:1:level', 120, '2025-06-01 09:00:00');
INSERT INTO progress VALUES
    ('p1', 'ada-game', 'ada', 'game', NULL, 'started', '2025-06-01 10:00:00', '2025-06-01 10:00:00', 0, '0',
     NULL, NULL);
"""
CHANGED = """
INSERT INTO offer_versions VALUES ('game:2', 'game', 2, 'Play!', '3', 200, 30, '2025-06-01 11:00:00', NULL, 'cheaper');
INSERT INTO offer_tasks VALUES ('game:2:level', 'game:2', 'game', 'level', 1, 'Reach level 9', 50, '0.5', 0, 1);
INSERT INTO progress VALUES
    ('p2', 'ada-game', 'ada', 'game', 'level', 'task_completed', '2025-06-01 12:00:00', '2025-06-01 12:00:00', 120, '1',
     NULL, NULL),
    ('p3', NULL, 'ada', 'game', 'level', 'task_completed', '2025-06-02 12:00:00', '2025-06-02 12:00:00', 50, '0.5',
     NULL, NULL);
"""
"""An hour after the start another version is published. The second completion names no assignment, but there is one."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings(environ={"HEADRACE_DATA": str(tmp_path / "data")})
    ensure_raw_tables(made)
    return made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "rewards.sqlite")) as connection:
        connection.executescript(SCHEMA.read_text(encoding="utf-8"))
        yield connection


def arrive(database: sqlite3.Connection, script: str, settings: Settings, path: Path) -> None:
    """Write to the source, then ingest what is new in it."""
    database.executescript(script)
    database.commit()
    report = ingest(settings, "rewards", path)
    assert not report.failures, report.failures


def build(project: Context, connection: duckdb.DuckDBPyConnection) -> None:
    """The models and everything between them and raw, each as a view."""
    wanted = {project.get_model(name, raise_if_missing=True).fqn for name in MODELS}
    for fqn in project.dag.subdag(*wanted).sorted:
        model = project.models[fqn]
        if model.kind.is_external:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sql = model.render_query_or_raise().sql("duckdb", comments=False)
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {model.name.split('.')[0]}")
        connection.execute(f"CREATE OR REPLACE VIEW {model.name} AS {sql}")


def test_what_the_user_was_shown_stands(
    project: Context, settings: Settings, database: sqlite3.Connection, tmp_path: Path
) -> None:
    arrive(database, SHOWN, settings, tmp_path / "rewards.sqlite")
    arrive(database, CHANGED, settings, tmp_path / "rewards.sqlite")
    with open_warehouse(settings, read_only=False) as backend:
        build(project, backend.con)
        offers = backend.con.execute(
            "SELECT offer_version_id, valid_to IS NULL FROM core.offers ORDER BY version_number"
        ).fetchall()
        user_offers = backend.con.execute(
            "SELECT offer_version_id, variant, coin_count, tasks_done_count FROM core.user_offers"
            " WHERE user_offer_key = 'ada-game'"
        ).fetchall()
        tasks = backend.con.execute(
            "SELECT progress_id, offer_task_version_id, title, promised_coin_count, coin_count"
            " FROM core.user_offer_tasks ORDER BY occurred_at"
        ).fetchall()
    assert offers == [("game:1", False), ("game:2", True)]
    assert user_offers == [("game:1", "boost", 170, 1)]
    assert tasks == [
        ("p2", "game:1:level", "Reach level 5", 120, 120),
        ("p3", "game:1:level", "Reach level 5", 120, 50),
    ]


def test_a_version_that_was_shown_cannot_be_edited(database: sqlite3.Connection) -> None:
    database.executescript(SHOWN)
    with pytest.raises(sqlite3.IntegrityError, match="publish the next one"):
        database.execute("UPDATE offer_tasks SET reward_coins = 50")
