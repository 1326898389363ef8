"""The catalog: queries that real clients send answer in the shape that PostgreSQL 15 gave for the same tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from semantic.datamodel.load import load_data_model
from semantic.engine import Engine
from semantic.sqlapi.kinds import Select
from semantic.sqlapi.planner import SqlPlanner
from semantic.sqlapi.session import Caller
from semantic.sqlapi.statements import parse_statements
from semantic.sqlapi.variables import Variables
from tests.semantic.sqlapi.readers import Memory

GOLDEN = Path(__file__).parents[2] / "golden" / "sqlapi" / "catalog_queries.json"
QUERIES: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
MODEL = """
cubes:
  - name: wide6
    sql_table: wide6
    description: wide
    dimensions:
      - {name: id, sql: id, type: number, primary_key: true, public: true, description: The key}
      - {name: a, sql: a, type: string}
      - {name: ts, sql: ts, type: time}
    measures: [{name: n, sql: n, type: sum}]
  - name: customer
    sql_table: missing
    dimensions: [{name: id, sql: id, type: number, primary_key: true, public: true}]
"""
DIFFERENT = {
    "FROM pg_catalog.pg_extension": "PostgreSQL lists plpgsql: there are no extensions here",
    "pg_get_indexdef(i.indexrelid, 0, true)": "the tables here have no index",
    "FROM pg_catalog.pg_opclass": "there are no operator classes, as there are no indexes",
    "table_catalog = 'postgres'": "the database is called headrace here",
}


TABLES = "CREATE TABLE wide6 (id BIGINT, a VARCHAR, ts TIMESTAMPTZ, n DECIMAL(12,2))"


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory) -> SqlPlanner:
    folder = tmp_path_factory.mktemp("model")
    (folder / "model.yml").write_text(MODEL)
    return SqlPlanner(Engine(load_data_model(folder), Memory(TABLES)))


CALLER = Caller("postgres", "headrace", 7, Variables("postgres", {}))


def ask(planner: SqlPlanner, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    (statement,) = parse_statements(sql)
    assert isinstance(statement, Select)
    planned = planner.plan(statement, (), CALLER)
    with planned.database.cursor() as cursor:
        cursor.execute(planned.sql, list(planned.parameters))
        return [str(column[0]) for column in cursor.description or ()], cursor.fetchall()


@pytest.mark.parametrize("query", QUERIES, ids=[f"{number}-{query['client']}" for number, query in enumerate(QUERIES)])
def test_real_clients_queries(planner: SqlPlanner, query: dict[str, Any]) -> None:
    columns, rows = ask(planner, query["sql"])
    assert columns == query["columns"]
    if not any(words in query["sql"] for words in DIFFERENT):
        assert bool(rows) == bool(query["rows"])


def test_columns_without_a_name_are_called_as_postgresql_calls_them(planner: SqlPlanner) -> None:
    sql = (
        "SELECT to_char(DATE '2025-03-04', 'Mon'), extract(second FROM TIMESTAMP '2025-03-04 00:00:01'), btrim(' x '),"
        " substring('abc' FROM 0), overlay('abc' PLACING 'x' FROM 1), cardinality(ARRAY[1]), upper('a'), 1 + 1, 1::int4"
    )
    named = ["to_char", "extract", "btrim", "substring", "overlay", "cardinality", "upper", "?column?", "int4"]
    assert ask(planner, sql)[0] == named


def test_columns_have_the_warehouse_types_and_comments(planner: SqlPlanner) -> None:
    _, rows = ask(
        planner,
        "SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum)"
        " FROM pg_attribute WHERE attrelid = 'wide6'::regclass AND attnum > 0 ORDER BY attnum",
    )
    assert rows == [
        ("id", "bigint", "The key"),
        ("a", "text", None),
        ("ts", "timestamp without time zone", None),
        ("n", "numeric(38,2)", "Measure: MEASURE(n)."),
    ]


def test_columns_of_a_table_that_the_warehouse_lacks_have_the_model_s_types(planner: SqlPlanner) -> None:
    sql = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'customer'"
    assert ask(planner, sql)[1] == [("id", "numeric")]


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("SELECT current_database(), current_schema(), current_user", ("headrace", "public", "postgres")),
        ("SELECT current_setting('server_version_num'), current_setting('nope', true)", ("150000", None)),
        ("SELECT 'wide6'::regclass::oid, 16384::regclass::text, 'int4'::regtype::oid, 23::regtype::text",
         (16384, "wide6", 23, "integer")),
        ("SELECT setting FROM pg_settings WHERE name = 'search_path'", ('"$user", public',)),
        ("SELECT version() LIKE 'PostgreSQL 15%', pg_backend_pid()", (True, 7)),
        ("SELECT relname FROM pg_class WHERE relname ~ '^wid' AND oid = ANY('{16384,1}'::int8[])", ("wide6",)),
    ],
)  # fmt: skip
def test_functions(planner: SqlPlanner, sql: str, row: tuple[object, ...]) -> None:
    assert ask(planner, sql)[1] == [row]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT usename FROM pg_catalog.pg_user WHERE usename = current_user",
        "SELECT u.usename FROM pg_user AS u WHERE usesysid <> 10 AND NOT usesuper",
        "SELECT rolname FROM pg_roles WHERE rolname = current_user AND rolcanlogin",
    ],
)
def test_whoever_asks_is_a_user(planner: SqlPlanner, sql: str) -> None:
    assert ask(planner, sql)[1] == [("postgres",)]
    assert ask(planner, "SELECT count(*) FROM pg_class JOIN pg_roles ON relowner = pg_roles.oid")[1][0][0] > 0


def test_the_catalog_cannot_reach_files(planner: SqlPlanner) -> None:
    with planner._catalog.cursor() as cursor, pytest.raises(duckdb.PermissionException):
        cursor.execute("SELECT * FROM read_text('pyproject.toml')")
    with planner._catalog.cursor() as cursor, pytest.raises(duckdb.InvalidInputException):
        cursor.execute("SET enable_external_access = true")
