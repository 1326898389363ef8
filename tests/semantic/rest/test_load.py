"""`/load` in its three formats, one query or several, and what it answers when it cannot."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from semantic.rest.server import RestServer
from tests.semantic.rest.library import token

BY_GENRE = {"measures": ["loans.count", "loans.fees"], "dimensions": ["loans.genre"], "order": {"loans.genre": "asc"}}
BY_MONTH = {
    "measures": ["loans.count"],
    "timeDimensions": [
        {"dimension": "loans.lent_at", "granularity": "month", "dateRange": ["2024-01-01", "2024-02-29"]}
    ],
    "order": {"loans.lent_at": "asc"},
}
COMPARED = {
    "measures": ["loans.count"],
    "timeDimensions": [
        {
            "dimension": "loans.lent_at",
            "granularity": "month",
            "compareDateRange": [["2024-01-01", "2024-01-31"], ["2024-02-01", "2024-02-29"]],
        }
    ],
}


def load(api: httpx.Client, query: object, **parameters: object) -> Any:
    answer = api.post("/load", json={"query": query, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(api: httpx.Client, query: object, **parameters: object) -> tuple[int, Any]:
    answer = api.post("/load", json={"query": query, **parameters})
    return answer.status_code, answer.json()


def test_a_query_is_echoed_annotated_and_answered(api: httpx.Client) -> None:
    body = load(api, BY_GENRE)
    assert body["data"] == [
        {"loans.genre": "comic", "loans.count": "1", "loans.fees": "2"},
        {"loans.genre": "novel", "loans.count": "3", "loans.fees": "5.75"},
        {"loans.genre": None, "loans.count": "1", "loans.fees": "0"},
    ]
    assert body["query"] == {
        "measures": ["loans.count", "loans.fees"],
        "dimensions": ["loans.genre"],
        "timeDimensions": [],
        "order": [{"id": "loans.genre", "desc": False}],
        "limit": 10000,
        "rowLimit": 10000,
        "timezone": "UTC",
        "filters": [],
    }
    assert body["annotation"] == {
        "measures": {
            "loans.count": {
                "title": "Library loans Count",
                "shortTitle": "Count",
                "type": "number",
                "drillMembers": ["loans.genre", "loans.days"],
                "drillMembersGrouped": {"measures": [], "dimensions": ["loans.genre", "loans.days"]},
            },
            "loans.fees": {
                "title": "Library loans Fees",
                "shortTitle": "Fees",
                "type": "number",
                "format": "currency",
                "currency": "EUR",
                "drillMembers": [],
                "drillMembersGrouped": {"measures": [], "dimensions": []},
            },
        },
        "dimensions": {
            "loans.genre": {
                "title": "Library loans Genre",
                "shortTitle": "Genre",
                "type": "string",
                "description": "Genre of the book",
            }
        },
        "segments": {},
        "timeDimensions": {},
    }
    assert (body["dbType"], body["dataSource"], body["external"], body["slowQuery"]) == (
        "duckdb",
        "default",
        False,
        False,
    )
    assert body["lastRefreshTime"] == "2024-05-06T12:00:00.000Z"


def test_get_takes_the_query_as_json_text(api: httpx.Client) -> None:
    answer = api.get("/load", params={"query": json.dumps(BY_GENRE)})
    assert answer.json()["data"] == load(api, BY_GENRE)["data"]
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_time_dimension_comes_with_and_without_its_granularity(api: httpx.Client) -> None:
    january, february = "2024-01-01T00:00:00.000", "2024-02-01T00:00:00.000"
    assert load(api, BY_MONTH)["data"] == [
        {"loans.lent_at.month": january, "loans.count": "2", "loans.lent_at": january},
        {"loans.lent_at.month": february, "loans.count": "1", "loans.lent_at": february},
    ]


def test_compact_and_columnar_hold_the_same_values(api: httpx.Client) -> None:
    rows = load(api, BY_MONTH)["data"]
    compact = load(api, {**BY_MONTH, "responseFormat": "compact"})["data"]
    columnar = load(api, {**BY_MONTH, "responseFormat": "columnar"})["data"]
    assert compact["members"] == columnar["members"] == ["loans.lent_at.month", "loans.count", "loans.lent_at"]
    assert [dict(zip(compact["members"], row, strict=True)) for row in compact["dataset"]] == rows
    assert [dict(zip(columnar["members"], row, strict=True)) for row in zip(*columnar["columns"], strict=True)] == rows


@pytest.mark.parametrize(
    ("response_format", "empty"),
    [
        ("default", []),
        ("compact", {"members": [], "dataset": []}),
        ("columnar", {"members": [], "columns": []}),
    ],
)
def test_no_rows(api: httpx.Client, response_format: str, empty: object) -> None:
    nothing = {"member": "loans.genre", "operator": "equals", "values": ["none"]}
    assert load(api, {**BY_GENRE, "filters": [nothing], "responseFormat": response_format})["data"] == empty


def test_the_finest_granularity_is_the_bare_one(api: httpx.Client) -> None:
    times = [{"dimension": "loans.lent_at", "granularity": name} for name in ("month", "year")]
    row = load(api, {"measures": ["loans.count"], "timeDimensions": times, "limit": 1})["data"][0]
    assert row["loans.lent_at"] == row["loans.lent_at.month"] == "2023-12-01T00:00:00.000"


def test_multi_wraps_results_with_the_query_to_pivot_by(api: httpx.Client) -> None:
    body = load(api, BY_GENRE, queryType="multi")
    assert body["queryType"] == "regularQuery"
    assert body["slowQuery"] is False
    assert body["pivotQuery"] == {**body["results"][0]["query"], "queryType": "regularQuery"}
    assert body["results"][0]["data"] == load(api, BY_GENRE)["data"]


def test_compared_ranges_are_labelled(api: httpx.Client) -> None:
    body = load(api, COMPARED, queryType="multi")
    assert body["queryType"] == "compareDateRangeQuery"
    assert body["pivotQuery"]["dimensions"] == ["compareDateRange"]
    assert [[row["compareDateRange"] for row in one["data"]] for one in body["results"]] == [
        ["2024-01-01T00:00:00.000 - 2024-01-31T23:59:59.999"],
        ["2024-02-01T00:00:00.000 - 2024-02-29T23:59:59.999"],
    ]


def test_blended_queries_share_a_time(api: httpx.Client) -> None:
    body = load(api, [BY_MONTH, {**BY_MONTH, "measures": ["loans.fees"]}], queryType="multi")
    assert body["queryType"] == "blendingQuery"
    assert body["pivotQuery"]["timeDimensions"] == [{"dimension": "time", "granularity": "month"}]
    assert body["pivotQuery"]["measures"] == ["loans.count", "loans.fees"]
    assert all("time.month" in row for one in body["results"] for row in one["data"])


def test_total_counts_the_rows_without_the_limit(api: httpx.Client) -> None:
    body = load(api, {"dimensions": ["loans.genre"], "limit": 1, "total": True})
    assert (body["total"], len(body["data"])) == (3, 1)


def test_no_row_is_asked_for(api: httpx.Client) -> None:
    assert load(api, {**BY_GENRE, "limit": 0})["data"] == []


def test_a_view_with_a_prefix(api: httpx.Client) -> None:
    query = {
        "measures": ["lending.count"],
        "dimensions": ["lending.readers_town"],
        "order": {"lending.readers_town": "asc"},
    }
    assert load(api, query)["data"] == [
        {"lending.readers_town": "Bern", "lending.count": "2"},
        {"lending.readers_town": "Graz", "lending.count": "1"},
        {"lending.readers_town": None, "lending.count": "2"},
    ]


def test_relative_dates_are_resolved_against_the_clock(api: httpx.Client) -> None:
    query = {"measures": ["loans.count"], "timeDimensions": [{"dimension": "loans.lent_at", "dateRange": "last month"}]}
    assert load(api, query)["query"]["timeDimensions"][0]["dateRange"] == [
        "2024-04-01T00:00:00.000",
        "2024-04-30T23:59:59.999",
    ]


def test_types_of_values(api: httpx.Client) -> None:
    query = {
        "measures": ["loans.mean_days", "loans.late_share"],
        "dimensions": ["loans.is_late"],
        "order": {"loans.is_late": "asc"},
    }
    assert load(api, query)["data"] == [
        {"loans.is_late": False, "loans.mean_days": "9", "loans.late_share": "0"},
        {"loans.is_late": True, "loans.mean_days": "25", "loans.late_share": "1"},
    ]


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        ({"measures": ["loans.nope"]}, 400, {"type": "UserError", "error": "'nope' not found for path 'loans.nope'"}),
        (
            {"measures": ["nope.count"]},
            400,
            {"type": "UserError", "error": "Cube 'nope' not found for path 'nope.count'"},
        ),
        ({"measures": ["loans.count"], "foo": 1}, 400, {"error": 'Invalid query format: "foo" is not allowed'}),
        (
            {"measures": ["loans.count"], "timeDimensions": [{"dimension": "loans.lent_at", "granularity": "decade"}]},
            400,
            {"type": "UserError", "error": 'Granularity "decade" does not exist in dimension loans.lent_at'},
        ),
        ({**BY_GENRE, "limit": 50001}, 500, {"error": "Error: The query limit has been exceeded."}),
        (
            COMPARED,
            400,
            {"error": "'compareDateRangeQuery' query type is not supported by the client.Please update the client."},
        ),
    ],
)
def test_refusals(api: httpx.Client, query: object, status: int, body: object) -> None:
    assert refusal(api, query) == (status, body)


@pytest.mark.parametrize("member", ["readers.secret", "loans.id", "guarded.name"])
def test_hidden_members(api: httpx.Client, member: str) -> None:
    status, body = refusal(api, {"dimensions": [member]})
    assert status == 500
    assert body["error"].startswith(f"Error: You requested hidden member: '{member}'.")


def test_row_level_access(api: httpx.Client) -> None:
    body = load(api, {"measures": ["guarded.count"], "dimensions": ["guarded.town"], "order": {"guarded.town": "asc"}})
    assert body["data"] == [
        {"guarded.town": "Bern", "guarded.count": "1"},
        {"guarded.town": "Graz", "guarded.count": "1"},
    ]
    assert body["query"]["filters"] == [{"member": "guarded.town", "operator": "set"}]


def test_a_group_sees_more(server: RestServer) -> None:
    query = {"dimensions": ["guarded.name", "guarded.town"], "order": {"guarded.name": "asc"}}
    headers = {"Authorization": token({"groups": ["librarians"]})}
    body = httpx.post(f"{server.url}/load", json={"query": query}, headers=headers).json()
    assert [row["guarded.name"] for row in body["data"]] == ["Ida", "Max", "Zoe"]
    assert body["query"]["filters"] == []
    cubes = httpx.get(f"{server.url}/meta", headers=headers).json()["cubes"]
    (guarded,) = (one for one in cubes if one["name"] == "guarded")
    assert [one["name"] for one in guarded["dimensions"]] == ["guarded.id", "guarded.town", "guarded.name"]


def test_a_value_that_is_no_number(api: httpx.Client) -> None:
    query = {"measures": ["loans.count"], "filters": [{"member": "loans.days", "operator": "gt", "values": ["abc"]}]}
    status, body = refusal(api, query)
    assert status == 400
    assert "Could not convert string 'abc'" in body["error"]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ('{"query": {bad', 500, "SyntaxError: Expected property name or '}' in JSON at position 11 (line 1 column 12)"),
        ("{}", 400, "Query param is required"),
        ("", 400, "Query param is required"),
        ('{"query": 5}', 400, 'Invalid query format: "value" must be of type object'),
    ],
)
def test_broken_bodies(api: httpx.Client, body: str, status: int, error: str) -> None:
    answer = api.post("/load", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_a_broken_query_parameter(api: httpx.Client) -> None:
    answer = api.get("/load", params={"query": "{bad"})
    expected = "Expected property name or '}' in JSON at position 1 (line 1 column 2)"
    assert answer.status_code == 400
    assert answer.json() == {"error": f"Unable to decode query param as JSON, error: {expected}"}
    assert api.get("/load").json() == {"error": "Query param is required"}


def test_a_mode_of_the_cache_that_nobody_knows(api: httpx.Client) -> None:
    answer = api.get("/load", params={"query": '{"measures":["loans.count"]}', "cache": "always"})
    assert answer.status_code == 400
    assert "must be one of [stale-if-slow" in answer.json()["error"]
