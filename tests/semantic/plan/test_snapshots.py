"""Measures that do not add up over time: balances, stocks, head counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pytest

from semantic.compiler import Compiler
from semantic.datamodel.load import load_sources
from semantic.engine import Engine
from semantic.errors import DataModelError
from semantic.explain import explain
from semantic.plan.rollups import candidates
from semantic.plan.shape import bind
from tests.semantic.judge import ours, rows
from tests.semantic.sqlapi.readers import Elsewhere, Memory
from tests.semantic.sqlapi.test_semantic_sql import ask

MODEL = """
cubes:
  - name: balances
    sql_table: bank.balances
    joins:
      - { name: accounts, relationship: many_to_one, sql: "{CUBE}.account_id = {accounts.id}" }
      - { name: days, relationship: many_to_one, sql: "CAST({CUBE}.taken_at AS DATE) = {days.key}" }
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: account_id, sql: account_id, type: number, public: true, mask: 0 }
      - { name: taken_at, sql: taken_at, type: time }
      - { name: kind, sql: kind, type: string }
    measures:
      - { name: count, type: count }
      - name: coins
        sql: coins
        type: sum
        meta: { additive: semi, non_additive_dimension: { name: taken_at, window_choice: max } }
      - name: opening
        sql: coins
        type: sum
        meta: { non_additive_dimension: { name: CUBE.taken_at, window_choice: min } }
      - name: latest
        sql: coins
        type: sum
        meta: { non_additive_dimension: { name: taken_at, window_choice: max, window_groupings: [account_id] } }
      - name: saved
        sql: coins
        type: sum
        filters: [{ sql: "{CUBE}.kind = 'saving'" }]
        meta: { non_additive_dimension: { name: taken_at, window_choice: max } }
      - { name: change, sql: "{coins} - {opening}", type: number }
      - name: month_before
        sql: "{coins}"
        type: number
        multi_stage: true
        time_shift: [{ interval: 1 month, type: prior }]
    pre_aggregations:
      - { name: by_month, measures: [coins, count], time_dimension: taken_at, granularity: month }
    access_policy:
      - group: "*"
        member_level: { includes: "*", excludes: [account_id] }
        member_masking: { includes: [account_id] }
  - name: accounts
    sql_table: bank.accounts
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: country, sql: country, type: string }
    joins:
      - { name: owners, relationship: one_to_many, sql: "{CUBE}.id = {owners}.account_id" }
    measures: [{ name: count, type: count }]
  - name: owners
    sql_table: bank.owners
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: name, sql: name, type: string }
    measures: [{ name: count, type: count }]
  - name: days
    sql: SELECT CAST(UNNEST(GENERATE_SERIES(DATE '2024-01-01', DATE '2024-12-31', INTERVAL 1 DAY)) AS DATE) AS day
    calendar: true
    dimensions:
      - { name: key, sql: day, type: time, primary_key: true }
      - { name: day, sql: day, type: time }
views:
  - name: wealth
    cubes:
      - { join_path: balances, includes: [coins, latest, count, taken_at] }
      - { join_path: balances.accounts, includes: [country] }
"""
# Account 1 is in France, 2 and 3 in Spain; 3 has no snapshot after February.
TABLES = """
CREATE SCHEMA bank;
CREATE TABLE bank.accounts AS SELECT * FROM (VALUES (1, 'FR'), (2, 'ES'), (3, 'ES')) AS t(id, country);
CREATE TABLE bank.owners AS SELECT * FROM (VALUES (1, 1, 'Ada'), (2, 1, 'Bo'), (3, 2, 'Bo')) AS t(id, account_id, name);
CREATE TABLE bank.balances AS SELECT * FROM (VALUES
  (1, 1, TIMESTAMP '2024-01-15', 'saving', 10), (2, 2, TIMESTAMP '2024-01-15', 'saving', 100),
  (3, 1, TIMESTAMP '2024-01-31', 'spending', 20), (4, 2, TIMESTAMP '2024-01-31', 'saving', 200),
  (5, 3, TIMESTAMP '2024-02-10', 'spending', 1000), (6, 1, TIMESTAMP '2024-02-29', 'spending', 40),
  (7, 1, TIMESTAMP '2024-10-27 00:30:00', 'spending', 1), (8, 1, TIMESTAMP '2024-10-27 01:30:00', 'spending', 2),
  (9, 1, NULL, 'spending', 5)) AS t(id, account_id, taken_at, kind, coins);
