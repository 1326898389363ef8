"""`/sql` and `/dry-run`: how a query is understood, without running it."""

from __future__ import annotations

from typing import Any

import duckdb
import httpx

from tests.semantic.rest.library import LIBRARY
from tests.semantic.rest.test_load import BY_GENRE, BY_MONTH, COMPARED


def ask(api: httpx.Client, path: str, query: object) -> Any:
    answer = api.post(path, json={"query": query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_sql_runs_and_no_value_is_part_of_it(api: httpx.Client) -> None:
    query = {**BY_GENRE, "filters": [{"member": "loans.genre", "operator": "equals", "values": ["no'vel"]}]}
    sql, parameters = ask(api, "/sql", query)["sql"]["sql"]
    assert "no'vel" not in sql
    assert "no'vel" in parameters
    with duckdb.connect() as connection:
        connection.execute(LIBRARY)
        assert connection.execute(sql, parameters).fetchall() == []


def test_the_sql_is_described(api: httpx.Client) -> None:
    described = ask(api, "/sql", BY_MONTH)["sql"]
    aliases = described["aliasNameToMember"]
    assert sorted(aliases.values()) == ["loans.count", "loans.lent_at.month"]
    assert aliases[described["timeDimensionAlias"]] == "loans.lent_at.month"
    assert described["timeDimensionField"] == "loans.lent_at"
    assert described["order"] == {"loans.lent_at": "asc"}
    assert described["memberNames"] == ["loans.count", "loans.id", "loans.lent_at"]
    assert described["dataSource"] == "default"


def test_each_compared_range_has_its_sql(api: httpx.Client) -> None:
    first, second = ask(api, "/sql", COMPARED)
    assert first["sql"]["sql"][0] == second["sql"]["sql"][0]
    assert first["sql"]["sql"][1] != second["sql"]["sql"][1]


def test_default_orders(api: httpx.Client) -> None:
    by = {"measures": ["loans.count"], "dimensions": ["loans.genre"]}
    assert ask(api, "/sql", by)["sql"]["order"] == {"loans.count": "desc"}
    assert ask(api, "/sql", {"dimensions": ["loans.genre"]})["sql"]["order"] == {"loans.genre": "asc"}


def test_a_dry_run_normalizes(api: httpx.Client) -> None:
    body = ask(api, "/dry-run", BY_MONTH)
    assert body["queryType"] == "regularQuery"
    assert body["queryOrder"] == [{"loans.lent_at": "asc"}]
    assert body["pivotQuery"] == body["normalizedQueries"][0]
    assert body["pivotQuery"]["timeDimensions"][0]["dateRange"] == [
        "2024-01-01T00:00:00.000",
        "2024-02-29T23:59:59.999",
    ]
    assert body["pivotQuery"]["cacheMode"] == "stale-if-slow"


def test_a_dry_run_finds_leaves_and_additivity(api: httpx.Client) -> None:
    query = {
        "measures": ["loans.late_share"],
        "filters": [{"member": "loans.genre", "operator": "equals", "values": ["novel"]}],
    }
    transformed = ask(api, "/dry-run", query)["transformedQueries"][0]
    assert transformed["leafMeasures"] == ["loans.late_count", "loans.count"]
    assert (transformed["leafMeasureAdditive"], transformed["isAdditive"]) == (True, False)
    assert transformed["sortedDimensions"] == ["loans.genre"]
    assert transformed["filterDimensionsSingleValueEqual"] == {"loans.genre": True}
    hierarchies = transformed["granularityHierarchies"]
    assert hierarchies["loans.lent_at.school_year"] == ["school_year", "month", "day", "hour", "minute", "second"]


def test_a_dry_run_of_several_queries(api: httpx.Client) -> None:
    compared = ask(api, "/dry-run", COMPARED)
    assert [one["dimensions"] for one in compared["normalizedQueries"]] == [["compareDateRange"], []]
    blended = ask(api, "/dry-run", [BY_MONTH, {**BY_MONTH, "measures": ["loans.fees"]}])
    assert blended["pivotQuery"] == {
        "measures": ["loans.count", "loans.fees"],
        "dimensions": [],
        "timeDimensions": [{"dimension": "time", "granularity": "month"}],
        "queryType": "blendingQuery",
    }


def test_a_designed_rollup_is_judged(api: httpx.Client) -> None:
    transformed = ask(api, "/dry-run", BY_MONTH)["transformedQueries"][0]

    def judged(granularity: str, *measures: str) -> object:
        time = {"dimension": "loans.lent_at", "granularity": granularity}
        references = {"measures": measures, "dimensions": ["loans.genre"], "timeDimensions": [time]}
        body = {"transformedQuery": transformed, "references": references}
        return api.post("/pre-aggregations/can-use", json=body).json()["canUsePreAggregationForTransformedQuery"]

    assert judged("day", "loans.count") is True
    assert judged("year", "loans.count") is False
    assert judged("day", "loans.fees") is False
    broken = {"transformedQuery": {"timeDimensions": [1]}, "references": {}}
    assert api.post("/pre-aggregations/can-use", json=broken).status_code == 400
