"""Ten thousand bad models and queries: always an error with a code and a place, never a traceback, never a yes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic.compiler import compile_query
from semantic.datamodel.load import load_data_model, load_sources
from semantic.datamodel.types import DataModel
from semantic.errors import DataModelError, Problem, QueryError
from semantic.query.parse import parse_query
from tests.semantic.judge import queries
from tests.semantic.judge.cube import CubeError, Judge
from tests.semantic.mutations import JUNK, SHOP, mutated, scratched

NOW = datetime(2025, 6, 30, 12, tzinfo=UTC)
DIALECTS: tuple[Literal["duckdb", "bigquery"], ...] = ("duckdb", "bigquery")
BAZAAR = Path(__file__).parent / "judge" / "model"


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        judge.open_folder("bazaar", BAZAAR)
        yield judge


@cache
def bazaar_model() -> DataModel:
    return load_data_model(BAZAAR)


@pytest.fixture(scope="module")
def model() -> DataModel:
    return bazaar_model()


@pytest.fixture(scope="module")
def good(judge: Judge) -> list[dict[str, Any]]:
    meta = judge.meta("bazaar")
    arenas = [queries.arena(meta, names) for names in queries.ARENAS]
    return [query for arena in arenas for query in queries.generate(arena, 20, seed=11)]


def verdict_on_model(sources: Mapping[str, str]) -> bool:
    """Whether our loader takes the model; its errors must say file, line, rule and what is wrong."""
    problems = problems_of(sources)
    for problem in problems:
        assert problem.file in sources, problem
        assert problem.line >= 1, problem
        assert problem.rule, problem
        assert problem.message, problem
    return not problems


def problems_of(sources: Mapping[str, str]) -> tuple[Problem, ...]:
    try:
        load_sources(sources)
    except DataModelError as error:
        return error.problems
    return ()


def verdict_on_query(payload: Any, model: DataModel) -> bool:
    """Whether our compiler takes the query, for both dialects; its errors must have a code, a place, a message."""
    error = error_of(payload, model)
    if error is not None:
        assert error.code, error.message
        assert error.message
        assert error.place, error.message
    return error is None


def error_of(payload: Any, model: DataModel) -> QueryError | None:
    try:
        query = parse_query(payload, model, now=NOW)
        for dialect in DIALECTS:
            compile_query(model, query, dialect=dialect, security_context=None, tables=None)
    except QueryError as error:
        return error
    return None


def _shops(count: int, seed: int) -> Iterator[dict[str, str]]:
    dice = random.Random(seed)
    trees = {name: yaml.safe_load(text) for name, text in SHOP.items()}
    for _ in range(count):
        name = dice.choice(list(SHOP))
        yield SHOP | {name: yaml.safe_dump(mutated(dice, trees[name]), allow_unicode=True)}


def test_the_good_model_is_good(judge: Judge) -> None:
    judge.open("shop", SHOP)
    assert verdict_on_model(SHOP)


def test_mutated_models_never_raise_anything_else() -> None:
    verdicts = [verdict_on_model(sources) for sources in _shops(350, seed=1)]
    assert verdicts.count(False) > 200


def test_scratched_files_never_raise_anything_else() -> None:
    dice = random.Random(2)
    for _ in range(300):
        name = dice.choice(list(SHOP))
        verdict_on_model(SHOP | {name: scratched(dice, SHOP[name])})


@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
@settings(max_examples=200)
def test_any_text_as_a_model(text: str) -> None:
    verdict_on_model({"any.yml": text})


def test_what_real_cube_refuses_we_refuse(judge: Judge) -> None:
    wrong = []
    for sources in _shops(60, seed=3):
        try:
            judge.open("mutant", sources)
        except CubeError as error:
            if verdict_on_model(sources):
                wrong.append((str(error), sources))
    assert not wrong, f"{len(wrong)} wrong acceptances, the first: {wrong[0][0]}\n{wrong[0][1]}"


def test_a_broken_file_leaves_the_others(tmp_path: Path) -> None:
    for name, text in {**SHOP, "broken.yml": "cubes:\n  - name: bad\n    sql: [\n"}.items():
        (tmp_path / name).write_text(text)
    model = load_data_model(tmp_path, strict=False)
    assert {"buyers", "sales", "trade"} <= set(model.cubes)
    assert [problem.file for problem in model.problems] == ["broken.yml"]


def test_mutated_queries_never_raise_anything_else(model: DataModel, good: list[dict[str, Any]]) -> None:
    dice = random.Random(4)
    for number in range(7_100):
        verdict_on_query(mutated(dice, good[number % len(good)]), model)


json = st.recursive(
    st.sampled_from(JUNK) | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
QUERY_KEYS = (
    *("measures", "dimensions", "timeDimensions", "filters", "segments", "order", "limit", "offset", "timezone"),
    *("ungrouped", "total", "joinHints", "responseFormat", "renewQuery", "nope"),
)


@given(payload=st.dictionaries(st.sampled_from(QUERY_KEYS), json, max_size=4) | json)
@settings(max_examples=500)
def test_any_json_as_a_query(payload: Any) -> None:
    verdict_on_query(payload, bazaar_model())


def _bad_queries(dice: random.Random, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Queries that nobody may answer, from one that is good."""
    yield query | {"measures": [*query["measures"], "orders.nope"]}
    yield query | {"measures": [*query["measures"], "nope.count"]}
    yield query | {"measures": ["orders.status"]}
    yield query | {"dimensions": ["orders.count"]}
    yield query | {
        "dimensions": [dice.choice(["orders", "", "orders.", ".status", "orders.status.month.day", "o'r.x"])]
    }
    yield query | {"segments": ["orders.status"]}
    yield query | {
        "filters": [{"member": "orders.status", "operator": dice.choice(["like", "", "EQUALS", "measureFilters"])}]
    }
    yield query | {"filters": [{"member": "orders.status", "operator": "equals"}]}
    yield query | {"filters": [{"member": "orders.status", "operator": "equals", "values": []}]}
    yield query | {"filters": [{"operator": "set"}]}
    yield query | {"filters": [{"or": [{"member": "nope.x", "operator": "set"}]}]}
    yield query | {
        "filters": [
            {"or": [{"member": "orders.count", "operator": "set"}, {"member": "orders.status", "operator": "set"}]}
        ]
    }
    yield query | {"timeDimensions": [{"dimension": "orders.status", "granularity": "month"}]}
    yield query | {
        "timeDimensions": [{"dimension": "orders.placed_at", "granularity": dice.choice(["nope", "Month", "", 7])}]
    }
    yield query | {
        "timeDimensions": [
            {"dimension": "orders.placed_at", "dateRange": dice.choice(["nonsense", ["2024-99-01", "x"], 5])}
        ]
    }
    yield query | {"limit": dice.choice([-1, "ten", 1.5, 50_001, True, [1]])}
    yield query | {"offset": dice.choice([-1, "ten", 1.5])}
    yield query | {"timezone": dice.choice(["Mars/Base", "UTC+1; DROP", 5, "Europe/Berlin' OR '1'='1"])}
    yield query | {"order": dice.choice([{"orders.count": "up"}, [["orders.count"]], "orders.count", 7])}
    yield query | {"nope": 1}


