"""What knows the shapes of requests parses as what looks at everything: the same queries, and the same errors."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic.compiler import Compiler
from semantic.datamodel.load import load_sources
from semantic.errors import HiddenMemberError, QueryError, QueryFormatError
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


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_queries_of_a_known_form_compile_as_those_of_no_form(seed: int) -> None:
    dice, parser, compiler, plain = random.Random(seed), Parser(PLAIN), Compiler(PLAIN), Compiler(PLAIN)
    for good in GOOD:
        for payload in (good, good, *(renewed(dice, good) for _ in range(12)), changed(dice, good)):
            quick = compiled(compiler, lambda payload=payload: parser.request(payload, now=NOW))
            slow = compiled(plain, lambda payload=payload: parse_request(payload, PLAIN, now=NOW))
            assert quick == slow, payload


PLAIN = load_sources(
    {
        "orders.yml": """
cubes:
  - name: orders
    sql_table: orders
    measures:
      - {name: count, type: count}
    dimensions:
      - {name: id, sql: id, type: number, primary_key: true}
      - {name: status, sql: status, type: string}
      - {name: amount, sql: amount, type: number}
      - {name: ordered_at, sql: ordered_at, type: time}
      - {name: secret, sql: secret, type: string, public: false}
"""
    }
)
RANGES = ("last month", ["2024-03-01"], ["2024-01-05", "2024-02-01T12:00:00"], ["1900-01-01", "2300-12-31"], "today")
OF_MEMBERS: dict[str, Sequence[Any]] = {
    "orders.status": ("paid", "open", None, "", "3"),
    "orders.amount": (5, "7.5", None, "x"),
    "orders.count": ("2", 3, None),
    "orders.ordered_at": ("2024-01-01", "2024-02-01T10:00:00", "2024-03-31"),
}


def renewed(dice: random.Random, part: Any) -> Any:
    """Other values that mostly may stand where values stand, more or fewer of them."""
    if isinstance(part, list):
        return [renewed(dice, one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {key: renewed(dice, value) for key, value in part.items()}
    if part.get("values"):
        found["values"] = dice.choices(OF_MEMBERS[part.get("member") or part["dimension"]], k=dice.randint(1, 3))
    if "dateRange" in part:
        found["dateRange"] = dice.choice(RANGES)
    return found


def compiled(compiler: Compiler, parse: Any) -> tuple[object, ...]:
    """The SQL of a request's queries and its parameters by type and value; or the error with all that it says."""
    try:
        found = [compiler.compile(query) for query in parse().queries]
    except QueryError as error:
        return type(error), error.code, error.message, error.place, error.advice
    return tuple((one.sql, repr(one.parameters), one.columns) for one in found)


def test_a_query_made_from_another_has_no_form() -> None:
    parser, compiler = Parser(PLAIN), Compiler(PLAIN)
    payload = {"measures": ["orders.count"], "dimensions": ["orders.status"]}
    first, second = (parser.query(payload, now=NOW) for _ in range(2))
    assert first == second
    assert second.form is not None
    whole = compiler.compile(second)
    cut = replace(second, limit=7)
    assert cut.form is None
    assert "LIMIT 7" in compiler.compile(cut).sql
    assert compiler.compile(second) == whole


def test_a_hidden_member_is_told_before_a_wrong_value() -> None:
    parser, compiler = Parser(PLAIN), Compiler(PLAIN)
    for value in ("1", "1", "x"):
        over = {"member": "orders.id", "operator": "gt", "values": [value]}
        query = {"dimensions": ["orders.secret"], "filters": [over]}
        with pytest.raises(HiddenMemberError):
            compiler.compile(parser.query(query, now=NOW))


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
