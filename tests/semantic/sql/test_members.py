"""Members that stand for more than a column: contexts, lambdas, switches, stages of dimensions, single rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from semantic.compiler import CompiledQuery, compile_query
from semantic.datamodel.load import load_sources
from semantic.errors import PlanError, QueryError
from semantic.query.parse import parse_query

MODEL = load_sources(
    {
        "sales.yml": """
cubes:
  - name: sales
    sql: "SELECT * FROM sales WHERE tenant = {SECURITY_CONTEXT.tenant}"
    joins:
      - { name: shops, relationship: many_to_one, sql: "{CUBE}.shop_id = {shops}.id" }
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: label, sql: "UPPER(product) || list_transform([1], x -> x + id)[1]", type: string }
      - { name: sold_at, sql: sold_at, type: time }
      - { name: sold_on, sql: "{sold_at.day}", type: time }
      - { name: currency, type: switch, values: [USD, EUR] }
      - name: band
        sql: "CASE WHEN {revenue} > 20 THEN 'big' ELSE 'small' END"
        type: string
        multi_stage: true
        add_group_by: [shops.id]
      - name: shop_name
        sql: "COALESCE({shops.name}, '-')"
        type: string
        multi_stage: true
        add_group_by: [shops.id]
    measures:
      - { name: count, type: count }
      - { name: revenue, sql: usd, type: sum }
      - { name: revenue_eur, sql: eur, type: sum }
      - { name: products, sql: product, type: count_distinct }
      - { name: middle, sql: "MEDIAN({CUBE}.usd) + COUNT(*) FILTER (WHERE {CUBE}.usd > 20)", type: number }
      - { name: last_shop, sql: "(SELECT MAX(id) FROM shops)", type: max }
      - name: converted
        type: number
        multi_stage: true
        case: { switch: "{currency}", when: [{ value: USD, sql: "{revenue}" }], else: { sql: "{revenue_eur}" } }
      - name: converted_total
        type: sum
        multi_stage: true
        add_group_by: [shops.id]
        case: { switch: "{currency}", when: [{ value: USD, sql: "{revenue}" }], else: { sql: "{revenue_eur}" } }
  - name: shops
    sql_table: shops
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: name, sql: name, type: string }
    measures: [{ name: count, type: count }]
views:
  - name: shop_sales
    cubes:
      - { join_path: sales, includes: [revenue] }
      - { join_path: sales.shops, includes: [name, { name: count, alias: shop_count }] }
    measures:
      - { name: revenue_per_shop, type: number, sql: "{revenue} / {shop_count}" }
