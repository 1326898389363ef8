"""Our own data model keeps the house's style, and every question it is made for compiles."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml

from semantic.compiler import compile_query
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import Measure
from semantic.query.parse import parse_query
from semantic.query.types import Condition

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "semantic" / "model"
MODEL = load_data_model(FOLDER)
CUBES = [cube for cube in MODEL.cubes.values() if not cube.is_view]
VIEWS = [cube for cube in MODEL.cubes.values() if cube.is_view]
QUESTIONS: list[dict[str, Any]] = yaml.safe_load((ROOT / "semantic" / "questions.yml").read_text())["questions"]
LAYERS = ("core", "marts", "contracts")
"""`contracts.results` is about the tables, not one of them."""
NOW = datetime(2025, 6, 30, 12, 0, tzinfo=UTC)


def test_cubes_are_private_and_views_public() -> None:
    assert [cube.name for cube in CUBES if cube.public] == []
    assert [view.name for view in VIEWS if not view.public] == []


def test_one_cube_or_view_per_file_named_like_it() -> None:
    named = {cube.place.file: cube.name for cube in MODEL.cubes.values()}
    assert len(named) == len(MODEL.cubes)
    assert {file: Path(file).stem for file in named} == named


def test_cubes_read_core_and_marts_by_name() -> None:
    layers = {cube.name: (cube.sql_table or "").split(".")[0] for cube in CUBES}
    assert {name: layer for name, layer in layers.items() if layer not in LAYERS} == {}
    assert [cube.name for cube in CUBES if cube.sql is not None] == []


def test_the_primary_key_comes_first() -> None:
    first = {cube.name: next(iter(cube.dimensions.values())).primary_key for cube in CUBES}
    assert [name for name, is_key in first.items() if not is_key] == []


def test_everything_public_is_described() -> None:
    members = [
        one
        for cube in MODEL.cubes.values()
        for one in (*cube.measures.values(), *cube.dimensions.values(), *cube.segments.values())
    ]
    assert [one.full_name for one in members if not (one.description or "").endswith(".")] == []
    assert [cube.name for cube in MODEL.cubes.values() if not cube.description] == []


@pytest.mark.parametrize("cube", CUBES, ids=lambda cube: cube.name)
def test_measures_say_their_unit_and_how_they_add(cube: Any) -> None:
    for measure in cube.measures.values():
        assert measure.meta.get("unit"), measure.full_name
        additive = measure.meta.get("additive")
        expected = {"full"} if measure.type in ("count", "sum") else {"none", "semi"}
        assert additive in expected, measure.full_name
        assert (measure.format == "currency") == (measure.meta["unit"] == "USD"), measure.full_name
        assert (measure.format == "percent") == (measure.meta["unit"] == "ratio"), measure.full_name


def test_views_leave_no_measure_of_their_cubes_out() -> None:
    shown = {one.alias_of.name for view in VIEWS for one in view.measures.values() if one.alias_of}
    measured = {name.split(".")[0] for name in shown}
    measures = [one.full_name for cube in CUBES if cube.name in measured for one in cube.measures.values()]
    assert sorted(set(measures) - shown) == []


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["question"])
@pytest.mark.parametrize("dialect", ["duckdb", "bigquery"])
def test_questions_compile(question: dict[str, Any], dialect: Any) -> None:
    query = parse_query(question["rest"], MODEL, now=NOW)
    assert sqlglot.parse_one(compile_query(MODEL, query, dialect=dialect).sql, read=dialect)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["question"])
def test_both_languages_ask_for_the_same_members(question: dict[str, Any]) -> None:
    query = parse_query(question["rest"], MODEL, now=NOW)
    grouped = [one.dimension for one in query.time_dimensions if one.granularity]
    filtered = [one.member for one in query.filters if isinstance(one, Condition)]
    asked = [*query.measures, *query.dimensions, *grouped, *filtered, *query.segments]
    tree = sqlglot.parse_one(question["sql"], read="postgres")
    view = tree.find(sqlglot.exp.Table)
    assert view is not None
    columns = {f"{view.name}.{column.name}" for column in tree.find_all(sqlglot.exp.Column)}
    assert columns == set(asked)


def test_every_question_is_asked_once_and_of_a_known_source() -> None:
    questions = [one["question"] for one in QUESTIONS]
    assert len(set(questions)) == len(questions)
    assert {one["source"] for one in QUESTIONS} <= {"consent", "web_funnel", "rewards", "intake", "commerce", "quality"}
    measures = [name for one in QUESTIONS for name in one["rest"]["measures"]]
    assert [name for name in measures if not isinstance(MODEL.member(name), Measure)] == []
