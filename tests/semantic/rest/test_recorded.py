"""What a real Cube server answered, request by request, and what ours answers.

The recordings lie beside the real exports (`../reference/cube`): a data model, its rows, and pairs of
request and response.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from headrace.warehouse import WarehouseReader
from semantic.datamodel.load import load_data_model
from semantic.engine import Engine
from semantic.rest.app import create_app
from semantic.rest.server import RestServer
from tests.semantic.rest.library import SECRET, Serving, serving, token

pytestmark = pytest.mark.real_data

WHEN = datetime(2026, 11, 21, 21, 29, tzinfo=UTC)
"""When the recordings were made: relative dates are relative to it."""

OTHER_WORDS = {
    "root": "our own page",
    "err_db_error": "we refuse the value before the database sees it",
    "err_td_not_time": "the text of a database error quotes the SQL, which is ours",
}
"""Recordings whose status we share, but not the words."""
NATIVE = ("convert_query_native", "cubesql_native", "sql_format_sql_native", "cubesql_bad")
"""Recorded without Cube's native part: not what a working Cube answers."""
VOLATILE = ("lastRefreshTime", "requestId", "stack")


@pytest.fixture(scope="module")
def reference(real_exports: Path) -> Path:
    return (real_exports / ".." / "reference" / "cube").resolve()


@pytest.fixture(scope="module")
def recorded_server(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestServer]:
    path = tmp_path_factory.mktemp("recorded") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute((reference / "seed.sql").read_text())
    reader = WarehouseReader(path)
    engine = Engine(load_data_model(reference / "recorded-model"), reader, clock=lambda: WHEN)
    with serving(create_app(engine, Serving(api_secret=SECRET))) as server:
        yield server
    reader.close()


def ask(server: RestServer, request: dict[str, Any]) -> httpx.Response:
    body = request.get("body")
    content = body if isinstance(body, str) else json.dumps(body) if body is not None else None
    headers = {"content-type": "application/json"} if content else {}
    if request["auth"] == "valid":
        headers["Authorization"] = token()
    url = f"{server.url.removesuffix('/cubejs-api/v1')}{request['path']}"
    return httpx.request(request["method"], url, content=content, headers=headers, timeout=60)


def settled(body: Any) -> Any:
    """A body without what differs from call to call, and with our SQL's text left to other tests."""
    if isinstance(body, dict):
        kept = {key: settled(value) for key, value in body.items() if key not in VOLATILE}
        if isinstance(kept.get("sql"), list):
            del kept["sql"]
        if "data" in kept and "query" in kept:
            kept["data"] = rows(kept["data"])
        return kept
    return [settled(one) for one in body] if isinstance(body, list) else body


def rows(data: Any) -> list[str]:
    """The rows of any format, in an order of their own: equal measures may come in either order."""
    if isinstance(data, dict):
        values = data["dataset"] if "dataset" in data else zip(*data["columns"], strict=True)
        data = [dict(zip(data["members"], row, strict=True)) for row in values]
    return sorted(json.dumps(row, sort_keys=True) for row in data)


def test_the_recorded_answers(reference: Path, recorded_server: RestServer) -> None:
    wrong, compared = {}, 0
    for path in sorted((reference / "recorded").glob("[!_]*.json")):
        pair = json.loads(path.read_text())
        if path.stem in NATIVE or pair["request"]["auth"] == "special" or path.stem == "cors_preflight":
            continue
        answer = ask(recorded_server, pair["request"])
        is_json = answer.headers["content-type"].startswith("application/json")
        body = answer.json() if is_json else answer.text
        same = path.stem in OTHER_WORDS or settled(body) == settled(pair["body"])
        compared += 1
        if answer.status_code != pair["status"] or not same:
            wrong[path.stem] = (answer.status_code, body)
    assert wrong == {}
    assert compared >= 60
