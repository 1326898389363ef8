"""SQL over HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

BY_GENRE = "SELECT genre, MEASURE(count) AS many, MEASURE(fees) AS fees FROM lending GROUP BY 1 ORDER BY 1"


def lines(api: httpx.Client, sql: str) -> list[Any]:
    answer = api.post("/cubesql", json={"query": sql})
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def convert(api: httpx.Client, sql: str) -> tuple[int, Any]:
    answer = api.post("/convert-query", json={"input": "sql", "output": "rest", "query": sql})
    return answer.status_code, answer.json()


def test_a_line_with_the_schema_then_rows(api: httpx.Client) -> None:
    schema, rows = lines(api, BY_GENRE)
    assert [(one["name"], one["column_type"]) for one in schema["schema"]] == [
        ("genre", "String"),
        ("many", "Int64"),
        ("fees", "Double"),
    ]
    assert schema["lastRefreshTime"] == "2024-05-06T12:00:00.000Z"
    assert rows == {"data": [["comic", "1", "2"], ["novel", "3", "5.75"], [None, "1", "0"]]}


def test_times_are_texts(api: httpx.Client) -> None:
    sql = "SELECT DATE_TRUNC('month', lent_at) AS month, MEASURE(count) FROM lending GROUP BY 1 ORDER BY 1 LIMIT 1"
    schema, rows = lines(api, sql)
    assert schema["schema"][0] == {"name": "month", "column_type": "Timestamp"}
    assert rows == {"data": [["2023-12-01T00:00:00.000", "1"]]}


def test_no_rows_is_a_schema_alone(api: httpx.Client) -> None:
    assert len(lines(api, "SELECT genre FROM lending WHERE genre = 'none' GROUP BY 1")) == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"nope": 1}, 'Invalid query format: "query" is required'),
        ({"query": "SELECT FROM WHERE"}, "Error: "),
        ({"query": "SELECT nope FROM lending"}, "nope"),
        ({"query": "SELECT * FROM read_csv('secret.csv')"}, "Error: "),
        ({"query": "DROP TABLE loans"}, "Error: "),
        ({"query": BY_GENRE, "nope": 1}, 'Invalid query format: "nope" is not allowed'),
        ({"query": BY_GENRE, "cache": "always"}, 'Invalid query format: "cache" must be one of'),
        (
            {"query": BY_GENRE, "timezone": "Mars/Base"},
            '"timezone" must be a valid IANA time zone',
        ),
        ({"query": "SELECT genre, FROM lending"}, 'syntax error at or near "FROM"'),
    ],
)
def test_refusals(api: httpx.Client, body: object, error: str) -> None:
    answer = api.post("/cubesql", json=body)
    assert answer.status_code == 400
    assert error in answer.json()["error"]


def test_the_sql_that_runs(api: httpx.Client) -> None:
    body = api.get("/sql", params={"format": "sql", "query": BY_GENRE}).json()["sql"]
    assert body["status"] == "ok"
    assert body["sql"][0].lstrip().startswith("SELECT")


def test_sql_becomes_a_rest_query_with_the_same_answer(api: httpx.Client) -> None:
    sql = "SELECT genre, MEASURE(count) FROM lending WHERE readers_town = 'Bern' GROUP BY 1 ORDER BY 2 DESC LIMIT 5"
    status, body = convert(api, sql)
    assert (status, body["status"]) == (200, "ok")
    assert body["query"] == {
        "measures": ["lending.count"],
        "dimensions": ["lending.genre"],
        "filters": [{"member": "lending.readers_town", "operator": "equals", "values": ["Bern"]}],
        "order": [["lending.count", "desc"]],
        "limit": 5,
    }
    data = api.post("/load", json={"query": body["query"]}).json()["data"]
    assert data == [{"lending.genre": "novel", "lending.count": "2"}]


def test_granularities_are_kept(api: httpx.Client) -> None:
    sql = "SELECT DATE_TRUNC('month', lent_at) AS month, MEASURE(count) FROM lending GROUP BY 1 ORDER BY month"
    _, body = convert(api, sql)
    assert body["query"]["timeDimensions"] == [{"dimension": "lending.lent_at", "granularity": "month"}]
    assert body["query"]["order"] == [["lending.lent_at", "asc"]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT genre, MEASURE(count) FROM lending GROUP BY 1 HAVING MEASURE(count) > 1",
        "SELECT UPPER(genre), MEASURE(count) FROM lending GROUP BY 1",
        "SELECT MEASURE(count) + 1 FROM lending",
        "WITH x AS (SELECT genre FROM lending GROUP BY 1) SELECT genre FROM x",
    ],
)
def test_what_rest_cannot_say_is_refused(api: httpx.Client, sql: str) -> None:
    status, body = convert(api, sql)
    assert status == 400, body
    assert "does not stand for one REST query" in body["error"]
