"""Access policies restrict, mask and deny what they do in real Cube.

`guarded/admitted.json` holds what Cube's server (1.7.43) made of queries for callers: refused, or with which filters
and masked members handed on to its compiler. The rows are those that the compiler's SQL then gives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from semantic.compiler import Compiler
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import DataModel
from semantic.errors import HiddenMemberError
from semantic.query.echo import echo
from tests.semantic.judge import ours, rows
from tests.semantic.judge.cube import Judge

GUARDED = Path(__file__).parent / "guarded"
ADMITTED = json.loads((GUARDED / "admitted.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def guarded(judge: Judge) -> DataModel:
    judge.open_folder("guarded", GUARDED)
    return load_data_model(GUARDED)


def answer(
    connection: duckdb.DuckDBPyConnection,
    model: DataModel,
    query: Mapping[str, Any],
    context: Mapping[str, Any],
    dialect: ours.Dialect = "duckdb",
) -> rows.Rows:
    compiler = Compiler(model, dialect=dialect)
    return ours.run(connection, compiler.compile(ours.parsed(model, query), security_context=context), dialect)


@pytest.mark.parametrize("dialect", ours.DIALECTS)
def test_what_a_caller_sees(
    judge: Judge, connection: duckdb.DuckDBPyConnection, guarded: DataModel, dialect: ours.Dialect
) -> None:
    wrong = []
    for case in ADMITTED:
        query, context = case["query"], case["context"]
        if case.get("denied"):
            with pytest.raises(HiddenMemberError):
                answer(connection, guarded, query, context, dialect)
            continue
        rewritten = {**query, "filters": query["filters"] + case["filters"], "maskedMembers": case["maskedMembers"]}
        cube = judge.sql("guarded", rewritten, context={"securityContext": context})
        theirs = rows.run(connection, cube.sql, cube.params, cube.keys)
        found = rows.difference(answer(connection, guarded, query, context, dialect), theirs)
        wrong += [f"{query} for {context}\n{found}"] if found else []
    assert not wrong, f"{len(wrong)} of {len(ADMITTED)}\n" + "\n".join(wrong[:3])


def test_what_rest_echoes(guarded: DataModel) -> None:
    """The filters of policies and the masked members, as Cube's answers have them."""
    compiler = Compiler(guarded)
    for case in ADMITTED:
        if not case.get("denied"):
            admitted = compiler.admit(ours.parsed(guarded, case["query"]), security_context=case["context"])
            echoed = echo(admitted)
            names = {entry["member"] for entry in echoed.get("maskedMembers", ())}
            assert names == {entry["member"] for entry in case["maskedMembers"]}, case
            assert len(echoed["filters"]) == len(case["query"]["filters"]) + len(case["filters"]), case


# Where Cube lets more be seen than its policies say: who asks what, why, and SQL for the rows
_PEOPLE = "FROM bazaar.customers"
_SHOPPERS = "FROM bazaar.orders LEFT JOIN bazaar.customers USING (customer_id)"
CASES: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, Any], Mapping[str, Any], str]] = {
    "a policy's own filter": (
        "compares the mask where the policy speaks of the value: everybody's masked is_vip is false",
        {"measures": ["people.count"]},
        {"groups": ["guests"]},
        {
            "filters": [{"or": [{"member": "people.is_vip", "operator": "equals", "values": ["false"]},
                                {"member": "people.city", "operator": "notSet"}]}],
            "maskedMembers": [{"member": "people.is_vip"}],
        },
        f"SELECT COUNT(*) {_PEOPLE} WHERE NOT is_vip OR city IS NULL",
    ),
    "a masked measure in a stage": (
        "computes stages from what is masked",
        {"measures": ["people.credit_of_all"], "dimensions": ["people.region"]},
        {"groups": ["masked"]},
        {"maskedMembers": [{"member": "people.credit"}, {"member": "people.credit_line"}]},
        f"SELECT DISTINCT region_id, 0 {_PEOPLE}",
    ),
    "a masked measure without groups": (
        "gives a row for each row of the table",
        {"measures": ["people.credit"]},
        {"groups": ["masked"]},
        {"maskedMembers": [{"member": "people.credit"}]},
        "SELECT 0",
    ),
    "a mask behind a view's mask": (
        "shows what the cube masks where only the view's policy says so",
        {"dimensions": ["counter.name"]},
        {"groups": ["clerks", "guests", "masked"], "region": "2"},
        {
            "filters": [{"or": [{"member": "people.region", "operator": "set"},
                                {"member": "people.region", "operator": "notSet"}]}],
            "maskedMembers": [
                {"member": "counter.name", "filter": {"member": "people.city", "operator": "set"}},
                {"member": "people.name",
                 "filter": {"member": "people.region", "operator": "equals", "values": ["2"]}},
            ],
        },
        f"SELECT DISTINCT CASE WHEN region_id = 2 AND city IS NOT NULL THEN name ELSE '***' END {_SHOPPERS}",
    ),
    "a cube between": (
        "forgets the rows of cubes that are only joined through",
        {"dimensions": ["desk.people_name"]},
        {"groups": ["clerks"], "region": "2"},
        {"filters": [{"member": "people.region", "operator": "equals", "values": ["2"]}]},
        f"SELECT DISTINCT name {_SHOPPERS} WHERE region_id = 2 AND (status <> 'cancelled' OR status IS NULL)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_cube_shows_more(judge: Judge, connection: duckdb.DuckDBPyConnection, guarded: DataModel, name: str) -> None:
    reason, query, context, rewritten, truth = CASES[name]
    expected = sorted(repr(tuple(map(rows.plain, row))) for row in connection.execute(truth).fetchall())
    for dialect in ours.DIALECTS:
        found = answer(connection, guarded, query, context, dialect)
        assert sorted(repr(tuple(row.values())) for row in found) == expected, reason
    cube = judge.sql("guarded", {**query, **rewritten})
    theirs = rows.run(connection, cube.sql, cube.params, cube.keys)
    assert rows.difference(found, theirs), "Cube is right by now: the case can go"
