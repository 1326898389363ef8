"""Members of the data model against contracts: each mismatch is found, at the member's line."""

# ruff: noqa: E501 - one mutation a line
from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from contracts import Contract, Deprecation, Instant, Integer, Number, Text, column
from contracts.changes import revision
from headrace.check.breaking import check_descriptions, check_public_members, check_retired
from headrace.check.findings import Finding
from headrace.check.members import check_members
from headrace.check.models import known_columns
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import DataModel

TODAY = date(2025, 6, 2)


class Sales(Contract, layer="core", table="sales", key="sale_id"):
    """One row per sale."""

    sale_id: Text = column("Sale.")
    sold_at: Instant = column("When it was sold.")
    price: Number = column("Price.", unit="usd")
    quantity: Integer = column("Items.")
    buyer: Text = column("Who bought.", sensitivity="personal")
    old_price: Number = column("Price.", deprecated=Deprecation(date(2025, 7, 1), "price"))
    older_price: Number = column("Price.", deprecated=Deprecation(date(2025, 6, 1), "price"))


COLUMNS = known_columns([Sales])
CUBE = """cubes:
  - name: sales
    sql_table: core.sales
    description: One row per sale.
    public: false
    dimensions:
      - {name: sale_id, sql: sale_id, type: string, primary_key: true}
      - {name: buyer, sql: buyer, type: string}
MORE
views:
  - name: shop
    description: The shop.
    cubes:
      - {join_path: sales, includes: [buyer, sale_id]}
"""
Check = Callable[[str], list[Finding]]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., DataModel]:
    def loaded(more: str, includes: str = "[buyer, sale_id]") -> DataModel:
        (tmp_path / "sales.yml").write_text(CUBE.replace("MORE", more).replace("[buyer, sale_id]", includes))
        return load_data_model(tmp_path, strict=False)

    return loaded


@pytest.fixture
def check(load: Callable[[str], DataModel]) -> Check:
    """Findings about the cube with one more member; left out is what is always found, for short members say little."""

    def checked(more: str) -> list[Finding]:
        found = check_members(load(more), COLUMNS, folder="semantic/model", today=TODAY)
        return [one for one in found if one.rule not in ("member-personal", "member-description")]

    return checked


def dimension(text: str) -> str:
    return f"      - {{{text}}}"


def measure(text: str) -> str:
    return f"    measures:\n      - {{{text}}}"


FITTING = [
    dimension("name: sold_at, sql: sold_at, type: time"),
    dimension("name: price, sql: '{CUBE}.price', type: number, format: currency, currency: USD"),
    dimension("name: label, sql: \"{CUBE}.sale_id || '-' || {buyer}\", type: string"),
    dimension("name: is_dear, sql: '{CUBE}.price > 100', type: boolean"),
    measure("name: revenue, sql: price, type: sum, format: currency, currency: USD"),
    measure("name: revenue, sql: price, type: sum, meta: {unit: usd}"),
    measure("name: first, sql: sold_at, type: min"),
    measure("name: buyers, sql: buyer, type: count_distinct"),
    measure("name: count, type: count"),
]
MISMATCHES = [
    (dimension("name: price, sql: prize, type: number"), "member-column", "sales.price reads core.sales.prize, which its contract does not have; it has sale_id, sold_at"),
    (dimension("name: price, sql: '{CUBE}.Price', type: number"), "member-column", "sales.price reads core.sales.Price"),
    (dimension("name: is_dear, sql: '{CUBE}.prise > 100', type: boolean"), "member-column", "reads core.sales.prise"),
    (measure("name: revenue, sql: 'price * amount', type: sum"), "member-column", "reads core.sales.amount"),
    (measure("name: big, type: count, filters: [{sql: '{CUBE}.size > 1'}]"), "member-column", "sales.big reads core.sales.size"),
    (dimension("name: price, sql: price, type: string"), "member-type", "sales.price is a string, but its column price is FLOAT64"),
    (dimension("name: sold_at, sql: sold_at, type: string"), "member-type", "is a string, but its column sold_at is TIMESTAMP"),
    (dimension("name: label, sql: sale_id, type: time"), "member-type", "is a time, but its column sale_id is STRING"),
    (dimension("name: label, sql: sale_id, type: number"), "member-type", "is a number, but its column sale_id is STRING"),
    (dimension("name: many, sql: quantity, type: boolean"), "member-type", "is a boolean, but its column quantity is INT64"),
    (measure("name: revenue, sql: sale_id, type: sum"), "member-type", "sales.revenue is a sum, but its column sale_id is STRING"),
    (measure("name: mean, sql: sold_at, type: avg"), "member-type", "is a avg, but its column sold_at is TIMESTAMP"),
    (measure("name: revenue, sql: price, type: sum, format: currency, currency: EUR"), "member-unit", "sales.revenue is in eur, but its column price is in usd"),
    (dimension("name: price, sql: price, type: number, meta: {unit: cents}"), "member-unit", "sales.price is in cents, but its column price is in usd"),
    (dimension("name: old, sql: old_price, type: number"), "member-deprecated", "sales.old reads core.sales.old_price, which goes on 2025-07-01: use price"),
    (dimension("name: old, sql: older_price, type: number"), "member-deprecated", "which goes on 2025-06-01"),
    (dimension("name: price, sql: price, type: money"), "data-model", "type"),
]  # fmt: skip


