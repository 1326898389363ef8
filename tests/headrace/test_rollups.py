"""Rollups are built all or none, read while they are fresh, and answer as the tables do that they stand for."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import connect
from headrace.build import ensure_raw_tables
from headrace.config import CostSettings, SemanticSettings, ServeSettings, Settings, load_settings
from headrace.errors import BuildError
from headrace.questions import load_questions
from headrace.rollup_changes import outdate_rollups
from headrace.rollups import build_rollups, list_rollups
from headrace.semantics import open_engine
from semantic.engine import Cancellation, Engine, Result
from semantic.explain import explain
from semantic.rest.app import create_app
from semantic.sqlapi.kinds import Select
from semantic.sqlapi.planner import SqlPlanner, executed, plan_sql
from semantic.sqlapi.session import Caller
from semantic.sqlapi.statements import parse_statements
from semantic.sqlapi.variables import Variables
from tests.commandline import headrace
from tests.semantic.rest.library import serving

MODEL = """
cubes:
  - name: sales
    sql_table: core.sales
    joins:
      - { name: shops, relationship: many_to_one, sql: "{CUBE}.shop_id = {shops.id}" }
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: kind, sql: kind, type: string }
      - { name: sold_at, sql: sold_at, type: time }
    measures:
      - { name: count, type: count }
      - { name: cheap_count, type: count, filters: [{ sql: "{CUBE}.cents < 50" }] }
      - { name: cents, sql: cents, type: sum }
      - { name: dearest, sql: cents, type: max }
      - { name: mean, sql: "1.0 * {cents} / NULLIF({count}, 0)", type: number }
      - { name: kinds, sql: kind, type: count_distinct }
    pre_aggregations:
      - { name: daily, measures: [count, cheap_count, cents, dearest], dimensions: [kind, shops.city],
          time_dimension: sold_at, granularity: day }
      - { name: by_kind, measures: [kinds, count], dimensions: [kind] }
  - name: shops
    sql_table: core.shops
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: city, sql: city, type: string }
"""
TABLES = """
    CREATE SCHEMA core;
    CREATE SCHEMA physical;
    CREATE TABLE physical.sales AS SELECT
        i::INTEGER AS id, (i % 3)::INTEGER AS shop_id, CASE i % 4 WHEN 0 THEN NULL ELSE 'kind ' || i % 4 END AS kind,
        (i * 7 % 100)::INTEGER AS cents, TIMESTAMP '2024-01-01' + INTERVAL (i * 11) HOUR AS sold_at
    FROM range(200) AS t(i);
    CREATE VIEW core.sales AS SELECT * FROM physical.sales;
    CREATE TABLE core.shops AS SELECT * FROM (VALUES (0, 'Bonn'), (1, 'Köln')) AS t(id, city);
