"""An offer is changed in its database while a user is under way: what the user was shown stands in the models."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from sqlmesh import Context

from headrace.build import ensure_raw_tables
from headrace.config import Settings, load_settings
from headrace.warehouse import open_warehouse
from ingestion.declaration import load_source
from ingestion.load import ingest
from tests.postgresql import IS_INSTALLED, postgresql

SCHEMAS = Path(__file__).resolve().parents[2] / "ingestion" / "sample"
ENGINES = ("sqlite", "postgresql") if IS_INSTALLED else ("sqlite",)
MODELS = ("core.user_offer_tasks", "core.user_offers", "core.offer_tasks", "core.offers")
"""Built with everything that they read, down to raw."""

SHOWN = """
INSERT INTO users VALUES
    ('ada', '2025-06-01 08:00:00', 'FR', 'ios', 'search', NULL, 'UTC', FALSE, '2025-06-01 08:00:00');
INSERT INTO offers VALUES ('game', 'Acme', 'game', 'ios', '2025-05-01 00:00:00', NULL, '2025-05-01 00:00:00');
INSERT INTO offer_versions VALUES ('game:1', 'game', 1, 'Play', '5', 500, 30, '2025-05-01 00:00:00', NULL, NULL);
INSERT INTO offer_tasks VALUES ('game:1:level', 'game:1', 'game', 'level', 1, 'Reach level 5', 100, '1', FALSE, TRUE);
INSERT INTO user_offers VALUES ('ada-game', 'ada', 'game', 'game:1', 'boost', '1.2', '2025-06-01 09:00:00');
INSERT INTO user_offer_tasks VALUES ('ada-game', 'level', 'game:1:level', 120, '2025-06-01 09:00:00');
INSERT INTO progress VALUES
    ('p1', 'ada-game', 'ada', 'game', NULL, 'started', '2025-06-01 10:00:00', '2025-06-01 10:00:00', 0, '0',
     NULL, NULL);
"""
CHANGED = """
INSERT INTO offer_versions VALUES ('game:2', 'game', 2, 'Play!', '3', 200, 30, '2025-06-01 11:00:00', NULL, 'cheaper');
INSERT INTO offer_tasks VALUES ('game:2:level', 'game:2', 'game', 'level', 1, 'Reach level 9', 50, '0.5', FALSE, TRUE);
INSERT INTO progress VALUES
    ('p2', 'ada-game', 'ada', 'game', 'level', 'task_completed', '2025-06-01 12:00:00', '2025-06-01 12:00:00', 120, '1',
     NULL, NULL),
    ('p3', NULL, 'ada', 'game', 'level', 'task_completed', '2025-06-02 12:00:00', '2025-06-02 12:00:00', 50, '0.5',
     NULL, NULL);
"""
"""An hour after the start another version is published. The second completion names no assignment, but there is one."""


@dataclass(frozen=True)
class Database:
    """The offerwall's database: where it is, how to run a script in it, what it answers to what it refuses."""

    location: str
    connection: sqlite3.Connection | psycopg.Connection[Any]
    run: Callable[[str], object]
    refusal: type[Exception]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings(environ={"HEADRACE_DATA": str(tmp_path / "data")})
    ensure_raw_tables(made)
    return made


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database in the schema that its engine is given."""
    if request.param == "sqlite":
        path = tmp_path / "rewards.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript((SCHEMAS / "rewards.sql").read_text(encoding="utf-8"))
            yield Database(str(path), connection, connection.executescript, sqlite3.IntegrityError)
        return
    with postgresql() as url, psycopg.connect(url, autocommit=True) as server:
        server.execute("SET TIME ZONE 'UTC'")
        server.execute((SCHEMAS / "rewards.postgresql.sql").read_text(encoding="utf-8").encode())
        yield Database(url, server, lambda script: server.execute(script.encode()), psycopg.IntegrityError)


def arrive(database: Database, script: str, settings: Settings) -> None:
    """Write to the source, then ingest what is new in it."""
    database.run(script)
    report = ingest(settings, "rewards", database.location)
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


def test_what_the_user_was_shown_stands(project: Context, settings: Settings, database: Database) -> None:
    arrive(database, SHOWN, settings)
    arrive(database, CHANGED, settings)
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


REFUSED = {
    "UPDATE offer_tasks SET reward_coins = 50": "a version is never edited: publish the next one",
    "DELETE FROM offer_versions": "a version is never edited: publish the next one",
    "UPDATE user_offers SET offer_version_id = 'game:2'": "what a user was shown is never edited",
    "DELETE FROM user_offer_tasks": "what a user was shown is never edited",
    "UPDATE progress SET coins = 0": "progress is a log: add a fact",
    "DELETE FROM progress": "progress is a log: add a fact",
}


def test_nothing_that_was_shown_or_done_is_edited_or_taken_away(database: Database) -> None:
    database.run(SHOWN)
    for change, message in REFUSED.items():
        with pytest.raises(database.refusal, match=message):
            database.run(change)


def test_the_tables_are_those_of_the_contracts(database: Database) -> None:
    for name, table in load_source("rewards").tables.items():
        cursor = database.connection.execute(f"SELECT * FROM {name} LIMIT 0")
        expected = [column.name for column in table.contract_class.columns() if not column.is_metadata]
        assert [one[0] for one in cursor.description or ()] == expected, name
