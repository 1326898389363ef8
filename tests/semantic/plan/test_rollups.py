"""Rollups answer what they can, with the same rows, and say why not what they cannot."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from semantic.compiler import Compiler
from semantic.datamodel.load import load_data_model, load_sources
from semantic.explain import explain
from semantic.query.parse import parse_query

GOLDEN = Path(__file__).parents[2] / "golden" / "compiler"
MODEL = load_data_model(GOLDEN / "model")
PLAIN = Compiler(MODEL)
BUILT = Compiler(MODEL, pre_aggregations={"orders.by_day": "core.orders_by_day"})
BY_MONTH = [{"dimension": "orders.ordered_at", "granularity": "month", "dateRange": ["2024-01-01", "2024-03-31"]}]


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute((GOLDEN / "seed.sql").read_text(encoding="utf-8"))
    connection.execute(f"CREATE TABLE core.orders_by_day AS {PLAIN.rollup('orders.by_day').sql}")
    return connection


@pytest.mark.parametrize(
    "payload",
    [
        {"measures": ["orders.revenue"], "dimensions": ["orders.status"]},
        {"measures": ["orders.count", "orders.revenue"], "timeDimensions": BY_MONTH},
        {"measures": ["orders.revenue"], "filters": [{"member": "orders.status", "operator": "set"}]},
        {"measures": ["orders.revenue"], "dimensions": ["orders.status"],
         "filters": [{"member": "orders.count", "operator": "gt", "values": ["1"]}]},
    ],
)  # fmt: skip
def test_same_rows_from_the_rollup(payload: dict[str, Any], connection: duckdb.DuckDBPyConnection) -> None:
    query = parse_query(payload, MODEL, now=datetime(2025, 1, 1, tzinfo=UTC))
    fast, slow = BUILT.compile(query), PLAIN.compile(query)
    assert fast.used_pre_aggregations == ("orders.by_day",)
    assert slow.used_pre_aggregations == ()
    rows = [sorted(map(repr, connection.execute(one.sql, list(one.parameters)).fetchall())) for one in (fast, slow)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"measures": ["orders.buyers"]}, "it lacks the measures orders.buyers"),
        ({"measures": ["orders.count"], "dimensions": ["orders.size"]}, "it lacks the dimensions orders.size"),
        ({"measures": ["orders.count"], "timeDimensions": BY_MONTH, "timezone": "Europe/Berlin"}, "bucketed in UTC"),
        ({"measures": ["orders.count"], "segments": ["orders.paid"]}, "segments"),
        ({"measures": ["orders.count"], "timeDimensions": [{"dimension": "orders.ordered_at", "granularity": "hour"}]},
         "do not add up to hour"),
        ({"measures": ["orders.count"],
          "timeDimensions": [{"dimension": "orders.ordered_at", "dateRange": ["2024-01-01", "2024-01-02T12:00:00"]}]},
         "does not begin and end with a whole day"),
    ],
)  # fmt: skip
def test_the_reason_against(payload: dict[str, Any], reason: str) -> None:
    explained = explain(BUILT, parse_query(payload, MODEL, now=datetime(2025, 1, 1, tzinfo=UTC)))
    assert reason in explained.rollups["orders.by_day"]
    assert reason in explained.text()


def test_explain_names_joins_what_they_multiply_and_lineage() -> None:
    payload = {"measures": ["orders.revenue_per_customer"], "dimensions": ["customers.city"]}
    explained = explain(
        PLAIN, parse_query(payload, MODEL, now=datetime(2025, 1, 1, tzinfo=UTC)), security_context={"groups": ["staff"]}
    )
    assert explained.join_paths == ("orders -> customers (many_to_one)",)
    assert explained.multiplied == ("customers",)
    assert explained.lineage["orders.revenue_per_customer"] == ("orders.amount", "customers.id")


WITH_SEGMENTS = """
cubes:
  - name: sales
    sql_table: core.orders
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: status, sql: status, type: string }
      - { name: ordered_at, sql: ordered_at, type: time }
    measures:
      - { name: count, type: count }
      - { name: revenue, sql: amount, type: sum }
      - { name: mean, sql: amount, type: avg }
    segments:
      - { name: large, sql: "{CUBE}.amount > 20" }
      - { name: known, sql: "{CUBE}.status IS NOT NULL" }
    pre_aggregations:
      - { name: daily, measures: [count, revenue, mean], dimensions: [status], segments: [large],
          time_dimension: ordered_at, granularity: day }
