"""A data model that uses every property there is: real Cube takes it, we take it, and every member of it compiles."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
import yaml

from semantic.datamodel.load import load_data_model, load_sources
from semantic.datamodel.types import DataModel
from tests.semantic.judge import ours
from tests.semantic.judge.cube import Judge, read_model

EVERYTHING = Path(__file__).parent / "everything"

# What a measure needs beside itself in a query.
NEEDS_DAYS = ("month", "ever", "month_to_date", "fixed", "before", "after", "this_year", "this_quarter", "this_month")
NEEDS_CURRENCY = ("in_currency",)


@pytest.fixture(scope="module")
def model() -> DataModel:
    return load_data_model(EVERYTHING)


def test_real_cube_takes_it_too(judge: Judge, model: DataModel) -> None:
    judge.open_folder("everything", EVERYTHING)
    assert {cube["config"]["name"] for cube in judge.meta("everything")} == set(model.cubes)


@pytest.fixture(scope="module")
def open_model() -> DataModel:
    """The same without its access policies, which would hide some members."""
    sources = {name: yaml.safe_load(text) for name, text in read_model(EVERYTHING).items()}
    for source in sources.values():
        for entry in (*source.get("cubes", ()), *source.get("views", ())):
            entry.pop("access_policy", None)
    return load_sources({name: yaml.safe_dump(source) for name, source in sources.items()})


@pytest.mark.parametrize("dialect", ours.DIALECTS)
def test_every_member_compiles(judge: Judge, open_model: DataModel, dialect: ours.Dialect) -> None:
    judge.open_folder("everything", EVERYTHING)
    for cube in (entry["config"] for entry in judge.meta("everything")):
        dimensions = [d["name"] for d in cube["dimensions"]]
        for measure in cube["measures"]:
            _compiles(open_model, _with_needs(measure["name"]), dialect)
        for dimension in dimensions:
            _compiles(open_model, {"dimensions": [dimension]}, dialect)
        for segment in cube["segments"]:
            _compiles(open_model, {"dimensions": dimensions[:1], "segments": [segment["name"]]}, dialect)


def _with_needs(measure: str) -> dict[str, object]:
    cube, name = measure.split(".")
    query: dict[str, object] = {"measures": [measure]}
    if name in NEEDS_DAYS:
        part = {"dimension": f"{cube}.sold_at", "granularity": "day", "dateRange": ["2024-01-01", "2024-01-31"]}
        query["timeDimensions"] = [part]
    if name in NEEDS_CURRENCY:
        query["dimensions"] = [f"{cube}.currency"]
    return query


def _compiles(model: DataModel, query: dict[str, object], dialect: ours.Dialect) -> None:
    compiled = ours.compiled(model, query, dialect)
    assert sqlglot.parse_one(compiled.sql, read=dialect), query
