"""Shapes: what decides the SQL is kept apart from values, and values become what their member compares with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic.compiler import Compiler
from semantic.datamodel.load import load_data_model
from semantic.errors import QueryFormatError
from semantic.plan.shape import bind
from semantic.query.parse import parse_query
from semantic.query.types import Query

MODEL = load_data_model(Path(__file__).parents[2] / "golden" / "compiler" / "model")


def query(**payload: Any) -> Query:
    return parse_query({"measures": ["orders.count"], **payload}, MODEL, now=datetime(2025, 1, 1, tzinfo=UTC))


def where(member: str, operator: str, *values: Any) -> Query:
    return query(filters=[{"member": f"orders.{member}", "operator": operator, "values": list(values)}])


@given(st.text(), st.text())
def test_values_do_not_change_the_shape(first: str, second: str) -> None:
    one, two = (bind(where("status", "equals", text), MODEL) for text in (first, second))
    assert one[0] == two[0]
    assert (one[1], two[1]) == ((first,), (second,))


def test_a_known_shape_is_planned_once() -> None:
    compiler = Compiler(MODEL)
    first = compiler.compile(where("status", "in", "new", "paid"))
    second = compiler.compile(where("status", "in", "a'b", "c"))
    assert first.sql is second.sql
    assert second.parameters == ("a'b", "c")
    assert compiler.compile(where("status", "in", "new")).sql != first.sql


@pytest.mark.parametrize(
    ("bound", "values"),
    [
        (where("amount", "gt", 5), (5,)),
        (where("amount", "equals", "80.25"), (Decimal("80.25"),)),
        (where("amount", "equals", "1e10"), (10_000_000_000,)),
        (where("amount", "equals", "-1.50E+3"), (-1500,)),
        (where("amount", "equals", "1e400"), (float("inf"),)),
        (where("is_large", "equals", True), (True,)),
        (where("status", "contains", "10%_\\"), ("10\\%\\_\\\\",)),
        (where("ordered_at", "equals", "2024-01-05T10:00:00Z"), (datetime.fromisoformat("2024-01-05T10:00:00"),)),
        (where("ordered_at", "onTheDate", "2024-01-05"),
         (datetime.fromisoformat("2024-01-05"), datetime.fromisoformat("2024-01-06"))),
    ],
)  # fmt: skip
def test_values_get_the_type_of_their_member(bound: Query, values: tuple[Any, ...]) -> None:
    assert bind(bound, MODEL)[1] == values


@pytest.mark.parametrize(("operator", "hour"), [("equals", 10), ("gte", 10), ("afterOrOnDate", 9)])
def test_the_zone_is_for_dates_and_not_for_values(operator: str, hour: int) -> None:
    bound = replace(where("ordered_at", operator, "2024-01-05T10:00:00"), timezone="Europe/Berlin")
    assert bind(bound, MODEL)[1] == (datetime.fromisoformat(f"2024-01-05T{hour:02}:00:00"),)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (where("amount", "gt", "abc"), "Could not convert string 'abc' to DOUBLE"),
        (where("amount", "gt", None), "not a value to compare with"),
        (where("is_large", "equals", "perhaps"), "not true or false"),
        (where("ordered_at", "afterDate", "2024-13-01"), "Can't parse date: '2024-13-01'"),
    ],
)
def test_values_that_the_member_cannot_have(bad: Query, message: str) -> None:
    with pytest.raises(QueryFormatError, match=message):
        bind(bad, MODEL)


def test_a_pattern_over_a_number_looks_at_its_text() -> None:
    sql = Compiler(MODEL).compile(where("amount", "startsWith", "1")).sql
    assert 'CAST("orders"."amount" AS TEXT) ILIKE' in sql
