"""What knows the shapes of requests parses as what looks at everything: the same queries, and the same errors."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic.errors import QueryError, QueryFormatError
from semantic.query.dates import to_utc
from semantic.query.parse import parse_query, parse_request, zone_of
from semantic.query.parser import Parser
from semantic.query.types import Query
from tests.semantic.mutations import JUNK, mutated, parent, paths
from tests.semantic.query.test_parse import JSON, MODEL, NOW

GOOD: Sequence[dict[str, Any]] = (
    {"measures": ["orders.count"]},
    {
        "measures": ["orders.count"],
        "dimensions": ["orders.status", "orders.ordered_at.month"],
        "timeDimensions": [
            {"dimension": "orders.ordered_at", "granularity": "day", "dateRange": ["2024-01-01", "2024-02-01"]}
        ],
        "filters": [
            {"or": [
                {"member": "orders.status", "operator": "equals", "values": ["paid", None]},
                {"and": [{"member": "orders.amount", "operator": "gt", "values": [5]},
                         {"dimension": "orders.status", "operator": "set"}]},
            ]},
            {"member": "orders.count", "operator": "gte", "values": ["2"]},
            {"member": "orders.ordered_at", "operator": "inDateRange", "values": ["2024-01-01", "2024-02-01"]},
        ],
        "order": {"orders.count": "desc", "orders.status": "asc"},
        "limit": 10,
        "offset": 3,
        "timezone": "Europe/Berlin",
    },
    {
        "dimensions": ["orders.status"],
        "timeDimensions": [
            {"dimension": "orders.ordered_at", "dateRange": "last 3 days"},
            {"dimension": "orders.ordered_at", "granularity": "month"},
            {"dimension": "orders.ordered_at", "granularity": "hour", "dateRange": ["2024-10-27"],
             "fillMissingDates": True},
        ],
        "filters": [{"member": "orders.status", "operator": "notSet", "values": []}],
        "order": [["orders.status", "asc"]],
        "total": True,
        "ungrouped": False,
    },
    {
        "measures": ["orders.count"],
        "timeDimensions": [
            {"dimension": "orders.ordered_at", "compareDateRange": ["last week", ["2024-01-01", "2024-01-07"]]}
        ],
    },
)  # fmt: skip
VALUES: Sequence[Any] = (
    *(
        "2024-02-30",
        "2024-03-31T02:30:00+02:00",
        "last month",
        "from 3 days ago to now",
        "tomorrow",
        "3",
        "",
        "x\ud800",
    ),
    *(0, 1, True, False, None, 1.5, float("nan"), 10**400, [], ["a", "b", "c"], ["2024-01-01"], [None], {}, ..., b"x"),
)


class Text(str):
    """A text that is not just a text."""

    __slots__ = ()


def outcome(parse: Any) -> tuple[object, ...]:
    """The queries, as a dataclass compares them and as they echo; or the error with all that it says."""
    try:
        found = parse()
    except QueryError as error:
        return type(error), error.code, error.message, error.place, error.advice
    queries = found.queries if hasattr(found, "queries") else (found,)
    return (*queries, *(query.given for query in queries))


def assert_alike(parser: Parser, payload: Any, **limits: int | None) -> None:
    for now in (NOW, NOW + timedelta(days=40)):
        quick = outcome(lambda now=now: parser.request(payload, now=now, **limits))
        slow = outcome(lambda now=now: parse_request(payload, MODEL, now=now, **limits))
        assert repr(quick) == repr(slow), payload


def changed(dice: random.Random, payload: Any) -> Any:
    """Other values at places that hold values, and now and then anywhere."""
    copied = copy.deepcopy(payload)
    for path in list(paths(copied)):
        is_value = any(key in ("values", "dateRange", "compareDateRange") for key in path)
        if dice.random() < (0.4 if is_value else 0.02):
            try:
                parent(copied, path)[path[-1]] = copy.deepcopy(dice.choice(VALUES))
            except (KeyError, IndexError, TypeError):
                continue
    return copied


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_changed_requests_fare_alike(seed: int) -> None:
    dice, parser = random.Random(seed), Parser(MODEL)
    for good in GOOD:
        assert_alike(parser, good)
        for _ in range(6):
            assert_alike(parser, changed(dice, good))
            assert_alike(parser, mutated(dice, good))
        assert_alike(parser, good)


KEYS = st.sampled_from(["measures", "dimensions", "timeDimensions", "filters", "limit", "order"])


@given(payloads=st.lists(st.dictionaries(KEYS, JSON, max_size=3) | JSON, max_size=3))
@settings(max_examples=60)
def test_any_json_fares_alike(payloads: list[Any]) -> None:
    parser = Parser(MODEL)
    for payload in (*payloads, *payloads):
        assert_alike(parser, payload)
        assert_alike(parser, {"measures": ["orders.count"], "filters": payload})


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_junk_in_a_known_shape_is_refused_alike(junk: Any) -> None:
    parser = Parser(MODEL)
    for good in GOOD:
        for path in paths(good):
            assert_alike(parser, good)
            copied = copy.deepcopy(good)
            parent(copied, path)[path[-1]] = junk
            assert_alike(parser, copied)


def test_numbers_and_flags_that_are_equal_are_not_taken_for_each_other() -> None:
    parser = Parser(MODEL)
    for value in (1, True, 1.0, "1", Text("1"), None, False, 0):
        for key in ("limit", "offset", "total", "ungrouped", "timezone"):
            assert_alike(parser, {"measures": ["orders.count"], key: value})
            assert_alike(parser, {"measures": [Text("orders.count")], key: value})
    condition = {"member": "orders.status", "operator": "equals", "values": ["a"]}
    for values in (["a"], ("a",), "a", True, ..., [...], None, [], (), {"a": 1}, {"a"}, [Text("a")]):
        assert_alike(parser, {"measures": ["orders.count"], "filters": [{**condition, "values": values}]})
        assert_alike(parser, {"measures": ["orders.count"], "filters": ({**condition, "values": values},)})


def test_limits_are_part_of_a_shape() -> None:
    parser = Parser(MODEL)
    for default, highest in ((None, None), (5, 10), (10_000, 50_000), (5, None)):
        for asked in ({}, {"limit": 8}, {"limit": 60_000}):
            assert_alike(parser, {**GOOD[0], **asked}, default_limit=default, max_limit=highest)


def test_templates_keep_no_values_and_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semantic.query.parser._MOST", 3)
    parser = Parser(MODEL)
    secret = {"member": "orders.status", "operator": "equals", "values": ["secret"]}
    for limit in range(1, 9):
        payload = {"measures": ["orders.count"], "filters": [secret], "limit": limit}
        assert parser.query(payload, now=NOW) == parse_query(payload, MODEL, now=NOW)
    assert len(parser._templates) == 3
    assert "secret" not in repr(parser._templates)
    parser.query({"measures": ["orders.count"] * 2_000}, now=NOW)
    assert len(parser._templates) == 3


def test_deep_nests_and_long_ones_end() -> None:
    parser = Parser(MODEL)
    nest: dict[str, Any] = {"member": "orders.status", "operator": "set"}
    for depth in range(1, 3_000):
        nest = {"and": [nest]}
        if depth in (10, 49, 50, 51, 2_999):
            with_nest = {"measures": ["orders.count"], "filters": [nest]}
            for parse in (parser.query, parser.query):
                assert _size(parse, with_nest) == _size(partial(parse_query, model=MODEL), with_nest)


def _size(parse: Any, payload: Any) -> object:
    try:
        found: Query = parse(payload, now=NOW)
    except QueryFormatError as error:
        return error.place
    return len(repr(found))


def test_times_that_a_clock_shows_twice_stay_two() -> None:
    zone = zone_of("Europe/Berlin")
    first, second = (datetime(2024, 10, 27, hour, 30, tzinfo=UTC).astimezone(zone) for hour in (0, 1))
    assert first.replace(tzinfo=None) == second.replace(tzinfo=None)
    for _ in range(2):
        assert to_utc(first.replace(tzinfo=None), zone) == datetime(2024, 10, 27, 0, 30)  # noqa: DTZ001
        assert to_utc(second.replace(tzinfo=None), zone) == datetime(2024, 10, 27, 1, 30)  # noqa: DTZ001
