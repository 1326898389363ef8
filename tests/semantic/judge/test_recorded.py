"""The rows that a real Cube server once gave, where its recorded answers lie beside the real exports."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from semantic.datamodel.load import load_data_model
from semantic.query.parse import parse_request
from tests.semantic.judge import ours, rows
from tests.semantic.judge.cube import Judge

pytestmark = pytest.mark.real_data

# These ask for what a server adds to rows, not for other rows; or for rows of a query that takes a minute.
NOT_ROWS = ("load_total", "load_rbac_rows", "load_relative_range", "load_types")


@pytest.fixture(scope="module")
def reference(real_exports: Path) -> Path:
    folder = real_exports.parent / "reference" / "cube"
    assert (folder / "recorded" / "_index.json").is_file(), f"no recorded answers in {folder}"
    return folder


def test_recorded_rows(judge: Judge, reference: Path) -> None:
    model = load_data_model(reference / "recorded-model")
    judge.open_folder("recorded", reference / "recorded-model")
    connection = rows.connect()
    connection.execute((reference / "seed.sql").read_text())
    compared = 0
    for path in sorted((reference / "recorded").glob("load_*.json")):
        recorded = json.loads(path.read_text())
        if path.stem in NOT_ROWS or recorded["status"] != 200 or "body" not in recorded["request"]:
            continue
        for normalized, found in _answers(recorded["body"]):
            cube = judge.sql("recorded", _without(normalized, "rowLimit"))
            theirs = rows.run(connection, cube.sql, cube.params, cube.keys)
            answer = ours.answer(connection, model, _without(normalized, "rowLimit"))
            assert not rows.difference(answer, theirs), path.stem
            assert not rows.difference(_texts(answer), _texts(found)), path.stem
            compared += 1
    assert compared >= 15


def test_recorded_requests_parse_to_the_recorded_queries(reference: Path) -> None:
    model = load_data_model(reference / "recorded-model")
    for path in sorted((reference / "recorded").glob("load_*.json")):
        recorded = json.loads(path.read_text())
        if recorded["status"] != 200 or "body" not in recorded["request"] or path.stem in NOT_ROWS:
            continue
        request = parse_request(recorded["request"]["body"]["query"], model, now=ours.NOW)
        assert len(request.queries) == len(list(_answers(recorded["body"]))), path.stem


def _answers(body: Mapping[str, Any]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    return [(result["query"], _rows(result["data"])) for result in body.get("results", [body])]


def _rows(data: Any) -> list[dict[str, Any]]:
    """Rows of any of Cube's three formats."""
    if isinstance(data, list):
        return data
    if "dataset" in data:
        return [dict(zip(data["members"], row, strict=True)) for row in data["dataset"]]
    return [dict(zip(data["members"], row, strict=True)) for row in zip(*data["columns"], strict=True)]


def _without(query: Mapping[str, Any], *names: str) -> dict[str, Any]:
    order = [[entry["id"], "desc" if entry["desc"] else "asc"] for entry in query.get("order", ())]
    kept = {key: value for key, value in query.items() if key not in (*names, "order", "responseFormat")}
    return kept | ({"order": order} if order else {})


def _texts(found: Sequence[Mapping[str, Any]]) -> rows.Rows:
    """Numbers as recorded: texts; and without the columns that the server adds to those of the SQL."""
    added = {key.rsplit(".", 1)[0] for row in found for key in row if key.count(".") == 2} | {"compareDateRange"}
    return [
        {key: _number(value) for key, value in row.items() if key not in added and not key.startswith("time.")}
        for row in found
    ]


def _number(value: Any) -> rows.Value:
    try:
        return float(value)
    except (TypeError, ValueError):
        return value if value is None or isinstance(value, str | bool) else str(value)