"""


@pytest.fixture
def sales(connection: duckdb.DuckDBPyConnection) -> Compiler:
    model = load_sources({"sales.yml": WITH_SEGMENTS})
    built = Compiler(model, visible_only=False, pre_aggregations={"sales.daily": "core.sales_daily"})
    connection.execute(f"CREATE OR REPLACE TABLE core.sales_daily AS {built.rollup('sales.daily').sql}")
    return built


@pytest.mark.parametrize("segments", [[], ["sales.large"]])
def test_same_rows_by_the_segments_that_a_rollup_keeps(
    sales: Compiler, connection: duckdb.DuckDBPyConnection, segments: list[str]
) -> None:
    payload = {"measures": ["sales.count", "sales.revenue"], "dimensions": ["sales.status"], "segments": segments}
    query = parse_query(payload, sales.model, now=datetime(2025, 1, 1, tzinfo=UTC))
    fast, slow = sales.compile(query), Compiler(sales.model, visible_only=False).compile(query)
    assert fast.used_pre_aggregations == ("sales.daily",)
    rows = [sorted(map(repr, connection.execute(one.sql, list(one.parameters)).fetchall())) for one in (fast, slow)]
    assert rows[0] == rows[1]
    assert rows[0]


def test_segments_split_the_groups_of_a_rollup(sales: Compiler) -> None:
    day = [{"dimension": "sales.ordered_at", "granularity": "day"}]
    payload = {"measures": ["sales.mean"], "dimensions": ["sales.status"], "timeDimensions": day}
    explained = explain(sales, parse_query(payload, sales.model, now=datetime(2025, 1, 1, tzinfo=UTC)))
    assert explained.rollups["sales.daily"] == "sales.mean (type avg) does not add up from finer groups"
    payload = {"measures": ["sales.count"], "segments": ["sales.known"]}
    explained = explain(sales, parse_query(payload, sales.model, now=datetime(2025, 1, 1, tzinfo=UTC)))
    assert explained.rollups["sales.daily"] == "the query's segments (sales.known) are not columns of the rollup"


def test_explain_shows_the_rollup_that_is_read(sales: Compiler) -> None:
    query = parse_query({"measures": ["sales.count"]}, sales.model, now=datetime(2025, 1, 1, tzinfo=UTC))
    explained = explain(sales, query)
    assert [step.title for step in explained.plan.children] == ["read the pre-aggregation sales.daily"]
    assert explained.join_paths == ()


SWITCHED = load_sources(
    {
        "switched.yml": """
cubes:
  - name: bids
    sql_table: bids
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: status, sql: status, type: string }
      - { name: currency, type: switch, values: [USD, EUR] }
    measures: [{ name: count, type: count }]
    pre_aggregations: [{ name: main, measures: [count], dimensions: [status, currency] }]
"""
    }
)
IN_DOLLARS = {"member": "bids.currency", "operator": "equals", "values": ["USD"]}


@pytest.mark.parametrize(
    ("payload", "count", "is_used"),
    [
        ({}, 3, False),
        ({"filters": [IN_DOLLARS | {"values": ["USD", "EUR"]}]}, 3, False),
        ({"filters": [IN_DOLLARS]}, 3, True),
        ({"dimensions": ["bids.currency"], "filters": [{"member": "bids.status", "operator": "set"}]}, 2, True),
    ],
)
def test_a_rollup_by_a_switch_has_its_rows_several_times(payload: dict[str, Any], count: int, *, is_used: bool) -> None:
    built = Compiler(SWITCHED, pre_aggregations={"bids.main": "bids_main"})
    connection = duckdb.connect()
    connection.execute("CREATE TABLE bids AS FROM (VALUES (1, 'new'), (2, 'new'), (3, NULL)) AS t(id, status)")
    connection.execute(f"CREATE TABLE bids_main AS {built.rollup('bids.main').sql}")
    query = parse_query({"measures": ["bids.count"], **payload}, SWITCHED, now=datetime(2025, 1, 1, tzinfo=UTC))
    compiled = built.compile(query)
    assert bool(compiled.used_pre_aggregations) == is_used
    assert {row[-1] for row in connection.execute(compiled.sql, list(compiled.parameters)).fetchall()} == {count}