"""
Query = Mapping[str, Any]
BY_KIND: Query = {"measures": ["sales.count", "sales.cents"], "dimensions": ["sales.kind"]}
READ = ("sales.daily",)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path)


def project(folder: Path) -> Settings:
    """A project of two tables, its rollups switched on and not built."""
    found = Settings(
        root=folder,
        data=folder,
        gateway="duckdb",
        sources={},
        variables={},
        serve=ServeSettings(),
        cost=CostSettings(),
        semantic=SemanticSettings(rollups=True),
    )
    found.data_model.mkdir(parents=True)
    write_model(found, MODEL)
    change(found, TABLES)
    return found


def write_model(settings: Settings, text: str) -> None:
    (settings.data_model / "model.yml").write_text(text, encoding="utf-8")


def change(settings: Settings, sql: str) -> None:
    connection = duckdb.connect(str(settings.warehouse))
    connection.execute(sql)
    connection.close()


def opened(settings: Settings) -> Engine:
    engine = open_engine(settings, "prod", on_broken=pytest.fail)
    engine.reader.close()
    return engine


def asked(engine: Engine, query: Query) -> Result:
    (parsed,) = engine.parse(query).queries
    result = engine.load(parsed)
    engine.reader.close()
    return result


def used(engine: Engine, query: Query = BY_KIND) -> tuple[str, ...]:
    return asked(engine, query).compiled.used_pre_aggregations


def reason(engine: Engine, name: str = "sales.daily", query: Query = BY_KIND) -> str:
    (parsed,) = engine.parse(query).queries
    found = explain(engine.compiler(), parsed).rollups[name]
    engine.reader.close()
    return found


def test_built_once_and_read(settings: Settings) -> None:
    engine = opened(settings)
    assert reason(engine) == "it has not been built"
    before = asked(engine, BY_KIND)
    assert [one.name for one in build_rollups(settings, "prod")] == ["sales.daily", "sales.by_kind"]
    after = asked(engine, BY_KIND)
    assert (before.compiled.used_pre_aggregations, after.compiled.used_pre_aggregations) == ((), READ)
    assert "core" not in after.compiled.sql
    assert sorted(map(str, before.rows)) == sorted(map(str, after.rows))
    assert build_rollups(settings, "prod") == ()
    assert [one.name for one in build_rollups(settings, "prod", only="sales.by_kind")] == ["sales.by_kind"]
    assert [(one.name, one.wrong) for one in list_rollups(settings, "prod")] == [
        ("sales.daily", ""),
        ("sales.by_kind", ""),
    ]


def test_switched_off_none_is_read(settings: Settings) -> None:
    build_rollups(settings, "prod")
    engine = opened(dataclasses.replace(settings, semantic=SemanticSettings()))
    assert used(engine) == ()
    assert reason(engine) == "it is not read: `semantic.rollups` is off in config.yaml"


@pytest.mark.parametrize(
    ("changed", "older"),
    [
        ("INSERT INTO physical.sales VALUES (1000, 1, 'new', 5, '2024-01-01')", "core.sales"),
        ("DELETE FROM core.shops; INSERT INTO core.shops VALUES (0, 'Rom')", "core.shops"),
        ("CREATE TABLE physical.other AS FROM physical.sales; "
         "CREATE OR REPLACE VIEW core.sales AS SELECT * FROM physical.other", "core.sales"),
    ],
)  # fmt: skip
def test_what_changed_since_is_not_read(settings: Settings, changed: str, older: str) -> None:
    engine = opened(settings)
    build_rollups(settings, "prod")
    assert used(engine) == READ
    change(settings, changed)
    assert used(engine) == ()
    assert reason(engine) == f"it is older than {older}: run `headrace rollups build`"
    build_rollups(settings, "prod")
    assert used(engine) == READ


def test_a_build_of_the_models_outdates_all(settings: Settings) -> None:
    engine = opened(settings)
    build_rollups(settings, "prod")
    outdate_rollups(settings)
    assert used(engine) == ()
    assert reason(engine).startswith("it is older than the last build of the models")
    assert len(build_rollups(settings, "prod")) == 2
    assert used(engine) == READ


def test_another_definition_is_not_read(settings: Settings) -> None:
    build_rollups(settings, "prod")
    write_model(settings, MODEL.replace("sql: cents, type: sum", "sql: cents + 1, type: sum"))
    assert reason(opened(settings)) == "it was built from another definition: run `headrace rollups build`"
    assert [one.name for one in build_rollups(settings, "prod")] == ["sales.daily"]
    assert used(opened(settings)) == READ


def test_all_or_none(settings: Settings) -> None:
    build_rollups(settings, "prod")
    changed = MODEL.replace("sql: cents, type", "sql: cents + 1, type")
    write_model(settings, changed.replace("sql: kind, type: count_distinct", "sql: nowhere, type: count_distinct"))
    with pytest.raises(BuildError, match=r"rollup sales\.by_kind could not be built, and none was"):
        build_rollups(settings, "prod")
    write_model(settings, MODEL)
    assert build_rollups(settings, "prod") == ()
    assert used(opened(settings)) == READ


def test_what_is_declared_no_longer_is_dropped(settings: Settings) -> None:
    build_rollups(settings, "prod")
    write_model(settings, "\n".join(line for line in MODEL.splitlines() if "by_kind" not in line))
    assert build_rollups(settings, "prod") == ()
    connection = duckdb.connect(str(settings.warehouse))
    tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'rollups'").fetchall()
    connection.close()
    assert sorted(tables) == [("builds",), ("sales__daily",)]


def test_a_refresh_key_has_it_built_again_in_time(settings: Settings) -> None:
    write_model(settings, MODEL.replace("dimensions: [kind] }", "dimensions: [kind], refresh_key: { every: 1 hour } }"))
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    build_rollups(settings, "prod", now=begun)
    assert build_rollups(settings, "prod", now=begun + timedelta(minutes=59)) == ()
    again = build_rollups(settings, "prod", now=begun + timedelta(hours=1))
    assert [one.name for one in again] == ["sales.by_kind"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("sql: cents, type: max", "sql: cents - year(current_date), type: max", "CURRENT_DATE"),
        ("sql_table: core.shops", "sql: SELECT * FROM read_csv('shops.csv')", "is no table of the warehouse"),
        ("name: by_kind", "name: missing", "no rollup 'sales.by_kind'"),
    ],
)
def test_what_cannot_be_built(settings: Settings, old: str, new: str, why: str) -> None:
    write_model(settings, MODEL.replace(old, new))
    with pytest.raises(BuildError, match=why):
        build_rollups(settings, "prod", only="sales.by_kind" if "missing" in new else None)


def test_an_environment_has_its_own(settings: Settings) -> None:
    change(settings, "CREATE SCHEMA core__dev; CREATE VIEW core__dev.sales AS FROM physical.sales WHERE id < 10")
    build_rollups(settings, "dev")
    dev = open_engine(settings, "dev", on_broken=pytest.fail)
    found = asked(dev, {"measures": ["sales.count"]})
    assert (found.compiled.used_pre_aggregations, list(found.rows)) == (READ, [{"sales.count": "10"}])
    assert used(opened(settings)) == ()


ORIGINAL = """    sql: SELECT * FROM core.shops WHERE id > 0
    pre_aggregations:
      - { name: whole, type: original_sql }