"""
    }
)
IN_EUR = {"member": "sales.currency", "operator": "equals", "values": ["EUR"]}
SEED = """
CREATE TABLE shops AS SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(id, name);
CREATE TABLE sales AS SELECT * FROM (VALUES
    (1, 1, 'x', 10, 9, TIMESTAMPTZ '2023-12-31 23:30:00+00', 't1'),
    (2, 1, 'y', 30, 27, TIMESTAMPTZ '2024-01-06 00:00:00+00', 't1'),
    (3, 2, 'x', 5, 4, TIMESTAMPTZ '2024-02-05 00:00:00+00', 't1'),
    (4, 2, 'x', 99, 90, TIMESTAMPTZ '2024-02-05 00:00:00+00', 't2')
) AS t(id, shop_id, product, usd, eur, sold_at, tenant);
"""


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(SEED)
    return connection


def compiled(**payload: Any) -> CompiledQuery:
    query = parse_query(payload, MODEL, now=datetime(2025, 1, 1, tzinfo=UTC))
    return compile_query(MODEL, query, security_context={"tenant": "t1"})


@pytest.mark.parametrize(
    ("payload", "rows"),
    [
        ({"measures": ["sales.revenue"], "dimensions": ["sales.label"]}, [("X2", 10), ("X4", 5), ("Y3", 30)]),
        ({"measures": ["sales.last_shop"]}, [(2,)]),
        ({"measures": ["sales.converted"], "dimensions": ["sales.currency"]}, [("EUR", 40), ("USD", 45)]),
        ({"measures": ["sales.converted_total"], "dimensions": ["sales.currency"]}, [("EUR", 40), ("USD", 45)]),
        ({"measures": ["sales.converted_total"], "filters": [IN_EUR]}, [(40,)]),
        ({"measures": ["sales.converted"], "filters": [{"and": [IN_EUR]}]}, [(40,)]),
        ({"measures": ["sales.revenue"], "dimensions": ["sales.band"]}, [("big", 40), ("small", 5)]),
        ({"measures": ["sales.revenue"], "dimensions": ["sales.shop_name"]}, [("a", 40), ("b", 5)]),
        ({"measures": ["sales.count"], "filters": [{"member": "sales.shop_name", "operator": "equals",
                                                    "values": ["a"]}]}, [(2,)]),
        ({"measures": ["shop_sales.revenue_per_shop"], "dimensions": ["shop_sales.name"]}, [("a", 40.0), ("b", 5.0)]),
        ({"dimensions": ["sales.sold_on"], "timezone": "Europe/Berlin"},
         [(datetime.fromisoformat(day),) for day in ("2024-01-01", "2024-01-06", "2024-02-05")]),
        ({"measures": ["sales.count", "sales.revenue", "sales.products", "sales.middle"], "dimensions": ["sales.id"],
          "ungrouped": True}, [(1, 1, 10, 1, 10), (2, 1, 30, 1, 31), (3, 1, 5, 1, 5)]),
        ({"measures": ["sales.revenue"], "dimensions": ["sales.id"], "ungrouped": True,
          "filters": [{"member": "sales.label", "operator": "set"},
                      {"member": "shops.name", "operator": "equals", "values": ["a"]},
                      {"member": "sales.revenue", "operator": "lt", "values": ["20"]}]}, [(1, 10)]),
    ],
)  # fmt: skip
def test_rows(payload: dict[str, Any], rows: list[tuple[Any, ...]], connection: duckdb.DuckDBPyConnection) -> None:
    result = compiled(**payload)
    assert result.parameters[:1] == ("t1",)
    assert sorted(connection.execute(result.sql, list(result.parameters)).fetchall()) == rows


def test_a_switch_needs_one_value_at_a_time() -> None:
    with pytest.raises(PlanError, match="depends on the switch") as caught:
        compiled(measures=["sales.converted"])
    assert caught.value.advice == "group by sales.currency, or filter it to one value"


def test_no_value_of_a_query_or_token_is_pasted_into_sql() -> None:
    payload = {
        "measures": ["sales.count"],
        "filters": [{"member": "shops.name", "operator": "equals", "values": ["'; --"]}],
    }
    result = compiled(**payload)
    assert "--" not in result.sql
    assert "t1" not in result.sql
    assert result.parameters == ("t1", "'; --")


LISTED = """
cubes:
  - name: sales
    sql: "SELECT * FROM sales WHERE {SECURITY_CONTEXT.tenants.filter(lambda first: f'tenant = {first}')}"
    dimensions: [{ name: id, sql: id, type: number, primary_key: true }]
    measures: [{ name: count, type: count }]
"""


def test_a_context_gives_no_more_values_than_are_asked_for(connection: duckdb.DuckDBPyConnection) -> None:
    model = load_sources({"listed.yml": LISTED})
    query = parse_query({"measures": ["sales.count"]}, model, now=datetime(2025, 1, 1, tzinfo=UTC))
    result = compile_query(model, query, security_context={"tenants": ["t2", "t1"]})
    assert connection.execute(result.sql, list(result.parameters)).fetchall() == [(1,)]


def test_a_context_without_the_value_is_refused() -> None:
    query = parse_query({"measures": ["sales.count"]}, MODEL, now=datetime(2025, 1, 1, tzinfo=UTC))
    with pytest.raises(QueryError, match="has no 'tenant'"):
        compile_query(MODEL, query, security_context={})
