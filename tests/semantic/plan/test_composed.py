"""Rollups that are joined and laid one after another answer with the rows of the source, or say why they do not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from semantic.compiler import CompiledQuery, Compiler
from semantic.datamodel.load import load_sources
from semantic.datamodel.types import DataModel
from semantic.explain import explain
from semantic.query.parse import parse_query

MODEL = """
cubes:
  - name: orders
    sql_table: shop.orders
    joins:
      - {{ name: buyers, relationship: many_to_one, sql: "{key}" }}
      - {{ name: lines, relationship: one_to_many, sql: "{{CUBE.id}} = {{lines.order_id}}" }}
    dimensions:
      - {{ name: id, sql: id, type: number, primary_key: true }}
      - {{ name: buyer_id, sql: buyer_id, type: number }}
      - {{ name: status, sql: status, type: string }}
      - {{ name: ordered_at, sql: ordered_at, type: time }}
    measures:
      - {{ name: count, type: count }}
      - {{ name: revenue, sql: amount, type: sum }}
      - {{ name: largest, sql: amount, type: max }}
      - {{ name: mean, sql: amount, type: avg }}
      - {{ name: per_order, sql: "1.0 * {{revenue}} / {{count}}", type: number }}
    segments:
      - {{ name: large, sql: "{{CUBE}}.amount > 20" }}
    pre_aggregations:
{rollups}
  - name: buyers
    sql_table: shop.buyers
    joins:
      - {{ name: cities, relationship: many_to_one, sql: "{{CUBE.city_id}} = {{cities.id}}" }}
    dimensions:
      - {{ name: id, sql: id, type: number, primary_key: true }}
      - {{ name: city_id, sql: city_id, type: number }}
      - {{ name: name, sql: name, type: string }}
    measures:
      - {{ name: count, type: count }}
    pre_aggregations:
      - {{ name: all, dimensions: [id, name, city_id] }}
      - {{ name: names, dimensions: [name] }}
  - name: cities
    sql_table: shop.cities
    dimensions:
      - {{ name: id, sql: id, type: number, primary_key: true }}
      - {{ name: name, sql: name, type: string }}
    pre_aggregations:
      - {{ name: all, dimensions: [id, name] }}
  - name: lines
    sql_table: shop.lines
    dimensions:
      - {{ name: id, sql: id, type: number, primary_key: true }}
      - {{ name: order_id, sql: order_id, type: number }}
  - name: late_orders
    sql_table: shop.late_orders
    dimensions:
      - {{ name: id, sql: id, type: number, primary_key: true }}
      - {{ name: status, sql: status, type: string }}
      - {{ name: ordered_at, sql: ordered_at, type: time }}
    measures:
      - {{ name: count, type: count }}
      - {{ name: revenue, sql: amount, type: sum }}
    pre_aggregations:
      - {{ name: fresh, measures: [count, revenue], dimensions: [status], time_dimension: ordered_at,
          granularity: day }}
"""
BY_EQUAL_IDS = "{CUBE.buyer_id} = {buyers.id}"
SETUP = """
CREATE SCHEMA shop;
CREATE TABLE shop.cities AS SELECT * FROM (VALUES (1, 'Bern'), (2, 'Rome'), (3, NULL)) AS t(id, name);
CREATE TABLE shop.buyers AS SELECT * FROM
    (VALUES (1, 'Ada', 1), (2, 'Bo', 2), (3, 'Cem', 1), (4, 'Di', NULL), (5, NULL, 3)) AS t(id, name, city_id);
CREATE TABLE shop.orders AS
    SELECT i AS id, CASE WHEN i % 7 < 6 THEN i % 7 END AS buyer_id, CASE WHEN i % 4 > 0 THEN 's' || i % 4 END AS status,
        i % 11 * 5 AS amount,
        CASE WHEN i % 13 > 0 THEN TIMESTAMP '2024-01-01' + INTERVAL (i * 7) HOUR END AS ordered_at
    FROM range(1, 121) AS t(i);
