"""Our own data model is real Cube's too: it compiles there, and both compilers' SQL gives equal rows on the sample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from semantic.compiler import Compiler
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import DataModel
from semantic.rollups import blueprints
from tests.semantic.judge import ours, queries, rows
from tests.semantic.judge.cube import Judge

SEMANTIC = Path(__file__).parents[3] / "semantic"
VIEWS = sorted(path.stem for path in (SEMANTIC / "model" / "views").glob("*.yml"))
QUESTIONS = yaml.safe_load((SEMANTIC / "questions.yml").read_text())
PER_VIEW = 12
CUBES_ROLLUPS = "stb_pre_aggregations"


@pytest.fixture(scope="module")
def own(judge: Judge) -> DataModel:
    judge.open_folder("own", SEMANTIC / "model")
    judge.open("without rollups", dict(_without_rollups()))
    return load_data_model(SEMANTIC / "model")


def _without_rollups() -> Iterator[tuple[str, str]]:
    for path in sorted((SEMANTIC / "model").rglob("*.yml")):
        content = yaml.safe_load(path.read_text())
        for cube in content.get("cubes", ()):
            cube.pop("pre_aggregations", None)
        yield path.name, yaml.safe_dump(content, sort_keys=False)


@pytest.fixture(scope="module")
def warehouse(built: Path, own: DataModel) -> Iterator[duckdb.DuckDBPyConnection]:
    """The sample, with our rollups where real Cube looks for its own."""
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{built / 'warehouse.duckdb'}' AS warehouse (READ_ONLY); USE warehouse")
    rows.settle(connection)
    connection.execute(f"ATTACH ':memory:' AS {CUBES_ROLLUPS}")
    for plan in blueprints(Compiler(own, visible_only=False)):
        connection.execute(f"CREATE TABLE {CUBES_ROLLUPS}.{plan.name.replace('.', '_')} AS {plan.sql}")
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


@pytest.mark.parametrize("view", ["consent", "events"])
def test_real_cube_reads_our_rollups(
    judge: Judge, own: DataModel, warehouse: duckdb.DuckDBPyConnection, view: str
) -> None:
    query = {
        "measures": [f"{view}.estimated_event_count"],
        "dimensions": [f"{view}.event_type"],
        "timeDimensions": [{"dimension": f"{view}.occurred_at", "granularity": "month"}],
    }
    assert CUBES_ROLLUPS in judge.sql("own", query).sql
    assert compare(judge, own, warehouse, query)


def compare(judge: Judge, own: DataModel, warehouse: duckdb.DuckDBPyConnection, query: queries.Query) -> rows.Rows:
    """Our rows, when they are Cube's rows too. It makes rollups for each time zone, and ours are of UTC."""
    compiled = judge.sql("own" if query.get("timezone", "UTC") == "UTC" else "without rollups", query)
    theirs = rows.run(warehouse, compiled.sql, compiled.params, compiled.keys)
    answer = ours.answer(warehouse, own, query)
    assert not rows.difference(answer, theirs), query
    return answer
