"""What is known of a gateway's columns: DuckDB's statistics prove it, BigQuery's contracts promise it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from headrace.config import CostSettings, SemanticSettings, ServeSettings, Settings
from headrace.gateways import BigQueryConnection
from headrace.never_null import open_proof
from headrace.semantics import open_engine
from semantic.datamodel.load import load_data_model, load_sources
from semantic.explain import explain
from semantic.never_null import NeverNull

MODEL = """
cubes:
  - name: visits
    sql_table: core.visits
    dimensions: [{ name: id, sql: id, type: string, primary_key: true }]
    measures: [{ name: count, type: count }]
  - name: totals
    sql_table: core.totals
    dimensions: [{ name: device, sql: device, type: string, primary_key: true }]
    measures: [{ name: count, type: count }]
  - name: absent
    sql_table: core.absent
    dimensions: [{ name: id, sql: id, type: string, primary_key: true }]
    measures: [{ name: count, type: count }]
  - name: elsewhere
    sql_table: other.core.visits
    dimensions: [{ name: id, sql: id, type: string, primary_key: true }]
    measures: [{ name: count, type: count }]
"""
TABLES = """
    CREATE SCHEMA core;
    CREATE SCHEMA physical;
    CREATE TABLE physical.visits AS SELECT 'visit ' || i AS id, 'device ' || i % 3 AS device FROM range(5000) AS t(i);
    CREATE VIEW core.visits AS SELECT * FROM physical.visits;
    CREATE VIEW core.totals AS SELECT device, count(*) AS visits FROM core.visits GROUP BY 1;
"""
KEYS: NeverNull = frozenset([("core.visits", "id")])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(
        root=tmp_path,
        data=tmp_path,
        gateway="duckdb",
        sources={},
        variables={},
        serve=ServeSettings(),
        cost=CostSettings(),
        semantic=SemanticSettings(),
    )
    found.data_model.mkdir(parents=True)
    (found.data_model / "model.yml").write_text(MODEL, encoding="utf-8")
    change(found, TABLES)
    return found


def change(settings: Settings, sql: str) -> None:
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(sql)


def test_statistics_prove_it_for_what_is_stored(settings: Settings) -> None:
    proof, model = open_proof(settings, "prod"), load_data_model(settings.data_model)
    # A view that computes is not asked: that would compute it.
    assert proof(model, {}) == KEYS
    change(settings, "INSERT INTO physical.visits VALUES (NULL, 'device 1')")
    assert proof(model, {}) == frozenset()
    change(settings, "CREATE OR REPLACE TABLE physical.visits AS SELECT 'a' AS id")
    assert proof(model, {}) == KEYS
    change(
        settings,
        "CREATE OR REPLACE VIEW core.visits AS SELECT CASE WHEN id <> 'a' THEN id END AS id FROM physical.visits",
    )
    assert proof(model, {}) == frozenset()


def test_each_environment_has_its_own(settings: Settings) -> None:
    proof, model = open_proof(settings, "dev"), load_data_model(settings.data_model)
    change(settings, "CREATE SCHEMA core__dev; CREATE TABLE core__dev.visits AS SELECT NULL::VARCHAR AS id")
    assert proof(model, {"core.visits": "core__dev.visits"}) == frozenset()
    assert proof(model, {}) == KEYS


def test_answers_follow_what_is_known(settings: Settings) -> None:
    engine = open_engine(settings, "prod", on_broken=pytest.fail)

    def answered() -> tuple[object, bool]:
        (query,) = engine.parse({"measures": ["visits.count"]}).queries
        result = engine.load(query)
        is_counted = explain(engine.compiler(), query).row_counts == ("visits.count",)
        assert is_counted == ("COUNT(*)" in result.compiled.sql)
        engine.reader.close()
        return result.rows.tuples()[0][0], is_counted

    assert answered() == ("5000", True)
    change(settings, "INSERT INTO physical.visits VALUES (NULL, 'device 1')")
    assert answered() == ("5000", False)


WRITER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_nothing_is_known_and_nobody_waits_while_another_writes(settings: Settings) -> None:
    proof, model = open_proof(settings, "prod"), load_data_model(settings.data_model)
    command = [sys.executable, "-c", WRITER, str(settings.warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "held\n"
        assert proof(model, {}) == frozenset()
        writer.communicate("")
    assert proof(model, {}) == KEYS


def test_on_bigquery_contracts_are_taken_at_their_word(settings: Settings) -> None:
    bigquery = dataclasses.replace(settings, gateway="bigquery", bigquery=BigQueryConnection(type="bigquery"))
    events = MODEL.replace("core.visits", "core.events").replace("sql: id", "sql: event_key")
    model = load_sources({"model.yml": events})
    assert open_proof(bigquery, "prod")(model, {}) == {("core.events", "event_key")}
    assert open_proof(bigquery, "dev")(model, {"core.events": "core__dev.events"}) == frozenset()
    nullable = load_sources({"model.yml": events.replace("sql: event_key", "sql: country")})
    assert open_proof(bigquery, "prod")(nullable, {}) == frozenset()