CREATE TABLE shop.lines (id INTEGER, order_id INTEGER);
CREATE TABLE shop.late_orders AS SELECT * FROM shop.orders;
"""
JOINED = """
      - {{ name: joined, type: rollup_join, measures: [count, revenue, largest], dimensions: [{dimensions}],
          segments: [large], time_dimension: ordered_at, granularity: day, rollups: [{rollups}] }}
      - {{ name: by_buyer, measures: [count, revenue, largest], dimensions: [status, buyer_id], segments: [large],
          time_dimension: ordered_at, granularity: day }}
      - {{ name: by_status, measures: [count, revenue], dimensions: [status, buyer_id], time_dimension: ordered_at,
          granularity: day }}
"""
IN_JANUARY = [{"dimension": "orders.ordered_at", "granularity": "week", "dateRange": ["2024-01-03", "2024-01-20"]}]
NOW = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET disabled_optimizers = 'common_subplan'")
    connection.execute(SETUP)
    return connection


def load(rollups: str, *, key: str = BY_EQUAL_IDS) -> DataModel:
    return load_sources({"shop.yml": MODEL.format(rollups=rollups.strip("\n"), key=key)})


def joined(
    dimensions: str = "status, buyers.name, cities.name",
    rollups: str = "by_buyer, buyers.all, cities.all",
    key: str = BY_EQUAL_IDS,
) -> DataModel:
    return load(JOINED.format(dimensions=dimensions, rollups=rollups), key=key)


def build(connection: duckdb.DuckDBPyConnection, model: DataModel) -> Compiler:
    """Build every plain rollup, and give a compiler that knows all of them."""
    plain = Compiler(model, visible_only=False)
    tables = {}
    for cube in model.cubes.values():
        for rollup in cube.pre_aggregations:
            if rollup.type == "rollup":
                name = f"{cube.name}.{rollup.name}"
                tables[name] = f"shop.{cube.name}_{rollup.name}"
                connection.execute(f"CREATE OR REPLACE TABLE {tables[name]} AS {plain.rollup(name).sql}")
    return Compiler(model, visible_only=False, pre_aggregations=tables)


def rows(connection: duckdb.DuckDBPyConnection, compiled: CompiledQuery) -> list[str]:
    return sorted(map(repr, connection.execute(compiled.sql, list(compiled.parameters)).fetchall()))


def compile_both(built: Compiler, payload: Mapping[str, Any]) -> tuple[CompiledQuery, CompiledQuery]:
    query = parse_query(dict(payload), built.model, now=NOW)
    return built.compile(query), Compiler(built.model, visible_only=False).compile(query)


def reason(built: Compiler, payload: Mapping[str, Any], name: str) -> str:
    return explain(built, parse_query(dict(payload), built.model, now=NOW)).rollups[name]


# rollup_join


@pytest.mark.parametrize(
    "payload",
    [
        {"measures": ["orders.count", "orders.revenue"], "dimensions": ["buyers.name", "orders.status"]},
        {"measures": ["orders.per_order", "orders.largest"], "dimensions": ["cities.name"]},
        {"measures": ["orders.revenue"], "dimensions": ["buyers.name", "cities.name"], "timeDimensions": IN_JANUARY},
        {"measures": ["orders.revenue"], "dimensions": ["buyers.name"], "segments": ["orders.large"],
         "filters": [{"member": "cities.name", "operator": "notEquals", "values": ["Rome"]},
                     {"member": "orders.count", "operator": "gt", "values": ["1"]}]},
    ],
)  # fmt: skip
def test_joined_rollups_have_the_rows_of_joined_tables(
    connection: duckdb.DuckDBPyConnection, payload: dict[str, Any]
) -> None:
    fast, slow = compile_both(build(connection, joined()), payload)
    assert fast.used_pre_aggregations == ("orders.joined",)
    assert '"shop"."orders"' not in fast.sql
    assert rows(connection, fast) == rows(connection, slow)
    assert rows(connection, fast)


BY_NAME = {"measures": ["orders.revenue"], "dimensions": ["buyers.name"]}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rollups": "by_buyer, buyers.names, cities.all"}, "needs buyers.id among the dimensions of buyers.names"),
        ({"rollups": "by_buyer, cities.all"}, "none of its rollups begins at buyers"),
        ({"rollups": "by_status, buyers.all, cities.all"}, "its measures orders.largest are not in orders.by_status"),
        ({"rollups": "by_buyer, by_status, buyers.all"}, "several of its rollups begin at orders"),
        ({"key": "{CUBE}.buyer_id = {buyers.id}"}, "is more than equal dimensions of the two"),
        ({"key": "{CUBE.buyer_id} >= {buyers.id}"}, "is more than equal dimensions of the two"),
        ({"key": "{CUBE.status} = {buyers.name}"}, "is not on the primary key of buyers"),
        ({"dimensions": "status, buyers.name, lines.order_id"}, "is repeated by the rollup's joins"),
    ],
)  # fmt: skip
def test_why_rollups_are_not_joined(connection: duckdb.DuckDBPyConnection, changes: dict[str, str], why: str) -> None:
    built = build(connection, joined(**changes))
    assert why in reason(built, BY_NAME, "orders.joined")


def test_a_rollup_that_is_not_built_joins_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    built = Compiler(joined(), visible_only=False, pre_aggregations={"orders.by_buyer": "shop.orders_by_buyer"})
    assert reason(built, BY_NAME, "orders.joined") == "its rollup buyers.all has not been built"


def test_members_that_nothing_joins_are_a_reason(connection: duckdb.DuckDBPyConnection) -> None:
    built = build(connection, joined(dimensions="status, late_orders.status"))
    assert "cannot be asked together" in reason(built, {"measures": ["orders.largest"]}, "orders.joined")


def test_a_layer_that_depends_on_the_caller_is_not_read(connection: duckdb.DuckDBPyConnection) -> None:
    model = united("slim, late_orders.fresh", source=False)
    text = MODEL.format(rollups=LAMBDA.format(rollups="slim, late_orders.fresh", source="false"), key=BY_EQUAL_IDS)
    secret = """sql: "SELECT * FROM shop.late_orders WHERE {SECURITY_CONTEXT.status.filter('status')}" """
    built = build(connection, model)
    hidden = load_sources({"shop.yml": text.replace("sql_table: shop.late_orders", secret)})
    again = Compiler(hidden, visible_only=False, pre_aggregations=built.built.tables)
    why = "the SQL of late_orders depends on the security context"
    assert reason(again, {"measures": ["orders.count"]}, "orders.all") == why


def test_what_one_rollup_has_is_not_joined(connection: duckdb.DuckDBPyConnection) -> None:
    built = build(connection, joined(dimensions="status"))
    assert "nothing to join" in reason(built, {"measures": ["orders.largest"]}, "orders.joined")


# rollup_lambda


LAMBDA = """
      - {{ name: all, type: rollup_lambda, rollups: [{rollups}], union_with_source_data: {source} }}
      - {{ name: daily, measures: [count, revenue, largest, mean], dimensions: [status], segments: [large],
          time_dimension: ordered_at, granularity: day }}
      - {{ name: slim, measures: [count, revenue], dimensions: [status], time_dimension: ordered_at, granularity: day }}
      - {{ name: hourly, measures: [count, revenue], dimensions: [status], time_dimension: ordered_at,
          granularity: hour }}
      - {{ name: timeless, measures: [count], dimensions: [status] }}
