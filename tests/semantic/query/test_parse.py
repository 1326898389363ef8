"""REST queries: Cube's words for what is wrong, and the normalised echo of what is right."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic.compiler import compile_query
from semantic.datamodel.load import load_data_model
from semantic.errors import LimitExceededError, QueryError, QueryFormatError, UnknownMemberError
from semantic.query.echo import echo
from semantic.query.parse import parse_query, parse_request

MODEL = load_data_model(Path(__file__).parents[2] / "golden" / "compiler" / "model")
NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)


def parse(**payload: Any) -> Any:
    return parse_query(payload, MODEL, now=NOW)


def test_the_echo_is_normalised() -> None:
    query = parse(
        measures=["orders.count"],
        dimensions=["orders.ordered_at.month"],
        timeDimensions=[{"dimension": "orders.ordered_at", "dateRange": "last month"}],
        filters=[{"dimension": "orders.amount", "operator": "gt", "values": [5, 2.5, None, True]}],
        order={"orders.count": "desc"},
        responseFormat="compact",
    )
    assert echo(query) == {
        "measures": ["orders.count"],
        "dimensions": [],
        "timeDimensions": [
            {"dimension": "orders.ordered_at", "dateRange": ["2025-06-01T00:00:00.000", "2025-06-30T23:59:59.999"]},
            {"dimension": "orders.ordered_at", "granularity": "month"},
        ],
        "limit": 10000,
        "timezone": "UTC",
        "responseFormat": "compact",
        "filters": [{"member": "orders.amount", "operator": "gt", "values": ["5", "2.5", None, "true"]}],
        "rowLimit": 10000,
        "order": [{"id": "orders.count", "desc": True}],
    }


@pytest.mark.parametrize(
    ("payload", "error", "message"),
    [
        ({"measures": ["orders"]}, QueryFormatError, "fails to match the required pattern"),
        ({"measures": "orders.count"}, QueryFormatError, '"measures" must be an array'),
        ({"measures": ["orders.count"], "foo": 1}, QueryFormatError, '"foo" is not allowed'),
        ({"measures": ["orders.count"], "limit": -1}, QueryFormatError, "greater than or equal to 0"),
        ({"measures": ["orders.count"], "limit": 50_001}, LimitExceededError, "limit has been exceeded"),
        ({"measures": ["orders.count"], "timezone": "Mars/X"}, QueryFormatError, "valid IANA time zone"),
        ({"measures": ["orders.count"], "cache": "always"}, QueryFormatError, '"cache" must be one of'),
        ({"filters": [{"member": "orders.status", "dimension": "orders.status", "operator": "set"}],
          "measures": ["orders.count"]}, QueryFormatError, "does not match any of the allowed types"),
        ({"measures": ["orders.status"]}, UnknownMemberError, "'status' not found for path 'orders.status'"),
        ({"measures": ["nope.count"]}, UnknownMemberError, "Cube 'nope' not found for path 'nope.count'"),
        ({}, QueryFormatError, "either measures, dimensions or timeDimensions"),
        ({"filters": [{"member": "orders.status", "operator": "equals"}], "measures": ["orders.count"]},
         QueryFormatError, "Values required for filter"),
        ({"timeDimensions": [{"dimension": "orders.status", "granularity": "day"}]}, UnknownMemberError,
         "of type string"),
        ({"timeDimensions": [{"dimension": "orders.ordered_at", "granularity": "age"}]}, UnknownMemberError,
         'Granularity "age" does not exist'),
    ],
)  # fmt: skip
def test_refusals(payload: dict[str, Any], error: type[QueryError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        parse_query(payload, MODEL, now=NOW)
    assert caught.value.code
    assert caught.value.place


@pytest.mark.parametrize(("written", "zone"), [("america/new_york", "America/New_York"), ("utc", "UTC"), ("", "UTC")])
def test_zones_are_known_however_they_are_written(written: str, zone: str) -> None:
    assert parse_query({"measures": ["orders.count"], "timezone": written}, MODEL, now=NOW).timezone == zone


def test_compared_ranges_and_blended_queries_become_several() -> None:
    ranges = [["2024-01-01", "2024-01-31"], "last week"]
    time = {"dimension": "orders.ordered_at", "granularity": "month", "compareDateRange": ranges}
    compared = parse_request({"measures": ["orders.count"], "timeDimensions": [time]}, MODEL, now=NOW)
    assert compared.query_type == "compareDateRangeQuery"
    spans = [query.time_dimensions[0].date_range for query in compared.queries]
    assert [span and span.texts()[0] for span in spans] == ["2024-01-01T00:00:00.000", "2025-06-23T00:00:00.000"]
    monthly = {"timeDimensions": [{"dimension": "orders.ordered_at", "granularity": "month"}]}
    daily = {"timeDimensions": [{"dimension": "orders.ordered_at", "granularity": "day"}]}
    assert parse_request([monthly, monthly], MODEL, now=NOW).query_type == "blendingQuery"
    with pytest.raises(QueryFormatError, match="granularities must match"):
        parse_request([monthly, daily], MODEL, now=NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["orders.count", "orders.ordered_at", "orders.status", "equals", "day", "desc", "2024-01-01"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["measures", "dimensions", "timeDimensions", "filters", "order", "limit", "and", "or", "member",
                         "operator", "values", "dimension", "granularity", "dateRange", "compareDateRange"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["measures", "dimensions", "timeDimensions", "filters", "order", "limit",
                                        "offset", "segments", "timezone"]), JSON, max_size=4))  # fmt: skip
def test_any_json_is_a_query_or_an_error_with_a_code(payload: dict[str, Any]) -> None:
    assert all(code for code in _codes(payload))


def _codes(payload: dict[str, Any]) -> list[str]:
    """What each query comes to: `ok`, or the code of its error."""
    try:
        queries = parse_request(payload, MODEL, now=NOW).queries
        return ["ok" for query in queries if compile_query(MODEL, query, security_context={"groups": ["staff"]})]
    except QueryError as error:
        return [error.code and error.message]
