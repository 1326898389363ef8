"""The rows of our SQL equal those of real Cube's SQL, over a data model full of traps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pytest

from semantic.compiler import Compiler
from semantic.datamodel.types import DataModel
from semantic.errors import QueryError
from tests.semantic.judge import ours, queries, rows
from tests.semantic.judge.cube import CubeError, Judge
from tests.semantic.judge.handwritten import QUERIES

PER_ARENA = 32
# Without the multi-stage measures: their parts are joined so that no bucket is lost, as test_cube_is_wrong.py tells.
WILD = 12

# What Cube's planner cannot do, and how that shows; the reasons and proofs: test_cube_is_wrong.py.
CUBE_CANNOT = {
    "not found in FROM clause": "filters a multiplied measure by a sub-query dimension without joining it",
    "must appear in the GROUP BY clause": "sums up over keys, and leaves a measure that others make up as it is",
    'Candidate tables: "q_0"': "filters by a multi-stage measure where the tables of its stages are gone",
    "Can't find join path": "refuses measures of several facts that only share dimensions",
}


def theirs(judge: Judge, connection: duckdb.DuckDBPyConnection, query: Mapping[str, Any]) -> rows.Rows:
    compiled = judge.sql("bazaar", query)
    return rows.run(connection, compiled.sql, compiled.params, compiled.keys)


def disagreement(left: rows.Rows, right: rows.Rows, query: Mapping[str, Any]) -> str:
    """Empty when the rows are equal, in the same order too where the query asks for one."""
    found = rows.difference(left, right)
    if not found and query.get("order") and left != right:
        return f"the order differs\nours   {left[:4]}\ntheirs {right[:4]}"
    return found


@pytest.mark.parametrize("name", QUERIES)
def test_handwritten(judge: Judge, connection: duckdb.DuckDBPyConnection, model: DataModel, name: str) -> None:
    query = QUERIES[name]
    answer = theirs(judge, connection, query)
    for dialect in ours.DIALECTS:
        assert not disagreement(ours.answer(connection, model, query, dialect), answer, query), dialect


@pytest.mark.parametrize("names", queries.ARENAS, ids="+".join)
def test_generated(
    judge: Judge, connection: duckdb.DuckDBPyConnection, model: DataModel, names: tuple[str, ...]
) -> None:
    arena = queries.arena(judge.meta("bazaar"), names)
    seed = queries.ARENAS.index(names)
    plain, wild = queries.generate(arena, PER_ARENA, seed), queries.generate_wild(arena, WILD, seed)
    compared, wrong = 0, []
    for query in (*plain, *(() if names == ("staged",) else wild)):
        answer, reason = theirs_or_reason(judge, connection, query)
        if answer is None:
            assert can_fail(reason) or refusal(model, query), f"only Cube refuses: {reason}: {query}"
            continue
        compared += 1
        found = disagreement(ours.answer(connection, model, query), answer, query)
        if found:
            wrong.append(f"{query}\n{found}")
    assert not wrong, f"{len(wrong)} of {compared}\n" + "\n".join(wrong[:3])
    assert compared > PER_ARENA * 0.8


def theirs_or_reason(
    judge: Judge, connection: duckdb.DuckDBPyConnection, query: Mapping[str, Any]
) -> tuple[rows.Rows | None, str]:
    try:
        return theirs(judge, connection, query), ""
    except (CubeError, duckdb.BinderException) as error:
        return None, str(error)


def can_fail(reason: str) -> bool:
    return any(symptom in reason for symptom in CUBE_CANNOT)


def refusal(model: DataModel, query: Mapping[str, Any]) -> str:
    try:
        ours.compiled(model, query)
    except QueryError as error:
        return error.message
    return ""


@pytest.mark.parametrize("dialect", ours.DIALECTS)
def test_a_kept_plan_is_the_plan(judge: Judge, model: DataModel, dialect: ours.Dialect) -> None:
    """A compiler that has seen other queries of the same shape gives the SQL and the values of a new one."""
    compiler = Compiler(model, dialect=dialect, visible_only=False)
    for names in queries.ARENAS:
        for query in queries.generate(queries.arena(judge.meta("bazaar"), names), PER_ARENA // 4, seed=77):
            for changed in (query, queries.with_other_values(query)):
                if not refusal(model, changed):
                    parsed = ours.parsed(model, changed)
                    assert compiler.compile(parsed) == ours.compiled(model, changed, dialect), changed