"""
MONTHS = {"dimension": "balances.taken_at", "granularity": "month", "dateRange": ["2024-01-01", "2024-02-29"]}
RANGE = {"dimension": "balances.taken_at", "dateRange": ["2024-01-01", "2024-02-29"]}

OPEN = MODEL[: MODEL.index("    access_policy")] + MODEL[MODEL.index("  - name: accounts") :]

# The query, and its rows as values in the order of columns.
CASES: Mapping[str, tuple[dict[str, Any], list[tuple[Any, ...]]]] = {
    "the last moment of a range": ({"measures": ["coins", "count"], "timeDimensions": [RANGE]}, [(40, 6)]),
    "the first": ({"measures": ["opening"], "timeDimensions": [RANGE]}, [(110,)]),
    "the last and the first of each month": (
        {"measures": ["coins", "opening", "change"], "timeDimensions": [MONTHS]},
        [("2024-01-01", 220, 110, 110), ("2024-02-01", 40, 1000, -960)],
    ),
    "the last of each account": (
        {"measures": ["latest"], "timeDimensions": [MONTHS]},
        [("2024-01-01", 220), ("2024-02-01", 1040)],
    ),
    "a group without a row at that moment stays": (
        {"measures": ["coins", "latest"], "dimensions": ["accounts.country"], "timeDimensions": [RANGE]},
        [("ES", None, 1200), ("FR", 40, 40)],
    ),
    "by each moment": (
        {"measures": ["coins"], "dimensions": ["balances.taken_at"], "timeDimensions": [RANGE]},
        [("2024-01-15", 110), ("2024-01-31", 220), ("2024-02-10", 1000), ("2024-02-29", 40)],
    ),
    "the query's filters come before the choice": (
        {"measures": ["coins"], "timeDimensions": [RANGE],
         "filters": [{"member": "accounts.country", "operator": "equals", "values": ["ES"]}]},
        [(1000,)],
    ),
    "the measure's own after it": ({"measures": ["saved"], "timeDimensions": [MONTHS]},
                                   [("2024-01-01", 200), ("2024-02-01", None)]),
    "a filter over it": (
        {"measures": ["count"], "timeDimensions": [MONTHS],
         "filters": [{"member": "balances.coins", "operator": "gt", "values": ["100"]}]},
        [("2024-01-01", 4)],
    ),
    "rows that joins repeat count once": (
        {"measures": ["coins"], "dimensions": ["owners.name"], "timeDimensions": [MONTHS]},
        [("Ada", "2024-01-01", 20), ("Ada", "2024-02-01", 40), ("Bo", "2024-01-01", 220), ("Bo", "2024-02-01", 40),
         (None, "2024-02-01", None)],
    ),
    "buckets of a calendar": (
        {"measures": ["coins"], "timeDimensions": [MONTHS | {"dimension": "days.day"}]},
        [("2024-01-01", 220), ("2024-02-01", 40)],
    ),
    "the month before": (
        {"measures": ["month_before"], "timeDimensions": [MONTHS | {"dateRange": ["2024-02-01", "2024-02-29"]}]},
        [("2024-02-01", 220)],
    ),
    "an hour that comes twice": (
        {"measures": ["coins"], "timezone": "Europe/Berlin",
         "timeDimensions": [MONTHS | {"granularity": "hour", "dateRange": ["2024-10-27", "2024-10-27"]}]},
        [("2024-10-27T02:00:00.000", 2)],
    ),
    "nothing": ({"measures": ["coins"], "timeDimensions": [RANGE | {"dateRange": ["2023-01-01", "2023-01-02"]}]},
                [(None,)]),
    "rows as they are": (
        {"measures": ["coins"], "timeDimensions": [RANGE], "ungrouped": True,
         "filters": [{"member": "balances.account_id", "operator": "equals", "values": ["1"]}]},
        [(10,), (20,), (40,)],
    ),
    "through a view": (
        {"measures": ["wealth.coins"], "dimensions": ["wealth.country"],
         "timeDimensions": [MONTHS | {"dimension": "wealth.taken_at"}]},
        [("ES", "2024-01-01", 200), ("FR", "2024-01-01", 20), ("ES", "2024-02-01", None), ("FR", "2024-02-01", 40)],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with rows.connect() as connection:
        connection.execute(TABLES)
        yield connection


def _full(query: Mapping[str, Any]) -> dict[str, Any]:
    return {**query, "measures": [name if "." in name else f"balances.{name}" for name in query["measures"]]}


def _plain(value: Any) -> Any:
    return f"{value}T00:00:00.000" if isinstance(value, str) and len(value) == 10 else rows.plain(value)


@pytest.mark.parametrize("dialect", ours.DIALECTS)
@pytest.mark.parametrize("name", CASES)
def test_values(connection: duckdb.DuckDBPyConnection, name: str, dialect: ours.Dialect) -> None:
    query, expected = CASES[name]
    model = load_sources({"bank.yml": OPEN})
    found = ours.answer(connection, model, _full(query), dialect)
    assert sorted(map(repr, (tuple(row.values()) for row in found))) == sorted(
        repr(tuple(map(_plain, row))) for row in expected
    )


def test_a_mask_does_not_change_the_choice(connection: duckdb.DuckDBPyConnection) -> None:
    """The groupings are looked at as they are: what the caller sees of them is another matter."""
    compiler = Compiler(load_sources({"bank.yml": MODEL}), visible_only=False)
    query = ours.parsed(compiler.model, _full({"measures": ["latest"], "dimensions": ["balances.account_id"],
                                               "timeDimensions": [RANGE]}))  # fmt: skip
    found = ours.run(connection, compiler.compile(query))
    assert found == [{"balances.account_id": 0, "balances.latest": 40 + 200 + 1000}]


def test_no_rollup_answers() -> None:
    model = load_sources({"bank.yml": MODEL})
    compiler = Compiler(model, visible_only=False, pre_aggregations={"balances.by_month": "rollups.balances"})
    query = ours.parsed(model, {"measures": ["balances.coins"], "timeDimensions": [MONTHS]})
    assert not compiler.compile(query).used_pre_aggregations
    shape, _ = bind(query, model)
    (found,) = candidates(compiler.planner, compiler.planner.plan(shape), compiler.built)
    assert "one moment of balances.taken_at" in found.reason
    assert compiler.compile(
        ours.parsed(model, {"measures": ["balances.count"], "timeDimensions": [MONTHS]})
    ).used_pre_aggregations


def test_explained() -> None:
    compiler = Compiler(load_sources({"bank.yml": MODEL}), visible_only=False)
    query = ours.parsed(compiler.model, {"measures": ["balances.latest"], "timeDimensions": [MONTHS]})
    explained = explain(compiler, query)
    text = explained.text()
    assert "take balances.latest at the last balances.taken_at" in text
    assert "one moment within balances.taken_at.month, balances.account_id" in text
    assert explained.lineage["balances.latest"] == ("balances.taken_at", "balances.account_id", "balances.coins")


WRONG = {
    "window_choice: last": ("window_choice: max }", "window_choice: last }", "must be one of min, max"),
    "no choice": ("name: taken_at, window_choice: max }", "name: taken_at }", "`window_choice` is missing"),
    "no time": ("{ name: taken_at, window", "{ name: kind, window", "has to be a time"),
    "no member": ("{ name: taken_at, window", "{ name: took_at, window", "`took_at` is not a member"),
    "another cube's": ("[account_id] }", "[accounts.country] }", "not a dimension of the rows of balances"),
    "a property that is none": ("window_groupings:", "window_grouping:", "did you mean `window_groupings`"),
    "not a mapping": ("{ name: taken_at, window_choice: max }", "taken_at", "must be a mapping"),
    "a calculated measure": ("        sql: coins\n        type: sum\n        meta: { additive",
                             "        sql: '{count}'\n        type: number\n        meta: { additive",
                             "aggregate rows themselves"),
    "a rolling window": ("        meta: { additive",
                         "        rolling_window: { trailing: 1 day }\n        meta: { additive",
                         "aggregate rows themselves"),
    "mixed with an aggregate": ('"{coins} - {opening}"', '"SUM({CUBE}.coins) / {coins}"', "combine measures only"),
    "mixed with a column": ('sql: "{coins} - {opening}"', 'sql: "{CUBE}.coins / {coins}"', "combine measures only"),
    "summed up again": ('"{coins} - {opening}", type: number', '"{coins}", type: sum', "combine measures only"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_declarations(name: str) -> None:
    good, bad, message = WRONG[name]
    assert good in MODEL
    text = MODEL.replace(good, bad, 1)
    with pytest.raises(DataModelError, match=message) as caught:
        load_sources({"bank.yml": text})
    lines = text.splitlines()
    assert any(bad.splitlines()[-1].strip() in lines[problem.line - 1] or "change" in lines[problem.line - 1]
               for problem in caught.value.problems)  # fmt: skip


@pytest.mark.parametrize("made", [Memory, lambda text: Elsewhere(Memory(text))], ids=["whole", "staged"])
def test_over_sql(made: Any) -> None:
    engine = Engine(load_sources({"bank.yml": OPEN}), made(TABLES))
    february = "FROM wealth WHERE taken_at < '2024-03-01'"
    assert ask(engine, f"SELECT SUM(coins) {february}") == [(40,)]
    countries = f"SELECT upper(country), SUM(latest) {february} GROUP BY 1 ORDER BY 1"
    assert ask(engine, countries) == [("ES", 1200), ("FR", 40)]
    months = f"SELECT date_trunc('month', taken_at), MEASURE(coins) {february} GROUP BY 1 ORDER BY 1"
    assert [value for _, value in ask(engine, months)] == [220, 40]
    assert ask(engine, f"SELECT country {february} GROUP BY 1 HAVING MEASURE(coins) > 1") == [("FR",)]
