"""Cube's GraphQL API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic.rest.errors import BadRequest
from semantic.rest.graphql.syntax import Field, parse_document

LOANS = "{ cube(limit: 2) { loans(orderBy: {genre: asc}) { count fees genre } } }"


def ask(api: httpx.Client, query: str, **variables: object) -> Any:
    path = api.base_url.copy_with(path="/cubejs-api/graphql")
    return api.post(path, json={"query": query, "variables": variables}).json()


def as_rest(api: httpx.Client, query: str) -> Any:
    return api.post("/graphql-to-json", json={"query": query}).json()


def test_rows_are_nested_and_numbers_are_numbers(api: httpx.Client) -> None:
    body = ask(api, LOANS)
    assert body["data"] == {
        "cube": [
            {"loans": {"count": 1, "fees": 2, "genre": "comic"}},
            {"loans": {"count": 3, "fees": 5.75, "genre": "novel"}},
        ]
    }
    assert body["extensions"]["annotation"]["measures"]["loans.fees"]["currency"] == "EUR"
    assert body["extensions"]["lastRefreshTime"] == "2024-05-06T12:00:00.000Z"


def test_times_have_granularities(api: httpx.Client) -> None:
    query = "{ cube(limit: 1) { loans(orderBy: {lent_at: asc}) { many: count lent_at { month year } } } }"
    (row,) = ask(api, query)["data"]["cube"]
    expected = {"month": "2023-12-01T00:00:00.000Z", "year": "2023-01-01T00:00:00.000Z"}
    assert row == {"loans": {"many": 1, "lent_at": expected}}


def test_filters_by_variable(api: httpx.Client) -> None:
    query = (
        'query Late($genre: String = "comic") { cube(where: {loans: {genre: {equals: $genre}}}) { loans { count } } }'
    )
    assert ask(api, query)["data"]["cube"] == [{"loans": {"count": 1}}]
    assert ask(api, query, genre="novel")["data"]["cube"] == [{"loans": {"count": 3}}]


def test_the_query_in_rests_words(api: httpx.Client) -> None:
    query = """
    { cube(where: {OR: [{loans: {genre: {in: ["novel", "comic"]}}}, {loans: {genre: {set: false}}}]}, timezone: "UTC") {
        loans(where: {lent_at: {inDateRange: ["2024-01-01", "2024-02-29"]}}) { count lent_at { month } }
        readers { town }
    } }
    """
    assert as_rest(api, query)["jsonQuery"] == {
        "measures": ["loans.count"],
        "dimensions": ["readers.town"],
        "timeDimensions": [
            {"dimension": "loans.lent_at", "granularity": "month", "dateRange": ["2024-01-01", "2024-02-29"]}
        ],
        "filters": [
            {
                "or": [
                    {"member": "loans.genre", "operator": "equals", "values": ["novel", "comic"]},
                    {"member": "loans.genre", "operator": "notSet"},
                ]
            }
        ],
        "timezone": "UTC",
    }


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("{ cube { nope { count } } }", 'Cannot query field "nope"'),
        ("{ cube { loans { nope } } }", 'Cannot query field "nope" on type "LoansMembers"'),
        ("{ cube { readers { secret } } }", 'Cannot query field "secret"'),
        ("{ other { loans { count } } }", 'Unknown field "other" on type "Query"'),
        ("{ cube(first: 1) { loans { count } } }", 'Unknown argument "first"'),
        ("{ cube { loans { count } }", "GraphQL syntax error at 1:27: expected `}`, found the end"),
        ("mutation { cube }", "only queries are supported"),
        ("{ cube(limit: $many) { loans { count } } }", 'Variable "$many" is not defined'),
        ("", "Must provide query string."),
    ],
)
def test_refusals(api: httpx.Client, query: str, error: str) -> None:
    assert error in ask(api, query)["error"]


def test_documents_are_read() -> None:
    (root,) = parse_document('# all\nquery { a: cube(n: -1.5e1, s: "x\\n", e: asc, l: [1, null, true]) { loans } }')
    expected = {"n": -15.0, "s": "x\n", "e": "asc", "l": [1, None, True]}
    assert root == Field("cube", "a", expected, (Field("loans", "loans"),))


MARKS = ["{", "}", "(", ")", "[", "]", ":", "$", "cube", "query", '"s"', "1", "...", "@x", "#c\n", " "]


@given(st.lists(st.sampled_from(MARKS) | st.text(max_size=3), max_size=30))
def test_nothing_breaks_the_parser(parts: list[str]) -> None:
    try:
        parse_document("".join(parts))
    except BadRequest:
        return


def test_a_bottomless_document() -> None:
    for text in ("{a" * 5000, "{a(b:" + "[" * 5000):
        with pytest.raises(BadRequest, match="not so deep"):
            parse_document(text)