def test_bad_queries_are_refused(model: DataModel, good: list[dict[str, Any]]) -> None:
    dice = random.Random(5)
    accepted = []
    for number in range(100):
        # A zone, an order or a limit of the good query must not be what is refused.
        query = {key: good[number][key] for key in ("measures", "dimensions", "filters")}
        accepted += [bad for bad in _bad_queries(dice, query) if verdict_on_query(bad, model)]
    assert not accepted, f"{len(accepted)} wrong acceptances, the first: {accepted[0]}"


def test_no_value_of_a_user_reaches_the_sql(model: DataModel) -> None:
    marker = "zq'; DROP TABLE x; --\"%_\\"
    for dialect in DIALECTS:
        for operator in ("equals", "notEquals", "contains", "notContains", "startsWith", "endsWith"):
            condition = {"member": "orders.status", "operator": operator, "values": [marker, "b"]}
            payload = {"measures": ["orders.count", "items.quantity"], "filters": [{"or": [condition]}]}
            query = parse_query(payload, model, now=NOW)
            compiled = compile_query(model, query, dialect=dialect, security_context=None, tables=None)
            assert "zq" not in compiled.sql
            assert any("zq" in str(parameter) for parameter in compiled.parameters)


GOOD = """cubes:
  - name: a
    sql_table: t
    dimensions:
      - {name: id, sql: id, type: number, primary_key: true}
    measures:
      - {name: count, type: count}
"""


def _measure(sql: str) -> str:
    return GOOD + f"      - {{name: m, type: number, sql: {sql!r}}}\n"


