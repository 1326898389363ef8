"""Contracts against models: a table of mutations of one model, each found by one rule and at its line."""

# ruff: noqa: E501 - one mutation a line
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlglot import exp

from contracts import Contract, Instant, Integer, Numeric, Text, column
from headrace.check.findings import RULES
from headrace.check.models import check_models
from headrace.check.places import line_of, place_of
from headrace.project import ModelTable, Project


class Sales(Contract, layer="core", table="sales", key="sale_id"):
    """One row per sale."""

    sale_id: Text = column("Sale.")
    sold_at: Instant = column("When it was sold (UTC).")
    item_count: Integer = column("Items.", ge=0)
    price_usd: Numeric = column("Price.", unit="usd")


SQL = """MODEL (name core.sales, grain sale_id);
SELECT
  sale_id, /* Sale. */
  sold_at,
  item_count,
  price_usd
FROM staging.stg_shop__sales
"""
ROOT = Path(__file__).parents[2]
Mutation = Callable[[ModelTable], ModelTable]


def typed(**types: str) -> dict[str, exp.DataType]:
    return {name: exp.DataType.build(type_, dialect="bigquery") for name, type_ in types.items()}


COLUMNS = {"sale_id": "STRING", "sold_at": "TIMESTAMP", "item_count": "INT64", "price_usd": "NUMERIC(38, 9)"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    path = tmp_path / "models" / "sales.sql"
    path.parent.mkdir()
    path.write_text(SQL)
    descriptions = {"sale_id": "sale", "sold_at": "When it was  sold (UTC)."}
    table = ModelTable(
        "core.sales", path, typed(**COLUMNS), descriptions, "", ("sale_id",), ("core.sales",), False, None
    )
    return Project(tmp_path, {"core.sales": table})


def retyped(name: str, type_: str) -> Mutation:
    return lambda table: replace(table, columns={**table.columns, **typed(**{name: type_})})


def without(name: str) -> Mutation:
    return lambda table: replace(table, columns={one: type_ for one, type_ in table.columns.items() if one != name})


MUTATIONS: list[tuple[str, Mutation, str, str]] = [
    ("column dropped", without("price_usd"), "column-missing", "core.sales.price_usd is in the contract, but not in the model"),
    ("column added", retyped("tax_usd", "NUMERIC(38, 9)"), "column-undeclared", "core.sales.tax_usd is in the model, but not in its contract 1.0.0"),
    ("integer to float", retyped("item_count", "FLOAT64"), "column-type", "core.sales.item_count is FLOAT64 in the model, but INT64 in its contract"),
    ("integer to text", retyped("item_count", "STRING"), "column-type", "item_count is STRING"),
    ("money to float", retyped("price_usd", "FLOAT64"), "column-type", "but NUMERIC(38, 9) in its contract"),
    ("time to date", retyped("sold_at", "DATE"), "column-type", "sold_at is DATE in the model, but TIMESTAMP"),
    ("time without zone", retyped("sold_at", "DATETIME"), "column-type", "sold_at is DATETIME in the model, but TIMESTAMP"),
    ("unknown type", retyped("sold_at", "UNKNOWN"), "column-untyped", "the type of core.sales.sold_at cannot be derived; cast it to TIMESTAMP"),
    ("other grain", lambda table: replace(table, grain=("sale_id", "sold_at")), "grain", "the grain of core.sales is sale_id, sold_at, but its contract's key is sale_id"),
    ("no audit", lambda table: replace(table, audited_as=()), "audit", "core.sales is not audited with its contract"),
    ("other audit", lambda table: replace(table, audited_as=("core.orders",)), "audit", "add `contract_errors(of := core.sales)`"),
    ("other comment", lambda table: replace(table, descriptions={"sale_id": "Order."}), "description", "is described as 'Order.' in the model, but as 'Sale.' in its contract"),
]  # fmt: skip


def test_agreement_finds_nothing(project: Project) -> None:
    assert list(check_models([Sales], project)) == []


@pytest.mark.parametrize(("name", "mutation", "rule", "message"), MUTATIONS, ids=[row[0] for row in MUTATIONS])
def test_a_mutation_of_a_model_is_found(
    project: Project, name: str, mutation: Mutation, rule: str, message: str
) -> None:
    table = mutation(project.tables["core.sales"])
    (found,) = check_models([Sales], Project(project.root, {"core.sales": table}))
    assert (found.rule, found.subject) == (rule, "core.sales"), name
    assert message in found.message
    assert found.rule in RULES


def test_a_renamed_column_is_missing_and_undeclared(project: Project) -> None:
    table = retyped("amount_usd", "NUMERIC(38, 9)")(without("price_usd")(project.tables["core.sales"]))
    found = list(check_models([Sales], Project(project.root, {"core.sales": table})))
    assert [one.rule for one in found] == ["column-missing", "column-undeclared"]
    assert found[0].message.endswith("but not in the model; it has amount_usd")
    assert (found[0].file.endswith("test_check_models.py"), found[0].line) == (
        True,
        place_of(Sales, ROOT, "price_usd").line,
    )


def test_every_table_has_a_contract_and_every_contract_a_table(project: Project) -> None:
    (found,) = check_models([], project)
    assert (found.rule, found.message) == (
        "contract-missing",
        "core.sales has no contract; state it in contracts/core/",
    )
    (found,) = check_models([Sales], Project(project.root, {}))
    assert found.rule == "model-missing"
    parts = {"core.sales__shop": replace(project.tables["core.sales"], name="core.sales__shop")}
    staged = {"staging.stg_shop__sales": replace(project.tables["core.sales"], name="staging.stg_shop__sales")}
    assert list(check_models([], Project(project.root, parts | staged))) == []


def test_places_are_lines(project: Project) -> None:
    assert line_of(project.tables["core.sales"].path, "price_usd") == 6
    assert line_of(project.tables["core.sales"].path, "nowhere") == 1
    place = place_of(Sales, ROOT, "price_usd")
    assert place.file == "tests/headrace/test_check_models.py"
    assert "price_usd: Numeric" in (ROOT / place.file).read_text().splitlines()[place.line - 1]