"""


def test_a_select_is_built_as_a_table(settings: Settings) -> None:
    write_model(settings, MODEL.replace("    sql_table: core.shops\n", ORIGINAL))
    engine = opened(settings)
    query = {"measures": ["sales.kinds"], "dimensions": ["shops.city"]}
    before = asked(engine, query)
    assert [one.name for one in build_rollups(settings, "prod")][-1] == "shops.whole"
    after = asked(engine, query)
    assert ("shops__whole" in before.compiled.sql, "shops__whole" in after.compiled.sql) == (False, True)
    assert sorted(map(str, before.rows)) == sorted(map(str, after.rows))
    change(settings, "INSERT INTO core.shops VALUES (2, 'Ulm')")
    assert "shops__whole" not in asked(engine, query).compiled.sql


GUARDED = """
    access_policy:
      - { group: all, row_level: { allow_all: true } }
      - { group: bonn, row_level: { filters: [{ member: kind, operator: equals, values: [kind 1] }] } }
    pre_aggregations:
"""


def test_policies_are_applied_to_what_is_read(settings: Settings) -> None:
    write_model(settings, MODEL.replace("    pre_aggregations:\n", GUARDED.lstrip("\n")))
    build_rollups(settings, "prod")
    engine = opened(settings)
    (parsed,) = engine.parse({"measures": ["sales.count"]}).queries
    found = {group: engine.load(parsed, {"groups": [group]}) for group in ("all", "bonn")}
    engine.reader.close()
    assert [one.compiled.used_pre_aggregations for one in found.values()] == [READ, READ]
    assert [next(iter(one.rows)) for one in found.values()] == [{"sales.count": "200"}, {"sales.count": "50"}]


def test_nothing_counted_is_none(settings: Settings) -> None:
    build_rollups(settings, "prod")
    query = {
        "measures": ["sales.count", "sales.cents"],
        "filters": [{"member": "sales.kind", "operator": "equals", "values": ["x"]}],
    }
    found = asked(opened(settings), query)
    assert found.compiled.used_pre_aggregations == READ
    assert list(found.rows) == [{"sales.count": "0", "sales.cents": None}]


def test_sql_is_planned_anew_when_rollups_change(settings: Settings) -> None:
    engine = opened(settings)
    planner = SqlPlanner(engine)
    (select,) = parse_statements("SELECT kind, MEASURE(count) FROM sales GROUP BY 1")
    caller = Caller("ada", "headrace", 1, Variables("ada", {}))

    def reads_rollup() -> bool:
        assert isinstance(select, Select)
        sql = planner.plan(select, (), caller).sql
        engine.reader.close()
        return "sales__daily" in sql

    assert not reads_rollup()
    build_rollups(settings, "prod")
    assert reads_rollup()
    with executed(engine, plan_sql(engine, "SELECT MEASURE(count) FROM sales"), Cancellation()) as cursor:
        assert cursor.fetchall() == [(200,)]
    engine.reader.close()
    outdate_rollups(settings)
    assert not reads_rollup()


CONFIG = """
default_gateway: duckdb
gateways: { duckdb: { connection: { type: duckdb, database: warehouse.duckdb } } }
headrace: { data: ., semantic: { rollups: on } }
"""


def test_python_reads_them(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_DATA", str(settings.data))
    build_rollups(settings, "prod")
    (settings.root / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (settings.root / "sqlmesh_project").mkdir()
    with connect(settings.root) as metrics:
        assert "sales__daily" in metrics.sql(BY_KIND)[0]
        assert metrics.load({"measures": ["sales.count"]}) == [{"sales.count": "200"}]


def test_rest_tells_what_is_read(settings: Settings) -> None:
    build_rollups(settings, "prod")
    engine = opened(settings)
    with (
        serving(create_app(engine, settings.serve)) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        loaded = client.post("/load", json={"query": dict(BY_KIND)}).json()
        described = client.post("/sql", json={"query": dict(BY_KIND)}).json()["sql"]
    engine.reader.close()
    table = "rollups.sales__daily"
    assert loaded["usedPreAggregations"] == {table: {"targetTableName": table, "refreshKeyValues": []}}
    (found,) = described["preAggregations"]
    shown = {name: found[name] for name in ("preAggregationId", "tableName", "type", "external", "granularity")}
    assert shown == {
        "preAggregationId": "sales.daily",
        "tableName": table,
        "type": "rollup",
        "external": False,
        "granularity": "day",
    }
    assert found["loadSql"][0].startswith(f"CREATE TABLE {table} AS SELECT")
    assert table.replace(".", '"."') in described["sql"][0]


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, Engine]:
    """With and without rollups."""
    found = project(tmp_path_factory.mktemp("rollups"))
    build_rollups(found, "prod")
    return opened(found), opened(dataclasses.replace(found, semantic=SemanticSettings()))


CONDITIONS = st.sampled_from(
    [
        {"member": "sales.kind", "operator": "set"},
        {"member": "sales.kind", "operator": "notEquals", "values": ["kind 2"]},
        {"member": "shops.city", "operator": "contains", "values": ["ö"]},
        {"member": "sales.count", "operator": "gt", "values": ["3"]},
    ]
)
TIMES = st.fixed_dictionaries(
    {"dimension": st.just("sales.sold_at")},
    optional={
        "granularity": st.sampled_from(["day", "week", "month", "quarter", "year"]),
        "dateRange": st.sampled_from([["2024-01-10", "2024-02-20"], ["2024-02-01", "2024-02-29"]]),
    },
)
MEASURES = ("count", "cheap_count", "cents", "dearest", "mean", "kinds")
QUERIES = st.fixed_dictionaries(
    {
        "measures": st.lists(
            st.sampled_from([f"sales.{name}" for name in MEASURES]),
            min_size=1, max_size=3, unique=True,
        ),
        "dimensions": st.lists(st.sampled_from(["sales.kind", "shops.city"]), max_size=2, unique=True),
        "timeDimensions": st.lists(TIMES, max_size=1),
        "filters": st.lists(CONDITIONS, max_size=2),
    }
)  # fmt: skip


@given(query=QUERIES)
def test_same_rows_with_and_without(engines: tuple[Engine, Engine], query: Query) -> None:
    fast, slow = (asked(engine, query) for engine in engines)
    assert sorted(map(str, fast.rows)) == sorted(map(str, slow.rows))
    types = [engine.run(one.compiled).schema.types for engine, one in zip(engines, (fast, slow), strict=True)]
    assert types[0] == types[1]


def test_questions_have_the_same_answers(data_folder: Path) -> None:
    headrace("rollups", "build", data=data_folder)
    assert headrace("rollups", "list", "-f", "csv", data=data_folder).stdout.count("fresh") == 2
    settings = load_settings(environ={"HEADRACE_DATA": str(data_folder)})
    fast = opened(dataclasses.replace(settings, semantic=SemanticSettings(rollups=True)))
    slow = opened(settings)
    read = []
    for question in load_questions(settings.root / "semantic" / "questions.yml"):
        rows = [asked(engine, question.rest) for engine in (fast, slow)]
        read += rows[0].compiled.used_pre_aggregations
        assert sorted(map(rounded, rows[0].rows)) == sorted(map(rounded, rows[1].rows)), question.question
    assert {"consent_events.daily"} <= set(read)
    ensure_raw_tables(settings)
    outdate_rollups(settings)
    assert headrace("rollups", "list", "-f", "csv", data=data_folder).stdout.count("last build of the models") == 2


def rounded(row: Mapping[str, object]) -> tuple[str, ...]:
    """Sums of doubles differ in their last digits by the order of adding."""
    return tuple(_shown(value) for value in row.values())


def _shown(value: object) -> str:
    try:
        number = float(str(value))
    except ValueError:
        return str(value)
    return f"{number:.9g}" if math.isfinite(number) else str(value)


@pytest.mark.slow
def test_a_build_without_news_leaves_rollups_fresh(data_folder: Path) -> None:
    headrace("rollups", "build", data=data_folder)
    headrace("build", "--quiet", data=data_folder)
    assert headrace("rollups", "list", "-f", "csv", data=data_folder).stdout.count("fresh") == 2
    done = headrace("rollups", "build", data=data_folder)
    assert "all rollups are fresh" in done.stdout + done.stderr
