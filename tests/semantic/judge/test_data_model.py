"""Our own data model is real Cube's too: it compiles there, and both compilers' SQL gives equal rows on the sample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import DataModel
from tests.semantic.judge import ours, queries, rows
from tests.semantic.judge.cube import Judge

SEMANTIC = Path(__file__).parents[3] / "semantic"
VIEWS = sorted(path.stem for path in (SEMANTIC / "model" / "views").glob("*.yml"))
QUESTIONS = yaml.safe_load((SEMANTIC / "questions.yml").read_text())
PER_VIEW = 12


@pytest.fixture(scope="module")
def own(judge: Judge) -> DataModel:
    judge.open_folder("own", SEMANTIC / "model")
    return load_data_model(SEMANTIC / "model")


@pytest.fixture(scope="module")
def warehouse(built: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(built / "warehouse.duckdb"), read_only=True)
    rows.settle(connection)
    yield connection
    connection.close()


def test_real_cube_takes_it_whole(judge: Judge, own: DataModel) -> None:
    listed = {cube["config"]["name"] for cube in judge.meta("own")}
    assert listed == set(own.cubes)


@pytest.mark.parametrize("view", VIEWS)
def test_generated(judge: Judge, own: DataModel, warehouse: duckdb.DuckDBPyConnection, view: str) -> None:
    arena = queries.arena(judge.meta("own"), (view,))
    answered = 0
    for query in queries.generate(arena, PER_VIEW, seed=VIEWS.index(view)):
        answered += bool(compare(judge, own, warehouse, query))
    assert answered >= 2


@pytest.mark.parametrize("question", QUESTIONS["questions"], ids=lambda question: question["question"])
def test_question(judge: Judge, own: DataModel, warehouse: duckdb.DuckDBPyConnection, question: dict[str, Any]) -> None:
    assert compare(judge, own, warehouse, question["rest"])


def compare(judge: Judge, own: DataModel, warehouse: duckdb.DuckDBPyConnection, query: queries.Query) -> rows.Rows:
    """Our rows, when they are Cube's rows too."""
    compiled = judge.sql("own", query)
    theirs = rows.run(warehouse, compiled.sql, compiled.params, compiled.keys)
    answer = ours.answer(warehouse, own, query)
    assert not rows.difference(answer, theirs), query
    return answer
