"""How contracts are declared, and that Pandera reads them as they stand."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import pandera.errors
import pyarrow as pa
import pytest
from ibis.backends.duckdb import Backend

import contracts
from contracts import Contract, Freshness, Integer, Text, column, rule, to, warn
from contracts.base import LAYERS
from contracts.errors import DeclarationError, UnknownContract
from contracts.registry import all_contracts, contract_for
from contracts.types import COLUMN_TYPES, Instant, comparable


def test_columns_come_in_order_and_those_of_loading_last(visits: type[Contract]) -> None:
    names = [column.name for column in visits.columns()]
    assert names[:3] == ["visit_id", "shop_id", "session"]
    assert names[-4:] == ["_batch_id", "_source_file", "_row_number", "_loaded_at"]
    assert [column.name for column in visits.columns() if column.is_metadata] == names[-4:]


def test_a_column_knows_what_was_declared(visits: type[Contract]) -> None:
    people = visits.column("people")
    assert (people.dtype, people.nullable, people.unit) == (dt.int64, True, "people")
    assert [(rule.name, rule.severity) for rule in people.rules] == [("ge", "error"), ("le", "warn")]
    with pytest.raises(DeclarationError, match=r"raw\.shop__visits has no column age; it has visit_id, shop_id"):
        visits.column("age")


def test_rules_have_names_and_say_what_must_hold(visits: type[Contract]) -> None:
    told = {(rule.columns, rule.name): rule.text for rule in visits.rules()}
    assert told[("visit_id",), "unique"] == "must be unique"
    assert told[("session", "visited_at"), "unique"] == "must be unique together"
    assert told[("shop_id",), "relationship"] == "must stand in raw.shop__shops.shop_id"
    assert told[("visited_at",), "freshness"] == "must have a value of the last 2 days"
    assert told[(), "rows"] == "must have at least 1 and at most 1000 rows"
    assert told[("visited_at", "left_at"), "left_after"] == "they leave after they came"


def test_a_rule_over_several_columns_knows_its_columns(visits: type[Contract]) -> None:
    (found,) = [rule for rule in visits.rules() if rule.name == "paid_by_member"]
    assert (found.columns, found.severity) == (("paid", "is_member"), "warn")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "gold"}, "layer gold is none of raw, core, marts"),
        ({"version": "1"}, "version 1 is not of the form 1.0.0"),
        ({"key": ()}, "no key"),
        ({"key": "idd"}, "idd is in a key or freshness limit, but no column"),
        ({"key": "note"}, "key column note may be NULL"),
        ({"freshness": Freshness("at", timedelta(1))}, "at is in a key or freshness limit, but no column"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(options: dict[str, Any], message: str) -> None:
    settings: dict[str, Any] = {"layer": "core", "table": "notes", "key": "note_id", **options}
    with pytest.raises(DeclarationError, match=message):

        class Notes(Contract, **settings):
            """One row per note."""

            note_id: Text = column("Identifier.")
            note: Text = column("Text.", nullable=True)


def test_a_contract_must_say_what_its_rows_and_columns_are() -> None:
    with pytest.raises(DeclarationError, match=r"must open with the grain.*column note_id has no description"):

        class Notes(Contract, layer="core", table="notes", key="note_id"):
            """Notes."""

            note_id: Text = column(" ")


def test_a_rule_on_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"contract Notes \(core\.notes\): a rule over several columns"):

        class Notes(Contract, layer="core", table="notes", key="note_id"):
            """One row per note."""

            note_id: Text = column("Identifier.")
            in_order = rule("ends after it starts", lambda row: row.ended > row.started)


def test_a_column_without_a_type_of_ours_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"Notes\.note_id: declare it as"):

        class Notes(Contract, layer="core", table="notes", key="note_id"):
            """One row per note."""

            note_id: str = column("Identifier.")


def test_a_base_only_lends_its_columns() -> None:
    class Dated(Contract):
        day_count: Integer = column("Days.")

    class Notes(Dated, layer="core", table="notes", key="note_id"):
        """One row per note."""

        note_id: Text = column("Identifier.", references=warn(to("core", "pads", "note_id")))

    assert [column.name for column in Notes.columns()] == ["day_count", "note_id"]
    with pytest.raises(DeclarationError, match="it only lends its columns"):
        Dated.terms()


def test_pandera_enforces_the_same_rules(backend: Backend) -> None:
    class Notes(Contract, layer="core", table="notes", key="note_id"):
        """One row per note."""

        note_id: Text = column("Identifier.")
        pages: Integer = column("Pages.", nullable=True, ge=1)

    good = backend.create_table("good", pa.table({"note_id": ["a", "b"], "pages": pa.array([1, None], pa.int64())}))
    assert Notes.validate(good).to_pyarrow().num_rows == 2
    for name, rows in {
        "low": {"note_id": ["a"], "pages": [0]},
        "null": {"note_id": pa.array([None], pa.string()), "pages": [1]},
        "twice": {"note_id": ["a", "a"], "pages": [1, 1]},
        "typed": {"note_id": ["a"], "pages": ["1"]},
        "missing": {"note_id": ["a"]},
    }.items():
        with pytest.raises(pandera.errors.SchemaErrors):
            Notes.validate(backend.create_table(name, pa.table(rows)), lazy=True)


def test_types_ignore_what_engines_disagree_on() -> None:
    assert comparable(dt.Timestamp(timezone="UTC", scale=6)) == Instant.type
    assert comparable(dt.Timestamp(scale=6)) != Instant.type
    assert comparable(dt.Array(dt.String(nullable=False))) == dt.Array(dt.string)
    assert len({type_.sql_name for type_ in COLUMN_TYPES}) == len(COLUMN_TYPES)


def test_contracts_are_found_by_layer_and_table() -> None:
    every = all_contracts()
    places = [(LAYERS.index(one.terms().layer), one.terms().table) for one in every]
    assert places == sorted(set(places))
    terms = every[0].terms()
    assert contract_for(terms.layer, terms.table) is every[0]
    with pytest.raises(UnknownContract, match=r"no contract for raw\.nothing; layer raw has: .*consent__events"):
        contract_for("raw", "nothing")


def test_relationships_point_at_columns_that_are_there() -> None:
    for contract in all_contracts():
        for one in contract.rules():
            target = getattr(one, "target", None)
            if target:
                found = contract_for(target.layer, target.table).column(target.column)
                assert ibis.dtype(found.dtype) == contract.column(one.columns[0]).dtype


def test_the_example_of_the_docs_is_a_contract() -> None:
    text = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text(encoding="utf-8")
    (example, *_) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {**vars(contracts), "timedelta": timedelta}
    exec(example, names)
    assert [rule.name for rule in names["ConsentEvents"].rules()][-3:] == ["unique", "freshness", "rows"]
