"""Why connections go without DuckDB's `common_subplan` optimizer: it mixes up sub-selects that look alike."""

from __future__ import annotations

import duckdb
import pytest

KEYS = """
    SELECT keys.word, count(DISTINCT t.id) AS found
    FROM (
        SELECT DISTINCT c.word AS word, {cube}.id AS id
        FROM a LEFT JOIN b ON b.a_id = a.id LEFT JOIN c ON c.b_id = b.id
    ) AS keys
    LEFT JOIN {cube} AS t ON t.id = keys.id
    GROUP BY 1
"""
BOTH = f"""
    SELECT p.word, p.found, q.found
    FROM ({KEYS.format(cube="a")}) AS p
    JOIN ({KEYS.format(cube="b")}) AS q ON p.word = q.word
"""


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE a AS SELECT i AS id FROM range(3) AS t(i)")
    connection.execute("CREATE TABLE b AS SELECT i AS id, i % 3 AS a_id FROM range(1, 50) AS t(i)")
    connection.execute("CREATE TABLE c AS SELECT i AS id, i AS b_id, 'x' AS word FROM range(1, 50) AS t(i)")
    return connection


def test_three_a_have_forty_nine_b(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET disabled_optimizers = 'common_subplan'")
    assert connection.execute(BOTH).fetchall() == [("x", 3, 49)]


def test_the_optimizer_is_still_wrong(connection: duckdb.DuckDBPyConnection) -> None:
    """When this fails, DuckDB has mended it, and the setting can go."""
    assert connection.execute(BOTH).fetchall() != [("x", 3, 49)]
