"""Where real Cube's JavaScript planner is not followed: each case with its reason, ours proven by the naive oracle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from semantic.datamodel.load import load_sources
from semantic.datamodel.types import DataModel
from semantic.errors import PlanError
from tests.semantic.judge import known, ours, rows
from tests.semantic.judge.conftest import BAZAAR
from tests.semantic.judge.cube import CubeError, Judge, read_model
from tests.semantic.oracle import naive


@dataclass(frozen=True)
class Case:
    """A query that Cube answers wrongly, or (when `says` is not empty) not at all."""

    reason: str
    query: Mapping[str, Any]
    says: str = ""


def _status_like(operator: str, *values: str) -> Mapping[str, Any]:
    return {
        "measures": ["customers.count"],
        "dimensions": ["customers.name"],
        "filters": [{"member": "customers.name", "operator": operator, "values": list(values)}],
    }


BACKSLASH = "escapes % and _ with a backslash without an ESCAPE clause, which DuckDB does not know as an escape"
LOST = "a sub-query over a join declared in both directions starts at the other cube and loses rows without a match"
NOT_JOINED = "a filter on a sub-query dimension is not joined where a multiplied measure collects its keys"

CASES = {
    "percent_sign": Case(BACKSLASH, _status_like("contains", "%")),
    "percent_sign_at_the_end": Case(BACKSLASH, _status_like("endsWith", "%")),
    "underscore": Case(BACKSLASH, _status_like("contains", "i_")),
    "no_underscore": Case(BACKSLASH, _status_like("notContains", "_")),
    "hour_before_summer_time": Case(
        "takes the hour before daylight saving begins for the hour before that",
        {
            "measures": ["orders.count"],
            "timeDimensions": [
                {"dimension": "orders.placed_at", "dateRange": ["2024-03-31T01:59:59.500", "2024-03-31T04:00:00"]}
            ],
            "timezone": "Europe/Berlin",
        },
    ),
    "customers_without_orders": Case(LOST, {"measures": ["customers.count"], "dimensions": ["customers.orders_count"]}),
    "customers_with_few_orders": Case(
        LOST,
        {
            "measures": ["customers.count", "customers.credit_sum"],
            "filters": [{"member": "customers.orders_count", "operator": "lt", "values": ["2"]}],
        },
    ),
    "sub_query_filter_on_a_multiplied_measure": Case(
        NOT_JOINED,
        {
            "measures": ["orders.amount", "items.quantity"],
            "filters": [{"member": "orders.items_count", "operator": "gt", "values": ["2"]}],
        },
        says="not found in FROM clause",
    ),
    "bare_comparison": Case(
        "pastes the SQL of a dimension beside an operator without parentheses",
        {
            "measures": ["orders.count"],
            "filters": [{"member": "orders.bare_large", "operator": "equals", "values": ["true"]}],
        },
        says="syntax error",
    ),
}
BARE = """
      - { name: bare_large, sql: "{CUBE}.amount > 100", type: boolean }
      - name: placed_at
"""
TWO_FACTS = """
cubes:
  - name: residents
    sql_table: bazaar.customers
    joins:
      - { name: regions, relationship: many_to_one, sql: "{CUBE}.region_id = {regions.id}" }
    dimensions:
      - { name: id, sql: customer_id, type: number, primary_key: true }
    measures:
      - { name: count, type: count }
      - { name: credit, sql: credit, type: sum }
  - name: leases
    sql_table: bazaar.stores
    joins:
      - { name: regions, relationship: many_to_one, sql: "{CUBE}.region_id = {regions.id}" }
    dimensions:
      - { name: id, sql: store_id, type: number, primary_key: true }
    measures:
      - { name: count, type: count }
      - { name: rent, sql: rent, type: sum }
      - { name: dearest, sql: rent, type: max }
"""


@pytest.fixture(scope="module")
def sources() -> Mapping[str, str]:
    """The bazaar with one dimension that is a bare comparison, and with two facts that only share a dimension."""
    files = read_model(BAZAAR)
    return files | {
        "orders.yml": files["orders.yml"].replace("\n      - name: placed_at\n", BARE),
        "facts.yml": TWO_FACTS,
    }


@pytest.fixture(scope="module")
def wider(sources: Mapping[str, str], judge: Judge) -> DataModel:
    judge.open("wider", sources)
    return load_sources(sources)


# Measures of facts that no cube joins: Cube refuses them together, and answers each alone.
FACTS: Mapping[str, Mapping[str, Any]] = {
    "totals": {"measures": ["items.quantity", "payments.paid"]},
    "on_a_shared_dimension": {"measures": ["residents.credit", "leases.rent"], "dimensions": ["regions.name"]},
    "on_two_shared_dimensions": {
        "measures": ["residents.count", "leases.count"],
        "dimensions": ["regions.name", "regions.continent"],
    },
    "filtered_by_a_shared_dimension": {
        "measures": ["residents.count", "leases.dearest"],
        "dimensions": ["regions.name"],
        "filters": [{"member": "regions.continent", "operator": "equals", "values": ["EU"]}],
    },
}


@pytest.mark.parametrize("name", FACTS)
def test_several_facts(judge: Judge, connection: duckdb.DuckDBPyConnection, wider: DataModel, name: str) -> None:
    query = FACTS[name]
    assert "Can't find join path" in str(cube_says(judge, connection, query))
    together: dict[tuple[rows.Value, ...], dict[str, rows.Value]] = {}
    for measure in query["measures"]:
        alone = cube_says(judge, connection, {**query, "measures": [measure]})
        assert not isinstance(alone, str), alone
        for row in alone:
            key = tuple(row[name] for name in query.get("dimensions", ()))
            together.setdefault(key, dict.fromkeys(query["measures"])).update(row)
    for dialect in ours.DIALECTS:
        answer = ours.answer(connection, wider, query, dialect)
        assert not rows.difference(answer, list(together.values())), dialect


TWO_WAYS = """
views:
  - name: both
    cubes:
      - { join_path: orders, includes: [count, amount] }
      - { join_path: orders.customers.regions, alias: home, prefix: true, includes: [name] }
      - { join_path: orders.stores.regions, alias: shop, prefix: true, includes: [name] }
