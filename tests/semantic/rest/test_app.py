"""The edges of the application: tokens, other origins, health, unknown paths, the data model's description."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from semantic.engine import Engine
from semantic.rest.app import create_app
from semantic.rest.server import RestServer
from tests.semantic.rest.library import Serving, serving, token

QUERY = {"query": {"measures": ["loans.count"]}}


def post(server: RestServer, headers: dict[str, str]) -> httpx.Response:
    return httpx.post(f"{server.url}/load", json=QUERY, headers=headers)


@pytest.mark.parametrize("scheme", ["", "Bearer "])
@pytest.mark.parametrize("header", ["Authorization", "x-cube-authorization"])
def test_a_token_opens_the_door(server: RestServer, header: str, scheme: str) -> None:
    assert post(server, {header: f"{scheme}{token()}"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "Authorization header isn't set"),
        ({"Authorization": "nonsense"}, "Invalid token"),
        ({"Authorization": ""}, "Authorization header isn't set"),
        ({"Authorization": token(secret="somebody else's long secret here")}, "Invalid token"),
        ({"Authorization": token({"exp": int(time.time()) - 60})}, "Invalid token"),
    ],
)
def test_no_other_token_does(server: RestServer, headers: dict[str, str], error: str) -> None:
    for path in ("/load", "/meta"):
        answer = httpx.get(f"{server.url}{path}", headers=headers)
        assert (answer.status_code, answer.json()) == (403, {"error": error})


def test_without_a_secret_nobody_needs_a_token_and_none_is_believed(engine: Engine) -> None:
    with serving(create_app(engine, Serving())) as server:
        assert post(server, {}).status_code == 200
        assert post(server, {"Authorization": "nonsense"}).status_code == 200


def test_every_endpoint_is_documented_and_no_other(engine: Engine) -> None:
    app = create_app(engine, Serving())
    served = {route.path for route in app.routes if isinstance(route, Route)} - {"/"}
    page = (Path(__file__).parents[3] / "docs" / "rest.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(/[a-z0-9/{}_-]+)`", page.split("## A query")[0])) - {"/cubejs-api"}
    assert {path.removeprefix("/cubejs-api") for path in served} == named


def test_preflight(server: RestServer) -> None:
    asked = {"Origin": "http://page.test", "Access-Control-Request-Headers": "authorization,x-request-id"}
    answer = httpx.options(f"{server.url}/load", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "authorization,x-request-id"
    assert answer.headers["access-control-allow-methods"] == "GET,HEAD,PUT,PATCH,POST,DELETE"


def test_health(server: RestServer) -> None:
    root = server.url.removesuffix("/cubejs-api/v1")
    for path in ("/readyz", "/livez"):
        answer = httpx.get(root + path)
        assert (answer.status_code, answer.json()) == (200, {"health": "HEALTH"})
    assert "Headrace" in httpx.get(root).text


def test_an_unknown_path(api: httpx.Client) -> None:
    answer = api.get("/nope")
    assert answer.status_code == 404
    assert "<pre>Cannot GET /cubejs-api/v1/nope</pre>" in answer.text
    assert "<pre>Cannot GET /cubejs-api/v1/&lt;b&gt;</pre>" in api.get("/<b>").text


def test_scopes_that_nobody_has(api: httpx.Client) -> None:
    answer = api.post("/pre-aggregations/jobs", json={"action": "x"})
    assert (answer.status_code, answer.json()) == (403, {"error": "API scope is missing: jobs"})


def test_an_unknown_running_query(api: httpx.Client) -> None:
    assert api.delete("/running-query/abc").json() == {"result": []}


def cubes(api: httpx.Client, **parameters: str) -> dict[str, Any]:
    return {one["name"]: one for one in api.get("/meta", params=parameters).json()["cubes"]}


def test_meta_describes_what_the_caller_may_see(api: httpx.Client) -> None:
    found = cubes(api)
    assert list(found) == ["loans", "readers", "endless", "guarded", "lending"]
    assert [one["name"] for one in found["guarded"]["dimensions"]] == ["guarded.id", "guarded.town"]
    assert [one["name"] for one in found["readers"]["dimensions"]] == ["readers.town"]
    assert found["loans"]["connectedComponent"] == found["readers"]["connectedComponent"] == 1
    assert found["lending"]["folders"] == [{"name": "Basics", "members": ["lending.genre", "lending.readers_town"]}]
    assert found["loans"]["measures"][1] == {
        "name": "loans.fees",
        "title": "Library loans Fees",
        "shortTitle": "Fees",
        "format": "currency",
        "formatDescription": {"name": "currency", "specifier": "$,.2~f", "currency": "EUR"},
        "currency": "EUR",
        "cumulativeTotal": False,
        "cumulative": False,
        "type": "number",
        "aggType": "sum",
        "drillMembers": [],
        "drillMembersGrouped": {"measures": [], "dimensions": []},
        "isVisible": True,
        "public": True,
    }


def test_meta_of_views_only(api: httpx.Client) -> None:
    assert list(cubes(api, onlyViews="true")) == ["lending"]


def test_extended_meta_shows_sql_as_cube_prints_it(api: httpx.Client) -> None:
    loans = cubes(api, extended="")["loans"]
    assert loans["fileName"] == "library.yml"
    assert loans["joins"] == [
        {"name": "readers", "relationship": "belongsTo", "sql": "`${CUBE}.reader_id = ${readers.id}`"}
    ]
    assert next(one["sql"] for one in loans["measures"] if one["name"] == "loans.fees") == "`${CUBE}.fee`"


def test_pages_of_other_origins_read_what_nobody_foresaw(engine: Engine) -> None:
    app = create_app(engine, Serving())

    def broken(_: Request) -> Response:
        raise RuntimeError("a defect")

    app.router.routes.append(Route("/broken", broken))
    with serving(app) as server:
        answer = httpx.get(f"http://127.0.0.1:{server.port}/broken")
    assert answer.status_code == 500
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