NASTY = {
    "a bomb of aliases": (
        "b0: &b0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 10)}]\n" for n in range(1, 10)),
        "yaml",
    ),
    "an alias of itself": (GOOD + "    meta: &m {a: *m}\n", "yaml"),
    "a deep list": (GOOD + f"    meta: {{x: {'[' * 900}{']' * 900}}}\n", "yaml"),
    "a deeper list": (GOOD + f"    meta: {{x: {'[' * 5000}{']' * 5000}}}\n", "yaml"),
    "deep mappings": ("cubes: " + "{a: " * 300 + "1" + "}" * 300, "yaml"),
    "keys that are lists": (GOOD + "    ? [1, 2]\n    : x\n", "yaml"),
    "two documents": (GOOD + "---\n" + GOOD, "yaml"),
    "a control character": (GOOD.replace("count", "co\0nt"), "yaml"),
    "half a character": (GOOD.replace("name: a", 'name: "\\uD800"'), "yaml"),
    "an object of Python": (GOOD + "    title: !!python/object/apply:os.system ['true']\n", "type"),
    "loops in loops": (
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}" + GOOD,
        "jinja",
    ),
    "a huge text": ("{% set x = 'x' * 999999999999 %}" + GOOD, "jinja"),
    "a huge list": ("{% set x = [1] * 999999999 %}" + GOOD, "jinja"),
    "a huge power": ("{% set x = 9 ** 99999999 %}" + GOOD, "jinja"),
    "a macro of itself": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}" + GOOD, "jinja"),
    "a way out of the sandbox": ("{{ ''.__class__.__mro__ }}" + GOOD, "jinja"),
    "another file": ("{% include 'x' %}" + GOOD, "jinja"),
    "parentheses": (_measure("(" * 3000 + "1" + ")" * 3000), "sql_syntax"),
    "negations": (_measure("NOT " * 3000 + "1"), "sql_syntax"),
    "cases": (_measure("CASE WHEN 1=1 THEN " * 500 + "1" + " END" * 500), "sql_syntax"),
    "a lambda that computes": (_measure("{FILTER_PARAMS.a.id.filter(lambda x: 1/0)}"), "bad_reference"),
    "a lambda of any number": (_measure("{FILTER_PARAMS.a.id.filter(lambda *x: x)}"), "bad_reference"),
    "a group of a number": (_measure("{FILTER_GROUP(1)}"), "bad_reference"),
    "a group of columns": (_measure("{FILTER_GROUP(FILTER_PARAMS.a.id)}"), "bad_reference"),
    "a utility without a column": (_measure("{SQL_UTILS.convertTz()}"), "bad_reference"),
    "a text without an end, behind a reference": (_measure("{id} = 'x"), "sql_syntax"),
    "a NUL": (GOOD + '      - {name: m, type: number, sql: "\\"1\\0\\""}\n', "sql_syntax"),
    "a SELECT of nothing": ("cubes: [{name: a, sql: SELECT}]", "sql_select"),
    "half a column": (_measure("{SQL_UTILS.convertTz('x))')}"), "sql_syntax"),
    "extensions in a circle": (
        "cubes: [{name: a, extends: b}, {name: b, extends: c}, {name: c, extends: a}]",
        "cycle",
    ),
    "itself": (_measure("{m}"), "cycle"),
    "a link to nowhere": (
        GOOD.replace("true}", "true, links: [{name: x, label: y, url: '{z}'}]}"),
        "unknown_reference",
    ),
    "a view apart from nothing": (GOOD + "views: [{name: v, cubes: [{split: true, join_path: [1]}]}]", "required"),
    "a group of groups": (GOOD + "view_groups: [{name: x, includes: [{name: x, includes: [[[]]]}]}]", "type"),
}


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.timeout(20)
def test_nasty_files(name: str) -> None:
    text, rule = NASTY[name]
    with pytest.raises(DataModelError) as raised:
        load_sources({"a.yml": text})
    assert rule in {problem.rule for problem in raised.value.problems}
    assert all(problem.file == "a.yml" and problem.line >= 1 for problem in raised.value.problems)


def test_a_number_of_too_many_digits_is_compared_as_a_double() -> None:
    query = {"measures": ["orders.count"], "filters": [{"member": "orders.id", "operator": "lt", "values": [10**400]}]}
    compiled = compile_query(bazaar_model(), parse_query(query, bazaar_model(), now=NOW))
    assert compiled.parameters == (float("inf"),)


def test_half_a_character_is_no_value() -> None:
    condition = {"member": "orders.status", "operator": "contains", "values": ["\ud800"]}
    with pytest.raises(QueryError, match="half of a character") as raised:
        parse_query({"measures": ["orders.count"], "filters": [condition]}, bazaar_model(), now=NOW)
    assert raised.value.place == "filters[0]"
