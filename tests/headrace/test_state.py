"""SQLMesh's state in PostgreSQL: a plan is remembered there, and another process goes on from it."""

from __future__ import annotations

import warnings
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from sqlmesh import Context
from sqlmesh.core.config import Config

from headrace import state
from tests.postgresql import postgresql

MODEL = "MODEL (name core.numbers, kind FULL); SELECT 1::INT AS number"


def project(folder: Path, url: str) -> Context:
    place = urlsplit(url)
    config = {
        "gateways": {
            "duckdb": {
                "connection": {"type": "duckdb", "database": str(folder / "warehouse.duckdb")},
                "state_connection": {
                    "type": "postgres", "host": place.hostname, "port": place.port, "user": place.username,
                    "password": place.password, "database": place.path.strip("/"),
                },
            }
        },
        "model_defaults": {"dialect": "duckdb"},
        "disable_anonymized_analytics": True,
    }  # fmt: skip
    return Context(paths=str(folder), config=Config.parse_obj(config))


def test_a_plan_is_remembered_in_postgresql(tmp_path: Path) -> None:
    state.register()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "numbers.sql").write_text(MODEL)
    with postgresql() as url, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = project(tmp_path, url)
        first.plan(auto_apply=True, no_prompts=True)
        first.close()
        second = project(tmp_path, url)
        assert not second.plan_builder().build().has_changes
        assert second.fetchdf("SELECT number FROM core.numbers").number.tolist() == [1]
        second.close()
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT count(*) FROM sqlmesh._snapshots").fetchone()
    assert row == (1,)
