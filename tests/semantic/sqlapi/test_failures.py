"""DuckDB's errors in PostgreSQL's terms: by what they say where their kind says too little."""

from __future__ import annotations

import duckdb
import pytest

from semantic.sqlapi.errors import SqlApiError
from semantic.sqlapi.failures import translated


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("SELECT nope", "42703"),
        ("SELECT t.nope FROM (SELECT 1 AS x) t", "42703"),
        ("SELECT x.a FROM (SELECT 1 AS a) t", "42P01"),
        ("SELECT a, COUNT(*) FROM (SELECT 1 AS a, 2 AS b) t GROUP BY b", "42803"),
        ("SELECT a FROM (SELECT 1 AS a) t, (SELECT 2 AS a) u", "42702"),
        ("SELECT 1 + CAST([1] AS INTEGER[])", "42804"),
        ("SELECT CAST('x' AS INTEGER)", "22P02"),
    ],
)
def test_states(sql: str, sqlstate: str) -> None:
    with duckdb.connect() as connection, pytest.raises(SqlApiError) as refused, translated():
        connection.execute(sql).fetchall()
    assert refused.value.sqlstate == sqlstate
    assert "LINE 1" not in refused.value.message