@pytest.mark.parametrize("member", FITTING)
def test_members_that_fit_raise_no_alarm(check: Check, member: str) -> None:
    assert check(member) == []


@pytest.mark.parametrize(("member", "rule", "message"), MISMATCHES, ids=[f"{row[1]}: {row[2]}" for row in MISMATCHES])
def test_a_mismatch_is_found_at_its_line(check: Check, member: str, rule: str, message: str) -> None:
    found = check(member)
    assert {one.rule for one in found} == {rule}
    assert message in found[0].message
    assert found[0].file == "semantic/model/sales.yml"
    line = CUBE.replace("MORE", member).splitlines()[found[0].line - 1]
    assert "name:" in line
    assert member.strip().splitlines()[-1].strip() == line.strip()


def test_a_deprecated_column_is_an_error_after_its_date(check: Check) -> None:
    before = check(dimension("name: old, sql: old_price, type: number"))
    after = check(dimension("name: old, sql: older_price, type: number"))
    assert [one.level for one in (*before, *after)] == ["warning", "error"]


def test_a_cube_of_an_unknown_table_is_found(load: Callable[[str], DataModel]) -> None:
    (found,) = check_members(load(""), {}, folder="semantic/model", today=TODAY)
    assert (found.rule, found.message) == ("member-table", "cube sales reads core.sales, which has no contract")


def test_personal_data_in_a_public_view_is_told(load: Callable[[str], DataModel]) -> None:
    found = next(_found(load(""), "member-personal"))
    assert (found.rule, found.level, found.subject) == ("member-personal", "warning", "shop.buyer")


def test_a_column_without_a_description_is_told(load: Callable[[str], DataModel]) -> None:
    more = (
        "name: price, sql: price, type: number, description: Price.",
        "name: sold_at, sql: sold_at, type: time",
        "name: is_dear, sql: 'price > 100', type: boolean",
    )
    found = list(_found(load("\n".join(map(dimension, more))), "member-description"))
    assert [one.subject for one in found] == ["sales.sale_id", "sales.buyer", "sales.sold_at"]
    assert found[-1].message == "sales.sold_at has no description; that of its column is 'When it was sold.'"


def _found(data_model: DataModel, rule: str) -> Iterator[Finding]:
    found = check_members(data_model, COLUMNS, folder="semantic/model", today=TODAY)
    return (one for one in found if one.rule == rule)


def test_columns_past_their_date_are_told() -> None:
    (found,) = check_retired([Sales], root=Path(__file__).parents[2], today=TODAY)
    assert (found.rule, found.subject) == ("retired-past", "core.sales.older_price")
    assert found.file == "tests/headrace/test_check_members.py"


def test_a_description_left_behind_is_stale(load: Callable[[str], DataModel]) -> None:
    class Earlier(Contract, layer="core", table="sales", key="sale_id"):
        """One row per sale."""

        sale_id: Text = column("Sale.")
        price: Number = column("Price before tax.")

    member = "name: price, sql: price, type: number, description: Price before tax."
    old = load(dimension(member))
    before = revision([Earlier.statement()])
    (found,) = check_descriptions(old, load(dimension(member)), before, COLUMNS, folder="semantic/model")
    assert found.message == (
        "sales.price is still described as 'Price before tax.', but its column price is now 'Price.'"
    )
    new = load(dimension(member.replace(" before tax", "")))
    assert list(check_descriptions(old, new, before, COLUMNS, folder="semantic/model")) == []


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        ("[buyer, sale_id]", "[sale_id, buyer]", []),
        ("[sale_id]", "[sale_id, buyer]", []),
        ("[buyer, sale_id]", "[sale_id]", ["shop.buyer removed: it is gone; announce it in a revision before"]),
        ("[buyer, sale_id]", "[{name: buyer, alias: client}, sale_id]", ["shop.buyer removed: it is gone"]),
        ("[{name: buyer, meta: {deprecated: gone by May}}, sale_id]", "[sale_id]", []),
    ],
)
def test_public_members_are_promises(load: Callable[..., DataModel], old: str, new: str, messages: list[str]) -> None:
    found = list(check_public_members(load("", old), load("", new), folder="semantic/model"))
    assert len(found) == len(messages)
    for one, message in zip(found, messages, strict=True):
        assert (one.rule, one.level) == ("breaking", "error")
        assert one.message.startswith(message)


def test_a_public_member_keeps_its_type(load: Callable[..., DataModel]) -> None:
    before, after = (f"name: label, sql: sale_id, type: {type_}" for type_ in ("string", "number"))
    models = (load(dimension(text), "[label]") for text in (before, after))
    (found,) = check_public_members(*models, folder="semantic/model")
    assert found.message.startswith("shop.label retyped: was string, is number; announce it")