"""


def test_two_ways_to_one_cube(judge: Judge, sources: Mapping[str, str]) -> None:
    """Cube takes whichever way it finds first, and one join for both of a view: we ask which is meant."""
    model = load_sources({**sources, "both.yml": TWO_WAYS})
    judge.open("both", {**sources, "both.yml": TWO_WAYS})
    for query in (
        {"measures": ["orders.amount"], "dimensions": ["regions.name"]},
        {"measures": ["orders.amount", "regions.population"]},
        {"measures": ["both.amount"], "dimensions": ["both.home_name", "both.shop_name"]},
    ):
        with pytest.raises(PlanError) as refused:
            ours.compiled(model, query)
        assert refused.value.advice
        assert judge.sql("both", query).sql, "Cube refuses too by now: the case can go"
    for way in ("home", "shop"):
        ours.compiled(model, {"measures": ["both.amount"], "dimensions": [f"both.{way}_name"]})


def test_months_before_meet_by_status(judge: Judge, connection: duckdb.DuckDBPyConnection, wider: DataModel) -> None:
    """Cube drops a status that lacks either month, and shifts UTC times, not local ones, over daylight saving."""
    year = {"dimension": "staged.placed_at", "granularity": "month", "dateRange": ["2024-01-01", "2024-12-31"]}
    query: dict[str, Any] = {
        "measures": ["staged.amount", "staged.amount_a_month_before"],
        "dimensions": ["staged.status"],
        "timeDimensions": [year],
        "timezone": "Europe/Berlin",
    }
    months = naive.answer(
        known.model(),
        {
            "measures": ["orders.amount"],
            "dimensions": ["orders.status"],
            "timeDimensions": [{"dimension": "orders.placed_at", "granularity": "month"}],
            "timezone": "Europe/Berlin",
        },
    )
    amounts = {(row["orders.status"], row["orders.placed_at.month"]): row["orders.amount"] for row in months}
    right: dict[Any, Any] = {}
    for (status, month), amount in amounts.items():
        if month is not None:
            _put(right, status, month, "staged.amount", amount)
            _put(right, status, _next(month), "staged.amount_a_month_before", amount)
    expected = [row for row in right.values() if row["staged.placed_at.month"].startswith("2024")]
    for dialect in ours.DIALECTS:
        assert not rows.difference(ours.answer(connection, wider, query, dialect), expected), dialect
    theirs = cube_says(judge, connection, query)
    assert not isinstance(theirs, str)
    assert rows.difference(theirs, expected), "Cube is right by now: the case can go"


def _next(month: datetime) -> datetime:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def _put(table: dict[Any, Any], status: str | None, month: datetime, measure: str, amount: Any) -> None:
    empty = {"staged.status": status, "staged.placed_at.month": rows.plain(month)}
    empty |= {"staged.amount": None, "staged.amount_a_month_before": None}
    table.setdefault((status, month), empty)[measure] = rows.plain(amount)


@pytest.mark.parametrize("name", CASES)
def test_cube_is_wrong(judge: Judge, connection: duckdb.DuckDBPyConnection, wider: DataModel, name: str) -> None:
    case = CASES[name]
    oracle = known.model()
    oracle = known.with_dimension(oracle, "orders", "bare_large", oracle["orders"].dimensions["is_large"])
    right = [{key: rows.plain(value) for key, value in row.items()} for row in naive.answer(oracle, case.query)]
    for dialect in ours.DIALECTS:
        assert not rows.difference(ours.answer(connection, wider, case.query, dialect), right), case.reason
    found = cube_says(judge, connection, case.query)
    if case.says:
        assert case.says in str(found)
    else:
        assert not isinstance(found, str), found
        assert rows.difference(found, right), "Cube is right by now: the case can go"


def cube_says(judge: Judge, connection: duckdb.DuckDBPyConnection, query: Mapping[str, Any]) -> rows.Rows | str:
    try:
        compiled = judge.sql("wider", query)
        return rows.run(connection, compiled.sql, compiled.params, compiled.keys)
    except (CubeError, duckdb.Error) as error:
        return str(error)


def test_a_callback_over_a_span_and_a_filter_that_is_none(
    judge: Judge, connection: duckdb.DuckDBPyConnection, model: DataModel
) -> None:
    """Cube calls it with the only date and with today, and so looks for orders before a day among those after it."""
    query = {
        "measures": ["called.count"],
        "filters": [{"member": "called.placed_at", "operator": "beforeDate", "values": ["2024-03-01"]}],
    }
    truth = connection.execute("SELECT COUNT(*) FROM bazaar.orders WHERE placed_at < '2024-03-01'").fetchone()
    assert truth is not None
    assert truth[0] > 0
    for dialect in ours.DIALECTS:
        assert ours.answer(connection, model, query, dialect) == [{"called.count": truth[0]}]
    asked = judge.sql("bazaar", query)
    assert rows.run(connection, asked.sql, asked.params, asked.keys) == [{"called.count": 0}]
