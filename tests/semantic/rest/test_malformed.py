"""Whatever a client sends, the answer is JSON with an error that says what is wrong, never a defect of the server."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

MEMBERS = [
    "loans.count",
    "loans.genre",
    "loans.lent_at",
    "loans.lent_at.month",
    "readers.town",
    "loans.nope",
    "x",
    "",
    "a.b.c.d",
]
WORDS = [
    *MEMBERS,
    "equals",
    "gt",
    "inDateRange",
    "month",
    "asc",
    "last month",
    "2024-01-01",
    "novel",
    "null",
    "\x00",
    "é",
]
KEYS = [
    "measures", "dimensions", "timeDimensions", "filters", "segments", "order", "limit", "offset", "timezone", "total",
    "ungrouped", "responseFormat", "member", "operator", "values", "dimension", "granularity", "dateRange", "and", "or",
    "compareDateRange", "query", "joinHints", "renewQuery",
]  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-2, 60000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=5)
)
contents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)
queries = st.fixed_dictionaries(
    {},
    optional={
        "measures": st.lists(st.sampled_from(MEMBERS), max_size=3) | contents,
        "dimensions": st.lists(st.sampled_from(MEMBERS), max_size=3) | contents,
        "timeDimensions": st.lists(contents, max_size=2) | contents,
        "filters": st.lists(contents, max_size=3) | contents,
        "order": contents,
        "limit": contents,
        "segments": contents,
        "timezone": contents,
    },
)
ENDPOINTS = [
    "/load",
    "/sql",
    "/dry-run",
    "/subscribe",
    "/cubesql",
    "/convert-query",
    "/graphql-to-json",
    "/pre-aggregations/can-use",
]


def check(answer: httpx.Response) -> Any:
    body = answer.json() if answer.headers["content-type"].startswith("application/json") else {}
    if answer.status_code != 200:
        assert answer.status_code in (400, 404, 413, 500), answer.text
        assert isinstance(body["error"], str)
        assert body["error"]
        assert "internal error" not in body["error"], answer.request.content
    return body


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@example(query={"timeDimensions": [None, {"compareDateRange": [None]}]}, multi=False)
@given(query=queries | contents, multi=st.booleans())
def test_any_query(api: httpx.Client, endpoint: str, query: Any, multi: bool) -> None:
    body = {"query": query, **({"queryType": "multi"} if multi else {}), "input": "sql", "output": "rest"}
    check(api.post(endpoint, json=body))


@given(
    body=st.binary(max_size=40)
    | st.text(max_size=40).map(str.encode)
    | contents.map(lambda one: json.dumps(one).encode())
)
def test_any_body(api: httpx.Client, body: bytes) -> None:
    for endpoint in ("/load", "/cubesql", "/pre-aggregations/can-use"):
        check(api.post(endpoint, content=body, headers={"content-type": "application/json"}))


@given(text=st.text(max_size=40))
def test_any_parameter(api: httpx.Client, text: str) -> None:
    check(api.get("/load", params={"query": text, "queryType": text}))
    check(api.get("/sql", params={"query": text, "format": "sql"}))


@pytest.mark.parametrize("text", ['{"query": NaN}', '{"query": {"measures": ["\\ud800"]}}', '{"query": 1e999}'])
def test_what_only_some_call_json(api: httpx.Client, text: str) -> None:
    answer = api.post("/load", content=text)
    assert answer.status_code in (400, 500)
    check(answer)


def test_bottomless_json(api: httpx.Client) -> None:
    for opening in (b"[", b'{"query":'):
        check(api.post("/load", content=opening * 100_000))
