"""Where real Cube's JavaScript planner is not followed: each case with its reason, ours proven by the naive oracle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest

from semantic.datamodel.load import load_sources
from semantic.datamodel.types import DataModel
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


@pytest.fixture(scope="module")
def sources() -> Mapping[str, str]:
    """The bazaar with one dimension that is a bare comparison."""
    files = read_model(BAZAAR)
    return files | {"orders.yml": files["orders.yml"].replace("\n      - name: placed_at\n", BARE)}


@pytest.fixture(scope="module")
def wider(sources: Mapping[str, str], judge: Judge) -> DataModel:
    judge.open("wider", sources)
    return load_sources(sources)


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
