"""Values as Cube's clients get them."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic.results import Rows, number_text, to_rows


def value(expression: str, member_type: str = "number") -> object:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        table = connection.execute(f"SELECT {expression} AS value").to_arrow_table()
    return to_rows(table, ["value"], [member_type]).column("value")[0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("CAST(510 AS DECIMAL(10, 2))", "510"),
        ("CAST(330.24 AS DECIMAL(10, 2))", "330.24"),
        ("CAST(0.00000001 AS DECIMAL(18, 8))", "0.00000001"),
        ("CAST(-100 AS DECIMAL(10, 2))", "-100"),
        ("SUM(CAST(5 AS BIGINT))", "5"),
        ("CAST(7 AS TINYINT)", "7"),
        ("CAST(5 AS DOUBLE)", "5"),
        ("CAST(-0.0 AS DOUBLE)", "0"),
        ("CAST(0.1 AS DOUBLE) + 0.2", "0.30000000000000004"),
        ("CAST('nan' AS DOUBLE)", None),
        ("TRUE", True),
        ("NULL", None),
        ("'text'", "text"),
        ("CAST('a' AS ENUM ('a', 'b'))", "a"),
    ],
)
def test_scalars(expression: str, expected: object) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "member_type", "expected"),
    [
        ("TIMESTAMP '2021-02-03 04:05:06.789'", "time", "2021-02-03T04:05:06.789"),
        ("TIMESTAMP '2021-02-03 04:05:06.789999'", "time", "2021-02-03T04:05:06.789"),
        ("TIMESTAMPTZ '2021-02-03 04:05:06.789+01'", "time", "2021-02-03T03:05:06.789"),
        ("DATE '2021-02-03'", "time", "2021-02-03T00:00:00.000"),
        ("DATE '2021-02-03'", "string", "2021-02-03"),
    ],
)
def test_times(expression: str, member_type: str, expected: str) -> None:
    assert value(expression, member_type) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (-1.5e-7, "-1.5e-7"),
        (1.2345678901234568e20, "123456789012345680000"),
        (1e21, "1e+21"),
        (5e-324, "5e-324"),
        (float("inf"), "Infinity"),
    ],
)
def test_doubles_read_as_in_javascript(number: float, expected: str) -> None:
    assert number_text(number) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_digit_of_a_double_is_lost(number: float) -> None:
    text = number_text(number)
    assert text is not None
    assert float(text) == number


def test_rows_read_by_row_and_by_column() -> None:
    rows = Rows(("a", "b"), (["1", "2"], [True, None]), 2)
    assert list(rows) == [{"a": "1", "b": True}, {"a": "2", "b": None}]
    assert rows.tuples() == [["1", True], ["2", None]]
    assert list(rows.with_constant("c", "x")) == [{"a": "1", "b": True, "c": "x"}, {"a": "2", "b": None, "c": "x"}]
    assert rows.with_column("a", ["3", "4"]).column("a") == ["3", "4"]
