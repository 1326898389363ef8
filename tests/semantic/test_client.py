"""Queries as lazy Ibis tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import ibis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic.client import Client, column_names
from semantic.compiler import ResultColumn
from semantic.datamodel.load import load_sources
from semantic.errors import QueryFormatError, UnknownMemberError

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it


MODEL = """
cubes:
  - name: sales
    sql_table: sales
    joins:
      - {name: shops, relationship: many_to_one, sql: "{CUBE}.shop_id = {shops.id}"}
    dimensions:
      - {name: id, sql: "{CUBE}.id", type: number, primary_key: true}
      - {name: name, sql: "{CUBE}.name", type: string, description: What was sold.}
      - {name: sold_at, sql: "{CUBE}.sold_at", type: time}
    measures:
      - {name: count, type: count, description: Sales.}
      - {name: revenue, sql: "{CUBE}.price", type: sum}
  - name: shops
    sql_table: shops
    dimensions:
      - {name: id, sql: "{CUBE}.id", type: number, primary_key: true}
      - {name: name, sql: "{CUBE}.name", type: string}
  - name: hidden
    sql_table: shops
    public: false
    dimensions:
      - {name: id, sql: "{CUBE}.id", type: number, primary_key: true}
"""
ROWS = """
CREATE TABLE shops (id INTEGER, name VARCHAR);
INSERT INTO shops VALUES (1, 'North'), (2, 'O''Hara');
CREATE TABLE sales (id INTEGER, shop_id INTEGER, name VARCHAR, price DOUBLE, sold_at TIMESTAMP);
INSERT INTO sales VALUES
    (1, 1, 'tea', 3.5, '2024-01-02 10:00:00'), (2, 1, 'cup', 8, '2024-01-20 10:00:00'),
    (3, 2, 'tea', 4, '2024-02-01 00:00:00');
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    backend = ibis.duckdb.connect()
    backend.raw_sql("SET GLOBAL TimeZone = 'UTC'")
    backend.raw_sql(ROWS)
    with Client(load_sources({"model.yml": MODEL}), backend, close=backend.disconnect) as client:
        yield client


def test_a_query_is_an_ibis_table(client: Client) -> None:
    table = client.query(measures=["sales.revenue"], dimensions=["sales.name"], order={"sales.revenue": "desc"})
    assert table.columns == ("name", "revenue")
    assert table.to_pyarrow().to_pylist() == [{"name": "cup", "revenue": 8.0}, {"name": "tea", "revenue": 7.5}]


def test_tables_compose_with_other_expressions(client: Client) -> None:
    table = client.query(measures=["sales.count"], dimensions=["shops.name"])
    shops = client.backend.table("shops")
    joined = table.join(shops, "name").filter(lambda one: one["count"] > 1).select("id", "count")
    assert joined.to_polars().rows() == [(1, 2)]
    assert table["count"].sum().to_pandas() == 3


def test_times_are_times(client: Client) -> None:
    table = client.query(
        measures=["sales.count"],
        time_dimensions=[
            {"dimension": "sales.sold_at", "granularity": "month", "dateRange": ["2024-01-01", "2024-01-31"]}
        ],
    )
    assert table.to_pyarrow().to_pylist() == [{"sold_at_month": datetime(2024, 1, 1), "count": 2}]  # noqa: DTZ001


def test_equal_short_names_are_told_apart(client: Client) -> None:
    table = client.query(measures=["sales.count"], dimensions=["sales.name", "shops.name"])
    assert table.columns == ("sales__name", "shops__name", "count")


def test_a_rest_query(client: Client) -> None:
    payload = {"measures": ["sales.count"], "dimensions": ["shops.name"], "order": {"shops.name": "asc"}}
    assert client.rest(payload)["name"].to_pyarrow().to_pylist() == ["North", "O'Hara"]
    assert client.load(payload)[0] == {"shops.name": "North", "sales.count": "2"}


def test_no_limit_unless_one_is_given(client: Client) -> None:
    assert client.query(dimensions=["sales.name"], limit=1).count().to_pandas() == 1
    sql, _ = client.sql({"dimensions": ["sales.name"]})
    assert "10000" in sql


def test_the_data_model_is_described(client: Client) -> None:
    assert [cube.name for cube in client.meta()] == ["sales", "shops"]
    assert client.members("sales")["sales.name"] == "What was sold."
    assert client.members("sales")["sales.revenue"] == "Sales Revenue"


def test_wrong_members_are_named(client: Client) -> None:
    with pytest.raises(UnknownMemberError, match="nope"):
        client.query(measures=["sales.nope"])


def test_compared_ranges_are_several_queries(client: Client) -> None:
    ranges = [["2024-01-01", "2024-01-31"], ["2024-02-01", "2024-02-29"]]
    compared = {
        "measures": ["sales.count"],
        "timeDimensions": [{"dimension": "sales.sold_at", "compareDateRange": ranges}],
    }
    with pytest.raises(QueryFormatError, match="one query for each range"):
        client.rest(compared)


@given(value=st.text(max_size=30))
def test_no_value_ever_becomes_sql(client: Client, value: str) -> None:
    """Whatever a filter holds, it compares as the text that it is."""
    equal = {"member": "sales.name", "operator": "equals", "values": [value]}
    table = client.query(measures=["sales.count"], filters=[equal])
    expected = {"tea": 2, "cup": 1}.get(value, 0)
    assert table["count"].to_pyarrow().to_pylist() == [expected]


def test_names_of_columns() -> None:
    columns = [
        ResultColumn(f"{cube}.at.day", f"{cube}__at_day", f"{cube}.at", "time", "time_dimension") for cube in "ab"
    ]
    assert column_names(columns) == ["a__at_day", "b__at_day"]
    assert column_names(columns[:1]) == ["at_day"]
