"""SQLMesh changes how sqlglot reads SQL in the whole process; queries are answered all the same."""

from __future__ import annotations

from datetime import UTC, datetime

import ibis
import sqlmesh  # noqa: F401 - what the test is about
from sqlglot import exp

from semantic.client import Client
from semantic.datamodel.load import load_sources
from semantic.sql.parameters import parse_compiled

MODEL = """
cubes:
  - name: sales
    sql_table: sales
    dimensions:
      - {name: id, sql: id, type: number, primary_key: true}
      - {name: city, sql: city, type: string}
    measures:
      - {name: count, type: count}
"""


def test_parameters_are_placeholders() -> None:
    tree = parse_compiled("SELECT $1, x FROM t WHERE a = $c2")
    assert [mark.name for mark in tree.find_all(exp.Placeholder)] == ["1", "c2"]
    assert tree.sql("duckdb") == "SELECT $1, x FROM t WHERE a = $c2"


def test_values_are_bound() -> None:
    backend = ibis.duckdb.connect()
    backend.con.execute("CREATE TABLE sales AS SELECT 1 AS id, 'Paris' AS city UNION ALL SELECT 2, 'Berlin'")
    client = Client(load_sources({"sales.yml": MODEL}), backend, clock=lambda: datetime(2025, 7, 1, tzinfo=UTC))
    only_paris = {"member": "sales.city", "operator": "equals", "values": ["Paris"]}
    table = client.query(measures=["sales.count"], filters=[only_paris])
    assert table.to_pyarrow().to_pylist() == [{"count": 1}]
