"""What `/meta` says of a data model is what real Cube says of it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from semantic.datamodel.load import load_sources
from semantic.datamodel.names import titleize
from semantic.rest.meta import describe_model
from tests.semantic.judge.cube import Judge, read_model

HERE = Path(__file__).parent
FOLDERS = (HERE / "model", HERE / "everything", HERE.parents[2] / "semantic" / "model")
MEMBERS = ("measures", "dimensions", "segments")


def opened(folder: Path) -> dict[str, str]:
    """The data model with every cube public, and without policies, under which Cube's server shows less."""
    sources = {name: yaml.safe_load(text) for name, text in read_model(folder).items()}
    for source in sources.values():
        for entry in (*source.get("cubes", ()), *source.get("views", ())):
            entry.pop("access_policy", None)
            entry.pop("public", None)
    return {name: yaml.safe_dump(source, sort_keys=False) for name, source in sources.items()}


def public(cube: Mapping[str, Any]) -> dict[str, Any]:
    """What Cube's server sends of a cube: members that are public, properties that have a value."""
    shown = {key: [_present(one) for one in cube[key] if one["public"]] for key in MEMBERS}
    return _present({**cube, **shown})


def _present(described: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in described.items() if value is not None}


@pytest.mark.parametrize(
    "folder", FOLDERS, ids=lambda folder: folder.name if folder.name != "model" else str(folder)[-20:]
)
def test_meta(judge: Judge, folder: Path) -> None:
    sources = opened(folder)
    judge.open("meta", sources)
    theirs = {cube["config"]["name"]: public(cube["config"]) for cube in judge.meta("meta")}
    judge.forget("meta")
    described = describe_model(load_sources(sources), lambda member: member.public)["cubes"]
    assert isinstance(described, list)
    ours = {cube["name"]: cube for cube in described}
    assert sorted(ours) == sorted(theirs)
    for name, cube in theirs.items():
        for key in {*cube, *ours[name]}:
            assert ours[name].get(key) == cube.get(key), f"{name}: {key}"


def test_titles_of_names(judge: Judge) -> None:
    dice = random.Random(5)
    names = {"id", "user_ids", "userId", "revenue_30d", "HTTPCode", "a1b", "x__y", "THE_END", "in_out", "p90_x", "x_"}
    names |= {dice.choice("abXY_") + "".join(dice.choices("abcdXYID_s190of", k=dice.randint(1, 9))) for _ in range(200)}
    names = {name for name in names if name.strip("_")}
    measures = [{"name": name, "type": "count"} for name in sorted(names)]
    cube = {"name": "titled", "sql_table": "t", "measures": measures}
    judge.open("titles", {"titled.yml": yaml.safe_dump({"cubes": [cube]})})
    said = {m["name"].partition(".")[2]: m["shortTitle"] for m in judge.meta("titles")[0]["config"]["measures"]}
    judge.forget("titles")
    assert {name: titleize(name) for name in names} == said
