"""Query -> SQL for both dialects -> rows: the cases of tests/golden/compiler, over its data model and its rows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from semantic.compiler import compile_query
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import DataModel
from semantic.query.parse import parse_query

GOLDEN = Path(__file__).parents[2] / "golden" / "compiler"
NOW = datetime(2025, 7, 1, tzinfo=UTC)
STAFF = {"groups": ["staff"]}


def _cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['case']}")
        for path in sorted(GOLDEN.glob("*.yml"))
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


@pytest.fixture(scope="module")
def model() -> DataModel:
    return load_data_model(GOLDEN / "model")


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute((GOLDEN / "seed.sql").read_text(encoding="utf-8"))
    return connection


@pytest.mark.parametrize("case", _cases())
def test_golden(case: dict[str, Any], model: DataModel, connection: duckdb.DuckDBPyConnection) -> None:
    query = parse_query(case["query"], model, now=NOW, default_limit=None)
    compiled = compile_query(model, query, security_context=STAFF)
    assert compiled.sql + "\n" == case["duckdb"]
    assert [_plain(value) for value in compiled.parameters] == case["parameters"]
    assert compile_query(model, query, dialect="bigquery", security_context=STAFF).sql + "\n" == case["bigquery"]
    rows = connection.execute(compiled.sql, list(compiled.parameters)).fetchall()
    assert Counter(tuple(map(_plain, row)) for row in rows) == Counter(map(tuple, case["rows"]))


def test_every_statement_is_the_same_when_compiled_again(model: DataModel) -> None:
    for case in _cases():
        query = parse_query(case.values[0]["query"], model, now=NOW)
        first = compile_query(model, query, security_context=STAFF)
        assert compile_query(model, query, security_context=STAFF).sql == first.sql


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
