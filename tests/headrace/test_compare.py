"""Comparing relations: equal is equal, and every kind of difference is named."""

from __future__ import annotations

import duckdb
import pytest

from headrace.compare import CompareError, compare


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute(
        "CREATE TABLE one AS SELECT * FROM (VALUES (1, 'a', 1.5), (2, 'b', -2.0), (3, 'c', NULL)) t(id, name, amount)"
    )
    return made


def test_equal_relations_are_equal(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TABLE two AS SELECT * FROM one ORDER BY id DESC")
    result = compare(connection, "one", "two", key=["id"])
    assert result.is_equal
    assert (result.exit_code, result.left_rows, result.right_rows, result.sample) == (0, 3, 3, ())


def test_every_kind_of_difference_is_counted(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "CREATE TABLE two AS SELECT * FROM"
        " (VALUES (1, 'A', 1.5), (2, 'b', 2.0), (3, 'c', 0), (4, 'd', 9)) t(id, name, amount)"
    )
    result = compare(connection, "one", "two", key=["id"])
    name, amount = result.columns
    assert (result.only_left, result.only_right, name.rows, amount.rows) == (0, 1, 1, 2)
    assert (amount.null_against_zero, amount.sign_flips, amount.largest_difference) == (1, 1, 4.0)
    assert (1, "name", "a", "A") in result.sample
    assert not result.totals[0].is_equal
    assert result.exit_code == 1


def test_differences_that_cancel_out_in_the_total_are_found(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "CREATE TABLE two AS SELECT id, name, CASE id WHEN 1 THEN -2.0 WHEN 2 THEN 1.5 END AS amount FROM one"
    )
    result = compare(connection, "one", "two", key=["id"])
    assert result.totals[0].is_equal
    assert not result.is_equal


def test_floats_may_differ_by_the_tolerance(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TABLE two AS SELECT id, name, amount::DOUBLE + 1e-9 AS amount FROM one")
    assert not compare(connection, "one", "two", key=["id"]).is_equal
    assert compare(connection, "one", "two", key=["id"], tolerance=1e-6).is_equal


def test_columns_of_one_side_only_are_named(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TABLE two AS SELECT id, name, 1 AS more FROM one")
    result = compare(connection, "one", "two", key=["id"])
    assert (result.left_columns_only, result.right_columns_only) == (("amount",), ("more",))
    assert compare(connection, "one", "two", key=["id"], exclude=["amount", "more"]).is_equal


@pytest.mark.parametrize(
    ("right", "key", "message"),
    [
        ("absent", ["id"], "there is no relation absent"),
        ("one", ["number"], "one has no number; it has id, name, amount"),
        ("one", [], "name the key"),
        ("double", ["id"], "id is no key of double: 3 values are there twice"),
    ],
)
def test_what_cannot_be_compared_is_said(
    connection: duckdb.DuckDBPyConnection, right: str, key: list[str], message: str
) -> None:
    connection.execute("CREATE TABLE double AS SELECT * FROM one UNION ALL SELECT * FROM one")
    with pytest.raises(CompareError, match=message):
        compare(connection, "one", right, key=key)
