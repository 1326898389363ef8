"""Splitting rows as read: what is accepted, what is rejected and why."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import Contract, LoadedTable, Number, Text, all_contracts, column
from contracts.errors import ShapeError
from contracts.violations import judge, split

Reader = Callable[..., ir.Table]


def test_a_good_row_gets_its_types(visits: type[Contract], good: dict[str, Any], as_read: Reader) -> None:
    accepted, rejected = split(visits, as_read(good))
    (row,) = accepted.to_pyarrow().to_pylist()
    assert rejected.to_pyarrow().num_rows == 0
    assert row["people"] == 2
    assert row["minutes"] == 12.5
    assert row["paid"] == Decimal("3.20")
    assert row["is_member"] is True
    assert row["birthday"] == date(1990, 2, 28)
    assert row["visited_at"] == datetime(2025, 6, 1, 10, tzinfo=UTC)
    assert row["left_at"] == datetime(2025, 6, 1, 11, tzinfo=UTC)
    assert row["line"] == "1"
    for declared in visits.columns():
        if not declared.is_metadata:
            assert accepted.schema()[declared.name] == declared.dtype or declared.dtype.is_timestamp()


REJECTED = [
    ("visit_id", None, "visit_id.not_null", "visit_id not_null: must not be NULL"),
    ("visit_id", "much too long", "visit_id.max_length", "much too long must have at most 8 characters"),
    ("kind", "WALK", "kind.isin", "kind isin: WALK must be one of walk, ride"),
    ("code", "ab1", "code.pattern", "code pattern: ab1 must match [A-Z]{2}[0-9]+"),
    ("code", "xAB1", "code.pattern", "xAB1"),
    ("code", "AB1\n", "code.pattern", "AB1"),
    ("people", "-1", "people.ge", "people ge: -1 must be at least 0"),
    ("people", "1.5", "people.type", "people type: 1.5 is not INT64"),
    ("people", "1_000", "people.type", "1_000 is not INT64"),
    ("people", "0x1F", "people.type", "0x1F is not INT64"),
    ("people", "99999999999999999999", "people.type", "is not INT64"),
    ("minutes", "0", "minutes.gt", "must be greater than 0"),
    ("minutes", "1440", "minutes.lt", "must be less than 1440"),
    ("minutes", "nan", "minutes.type", "nan is not FLOAT64"),
    ("minutes", "inf", "minutes.type", "inf is not FLOAT64"),
    ("minutes", "1,5", "minutes.type", "1,5 is not FLOAT64"),
    ("minutes", " ", "minutes.type", "is not FLOAT64"),
    ("paid", "3.20 USD", "paid.type", "3.20 USD is not NUMERIC(38, 9)"),
    ("is_member", "maybe", "is_member.type", "maybe is not BOOL"),
    ("birthday", "1990-02-30", "birthday.type", "1990-02-30 is not DATE"),
    ("birthday", "28/02/1990", "birthday.type", "28/02/1990 is not DATE"),
    ("birthday", "1/2/90", "birthday.type", "1/2/90 is not DATE"),
    ("birthday", "1990-2-8", "birthday.type", "1990-2-8 is not DATE"),
    ("birthday", "1990-02-28 10:00:00", "birthday.type", "1990-02-28 10:00:00 is not DATE"),
    ("visited_at", "yesterday", "visited_at.type", "yesterday is not TIMESTAMP"),
    ("visited_at", "1/2/25", "visited_at.type", "1/2/25 is not TIMESTAMP"),
    ("visited_at", "epoch", "visited_at.type", "epoch is not TIMESTAMP"),
    ("visited_at", "infinity", "visited_at.type", "infinity is not TIMESTAMP"),
    ("visited_at", "1751364000", "visited_at.type", "1751364000 is not TIMESTAMP"),
    ("visited_at", "2025-02-30 10:00:00", "visited_at.type", "2025-02-30 10:00:00 is not TIMESTAMP"),
    ("visited_at", "2025-06-01 10:00:00 PST", "visited_at.type", "PST is not TIMESTAMP"),
    ("left_at", "2025-06-01 09:00:00", "left_after", "left_after: they leave after they came"),
    ("details", "{door: 1", "details.type", "{door: 1 is not JSON"),
]


@pytest.mark.parametrize(("name", "value", "rule", "reason"), REJECTED, ids=[f"{row[0]}-{row[1]}" for row in REJECTED])
def test_a_bad_value_is_rejected_with_its_reason(
    visits: type[Contract], good: dict[str, Any], as_read: Reader, name: str, value: str | None, rule: str, reason: str
) -> None:
    accepted, rejected = split(visits, as_read(good, {**good, "visit_id": "v2", name: value}))
    assert accepted.to_pyarrow().num_rows == 1
    (row,) = rejected.to_pyarrow().to_pylist()
    assert row["rules"] == [rule]
    assert reason in row["reasons"][0]
    assert row[name] == value
    assert row["line"] == "2"


def test_every_broken_rule_of_a_row_is_named(visits: type[Contract], good: dict[str, Any], as_read: Reader) -> None:
    _, rejected = split(visits, as_read({**good, "visit_id": None, "kind": "x", "minutes": "x"}))
    (row,) = rejected.to_pyarrow().to_pylist()
    assert row["rules"] == ["minutes.type", "visit_id.not_null", "kind.isin"]


def test_personal_values_stay_out_of_reasons(visits: type[Contract], good: dict[str, Any], as_read: Reader) -> None:
    _, rejected = split(visits, as_read({**good, "email": "ada"}))
    (row,) = rejected.to_pyarrow().to_pylist()
    assert row["reasons"] == ["email pattern: a value must match .+@.+"]


def test_warnings_reject_nothing(visits: type[Contract], good: dict[str, Any], as_read: Reader) -> None:
    accepted, rejected = split(visits, as_read({**good, "people": "11", "is_member": "f"}))
    assert (accepted.to_pyarrow().num_rows, rejected.to_pyarrow().num_rows) == (1, 0)


TIMES = [
    ("2025-06-01", "2025-06-01T00:00:00"),
    ("2025-06-01 10:00", "2025-06-01T10:00:00"),
    ("2025-06-01 10:00:05.602", "2025-06-01T10:00:05.602"),
    ("2025-06-01 10:00:05.123456", "2025-06-01T10:00:05.123456"),
    ("2025-06-01 10:00:05.123456789", "2025-06-01T10:00:05.123456"),
    ("2025-06-01 10:00:05.602 UTC", "2025-06-01T10:00:05.602"),
    ("2025-06-01T10:00:05Z", "2025-06-01T10:00:05"),
    ("2025-06-01T10:00:05+02:00", "2025-06-01T08:00:05"),
    ("2025-06-01 10:00:05-0530", "2025-06-01T15:30:05"),
    ("2025-06-01 10:00:05+00", "2025-06-01T10:00:05"),
]


@pytest.mark.parametrize(("written", "meant"), TIMES)
def test_times_are_read_in_iso_forms(
    visits: type[Contract], good: dict[str, Any], as_read: Reader, written: str, meant: str
) -> None:
    accepted, _ = split(visits, as_read({**good, "visited_at": written, "left_at": None}))
    (row,) = accepted.to_pyarrow().to_pylist()
    assert row["visited_at"] == datetime.fromisoformat(meant).replace(tzinfo=UTC)


def test_a_midnight_is_a_day(visits: type[Contract], good: dict[str, Any], as_read: Reader) -> None:
    accepted, _ = split(visits, as_read({**good, "birthday": "1990-02-28 00:00:00"}))
    assert accepted.to_pyarrow().to_pylist()[0]["birthday"] == date(1990, 2, 28)


def test_empty_text_is_missing_except_in_text(visits: type[Contract], good: dict[str, Any], as_read: Reader) -> None:
    blank = dict.fromkeys(
        ("people", "minutes", "paid", "is_member", "birthday", "visited_at", "left_at", "details"), ""
    )
    accepted, _ = split(visits, as_read({**good, **blank, "session": ""}))
    (row,) = accepted.to_pyarrow().to_pylist()
    assert row["session"] == ""
    assert [row[name] for name in blank] == [None] * len(blank)


def test_an_optional_column_may_be_absent(visits: type[Contract], good: dict[str, Any], as_read: Reader) -> None:
    del good["left_at"]
    accepted, rejected = split(visits, as_read(good))
    assert accepted.to_pyarrow().to_pylist()[0]["left_at"] is None
    assert "left_at" not in rejected.columns


def test_missing_columns_are_all_named(visits: type[Contract], good: dict[str, Any], as_read: Reader) -> None:
    del good["kind"], good["code"]
    with pytest.raises(
        ShapeError, match=r"raw\.shop__visits 2\.1\.0: missing columns kind, code; the table has visit_id"
    ):
        split(visits, as_read(good))


def test_typed_input_is_cast_or_rejected(backend: ibis.BaseBackend) -> None:
    class Measured(LoadedTable, layer="raw", table="lab__measured", key="name"):
        """One row per measurement."""

        name: Text = column("Name.")
        value: Number = column("Value.", nullable=True)

    table = backend.create_table("typed", pa.table({"name": [1, 2, 3], "value": [1.5, math.inf, math.nan]}))
    accepted, rejected = split(Measured, table)
    assert accepted.to_pyarrow().to_pylist() == [{"name": "1", "value": 1.5}]
    assert sorted(row["name"] for row in rejected.to_pyarrow().to_pylist()) == ["2", "3"]


def test_fractions_are_no_integers(visits: type[Contract], good: dict[str, Any], as_read: Reader) -> None:
    table = as_read(good, {**good, "visit_id": "v2", "people": "3"})
    typed = table.mutate(people=ibis.ifelse(table.visit_id == "v1", 2.5, 3.0))
    accepted, rejected = split(visits, typed)
    assert [row["people"] for row in accepted.to_pyarrow().to_pylist()] == [3]
    assert [row["rules"] for row in rejected.to_pyarrow().to_pylist()] == [["people.type"]]


def test_judging_in_one_pass_agrees_with_the_split(
    visits: type[Contract], good: dict[str, Any], as_read: Reader
) -> None:
    table = as_read(good, {**good, "visit_id": "v2", "minutes": "x"})
    judged = {row["visit_id"]: row["rules"] for row in judge(visits, table).to_pyarrow().to_pylist()}
    assert judged == {"v1": None, "v2": ["minutes.type"]}


def test_splits_of_raw_tables_compile_for_both_engines() -> None:
    for contract in all_contracts():
        if contract.terms().layer == "raw":
            names = [column.name for column in contract.columns() if not column.is_metadata]
            table = ibis.table(dict.fromkeys(names, "string"), name="as_read")
            for dialect in ("duckdb", "bigquery"):
                assert ibis.to_sql(split(contract, table).rejected, dialect=dialect)


TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        ["", "0", "1", "-1", "3.0", "3.5", "1e3", "nan", "1_0", "t", "false", "walk", "AB12", "2025-02-30"]
    ),
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6),
)


def oracle(people: str | None, minutes: str | None, kind: str | None) -> set[str]:
    """The rules that a row breaks, the slow and obvious way."""
    broken = set()
    if people and not re.fullmatch(r"[+-]?[0-9]+(\.0*)?", people):
        broken.add("people.type")
    elif people:
        value = int(people.split(".")[0])
        if not -(2**63) <= value < 2**63:
            broken.add("people.type")
        elif value < 0:
            broken.add("people.ge")
    if minutes and not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", minutes):
        broken.add("minutes.type")
    elif minutes:
        if float(minutes) <= 0:
            broken.add("minutes.gt")
        if float(minutes) >= 1440:
            broken.add("minutes.lt")
    if kind is not None and kind not in ("walk", "ride"):
        broken.add("kind.isin")
    return broken


@settings(max_examples=20)
@given(rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=40))
def test_the_split_agrees_with_plain_python(
    visits: type[Contract], good: dict[str, Any], as_read: Reader, rows: list[tuple[str | None, ...]]
) -> None:
    table = as_read(*({**good, "people": people, "minutes": minutes, "kind": kind} for people, minutes, kind in rows))
    accepted, rejected = split(visits, table)
    found = {row["line"]: set[str]() for row in accepted.to_pyarrow().to_pylist()}
    for row in rejected.to_pyarrow().to_pylist():
        assert row["line"] not in found
        found[row["line"]] = set(row["rules"])
    assert found == {str(line): oracle(*row) for line, row in enumerate(rows, 1)}
