"""`SECURITY_CONTEXT` in SQL restricts rows for each caller as it does in real Cube."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from semantic.compiler import Compiler
from semantic.datamodel.load import load_sources
from semantic.errors import QueryFormatError
from tests.semantic.judge import ours, rows
from tests.semantic.judge.cube import CubeError, Judge

MODEL = """
cubes:
  - name: own
    sql: >
      SELECT * FROM bazaar.orders
      WHERE {SECURITY_CONTEXT.status.filter('status')}
      AND {SECURITY_CONTEXT.shop.least.filter(lambda least: f"store_id >= CAST({least} AS INTEGER)")}
    dimensions:
      - { name: id, sql: order_id, type: number, primary_key: true }
      - { name: status, sql: status, type: string }
    measures:
      - { name: count, type: count }
  - name: guarded
    sql: SELECT * FROM bazaar.orders WHERE {SECURITY_CONTEXT.customer.requiredFilter('customer_id')}
    dimensions:
      - { name: id, sql: order_id, type: number, primary_key: true }
    measures:
      - { name: count, type: count }
"""
BY_STATUS = {"measures": ["own.count"], "dimensions": ["own.status"]}
CONTEXTS = ({}, {"status": "paid"}, {"status": ["paid", "new"]}, {"status": []}, {"status": ""},
            {"shop": {"least": "4"}}, {"shop": {}, "status": ["new"]}, {"status": None})  # fmt: skip


@pytest.fixture
def asked(judge: Judge) -> Iterator[Judge]:
    judge.open("context", {"own.yml": MODEL})
    yield judge
    judge.forget("context")


@pytest.mark.parametrize("dialect", ours.DIALECTS)
def test_each_caller_sees_his_own(asked: Judge, connection: duckdb.DuckDBPyConnection, dialect: ours.Dialect) -> None:
    model = load_sources({"own.yml": MODEL})
    compiler = Compiler(model, dialect=dialect)
    for context in CONTEXTS:
        theirs = asked.sql("context", BY_STATUS, context=context)
        compiled = compiler.compile(ours.parsed(model, BY_STATUS), security_context=context)
        found = ours.run(connection, compiled, dialect)
        assert not rows.difference(found, rows.run(connection, theirs.sql, theirs.params, theirs.keys)), context


def test_what_is_required(asked: Judge) -> None:
    model = load_sources({"own.yml": MODEL})
    query = {"measures": ["guarded.count"]}
    with pytest.raises(CubeError, match="customer_id is required"):
        asked.sql("context", query, context={})
    with pytest.raises(QueryFormatError, match="has no 'customer'"):
        Compiler(model).compile(ours.parsed(model, query), security_context={})
    compiled = Compiler(model).compile(ours.parsed(model, query), security_context={"customer": [3, 4]})
    assert compiled.parameters == (3, 4)