"""
BY_DAY = [{"dimension": "orders.ordered_at", "granularity": "day"}]
QUERIES = [
    {"measures": ["orders.count", "orders.revenue"]},
    {"measures": ["orders.count", "orders.revenue"], "dimensions": ["orders.status"], "timeDimensions": IN_JANUARY},
    {"measures": ["orders.count"], "timeDimensions": BY_DAY,
     "filters": [{"member": "orders.status", "operator": "equals", "values": ["s1", None]}]},
]  # fmt: skip


def united(rollups: str = "daily", *, source: bool = True) -> DataModel:
    return load(LAMBDA.format(rollups=rollups, source=str(source).lower()))


def cut(connection: duckdb.DuckDBPyConnection, table: str, condition: str, cube: str = "orders") -> None:
    """Make a table as it was when its rollup had been built over fewer rows, with those that have no time."""
    connection.execute(f"DELETE FROM {table} WHERE NOT ({cube}__ordered_at_day {condition})")


LATER = [
    *QUERIES,
    {"measures": ["orders.largest", "orders.per_order"], "segments": ["orders.large"]},
]


@pytest.mark.parametrize("payload", LATER)
@pytest.mark.parametrize("until", ["2023-01-01", "2024-01-14", "2024-01-20", "2025-01-01"])
def test_source_rows_follow_a_rollup(
    connection: duckdb.DuckDBPyConnection, payload: dict[str, Any], until: str
) -> None:
    """Even when its last bucket is of a day that was not over: the rollup has rows of the morning only."""
    built = build(connection, united())
    connection.execute("CREATE TABLE shop.every AS FROM shop.orders")
    connection.execute(f"DELETE FROM shop.orders WHERE ordered_at >= TIMESTAMP '{until} 12:00'")
    build(connection, built.model)
    connection.execute("CREATE OR REPLACE TABLE shop.orders AS FROM shop.every")
    fast, slow = compile_both(built, payload)
    assert fast.used_pre_aggregations == ("orders.all",)
    assert rows(connection, fast) == rows(connection, slow)
    assert rows(connection, fast)


def test_what_does_not_add_up_is_taken_when_the_groups_are_the_rollups(connection: duckdb.DuckDBPyConnection) -> None:
    text = LAMBDA.format(rollups="daily", source="true").replace(", segments: [large]", "")
    built = build(connection, load(text))
    cut(connection, "shop.orders_daily", "<= '2024-01-14'")
    payload = {"measures": ["orders.mean"], "dimensions": ["orders.status"], "timeDimensions": BY_DAY}
    fast, slow = compile_both(built, payload)
    assert fast.used_pre_aggregations == ("orders.all",)
    assert rows(connection, fast) == rows(connection, slow)
    assert "does not add up" in reason(built, {"measures": ["orders.mean"]}, "orders.all")


@pytest.mark.parametrize("payload", QUERIES)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("<= '2024-01-14'", "> '2024-01-14'"),  # they meet
        ("<= '2024-01-20'", ">= '2024-01-05'"),  # they overlap
        ("IS NULL OR TRUE", "IS NULL OR TRUE"),
        ("< '2020-01-01'", "IS NULL OR TRUE"),  # the first is empty
        ("IS NULL OR TRUE", "< '2020-01-01'"),  # the second is
    ],
)
def test_rollups_follow_one_another(
    connection: duckdb.DuckDBPyConnection, payload: dict[str, Any], first: str, second: str
) -> None:
    """Of another cube even: `late_orders` has its own table with the same members."""
    built = build(connection, united("slim, late_orders.fresh", source=False))
    cut(connection, "shop.orders_slim", first)
    cut(connection, "shop.late_orders_fresh", second, "late_orders")
    fast, slow = compile_both(built, payload)
    assert fast.used_pre_aggregations == ("orders.all",)
    assert rows(connection, fast) == rows(connection, slow)


def test_three_layers(connection: duckdb.DuckDBPyConnection) -> None:
    text = LAMBDA.format(rollups="slim, late_orders.fresh, newest", source="true") + (
        "      - { name: newest, measures: [count, revenue], dimensions: [status], time_dimension: ordered_at,"
        " granularity: day }\n"
    )
    built = build(connection, load(text))
    for ends in (("08", "15", "22"), ("22", "15", "08"), ("15", "01", "20")):
        build(connection, built.model)
        cut(connection, "shop.orders_slim", f"<= '2024-01-{ends[0]}'")
        cut(connection, "shop.late_orders_fresh", f"<= '2024-01-{ends[1]}'", "late_orders")
        cut(connection, "shop.orders_newest", f"<= '2024-01-{ends[2]}'")
        for payload in QUERIES:
            fast, slow = compile_both(built, payload)
            assert fast.used_pre_aggregations == ("orders.all",)
            assert rows(connection, fast) == rows(connection, slow), ends


@pytest.mark.parametrize(
    ("rollups", "source", "why"),
    [
        ("daily, slim", False, "it and orders.slim have other measures"),
        ("slim, hourly", False, "orders.hourly has buckets of a hour, not of a day"),
        ("timeless", True, "nothing says where one of its rollups ends"),
        ("slim, late_orders.fresh", True, "cannot follow late_orders.fresh, which is of another cube"),
        ("slim, all", False, "orders.all in it is no rollup but a rollup_lambda"),
    ],
)
def test_why_rollups_are_not_united(
    connection: duckdb.DuckDBPyConnection, rollups: str, source: bool, why: str
) -> None:
    built = build(connection, united(rollups, source=source))
    assert why in reason(built, {"measures": ["orders.count"]}, "orders.all")
