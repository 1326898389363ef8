"""Rows are counted in place of keys where that is the same, nowhere else, and the answers stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.registry import contract_for
from contracts.rules import NotNull
from semantic.compiler import Compiler
from semantic.datamodel.load import load_data_model, load_sources
from semantic.datamodel.types import DataModel
from semantic.explain import explain
from semantic.never_null import NeverNull, all_key_columns, key_columns, whole_cubes
from semantic.promises import promised
from tests.semantic.judge import bazaar, ours, rows
from tests.semantic.judge.conftest import BAZAAR
from tests.semantic.judge.handwritten import QUERIES
from tests.semantic.oracle import models

MODEL = """
cubes:
  - name: people
    sql_table: core.people
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: city, sql: city, type: string }
    measures:
      - { name: count, type: count }
  - name: visits
    sql_table: core.visits
    joins:
      - { name: people, relationship: many_to_one, sql: "{CUBE}.person_id = {people.id}" }
      - { name: pages, relationship: one_to_many, sql: "{CUBE}.id = {pages}.visit_id" }
    dimensions:
      - { name: id, sql: "{CUBE}.id", type: number, primary_key: true }
      - { name: device, sql: device, type: string }
      - { name: at, sql: at, type: time }
    measures:
      - { name: count, type: count }
      - { name: mobile_count, type: count, filters: [{ sql: "{CUBE}.device = 'mobile'" }] }
      - { name: mobile_share, type: number, sql: "1.0 * {mobile_count} / NULLIF({count}, 0)" }
      - { name: device_count, type: count, sql: device }
      - { name: rolling, type: count, rolling_window: { trailing: 3 day } }
      - { name: people_count, type: count_distinct, sql: person_id }
  - name: pages
    sql_table: core.pages
    dimensions:
      - { name: visit_id, sql: visit_id, type: number, primary_key: true }
      - { name: place, sql: place, type: number, primary_key: true }
      - { name: url, sql: url, type: string }
    measures:
      - { name: count, type: count }
  - name: made
    sql_table: core.made
    dimensions:
      - { name: key, sql: "CONCAT({CUBE}.a, '|', {CUBE}.b)", type: string, primary_key: true }
    measures:
      - { name: count, type: count }
  - name: chosen
    sql: SELECT * FROM core.visits
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
    measures:
      - { name: count, type: count }
"""
KNOWN: NeverNull = frozenset(
    (f"core.{table}", name)
    for table, names in {
        "people": ["id"],
        "visits": ["id"],
        "pages": ["visit_id", "place"],
        "made": ["a", "b", "key"],
        "chosen": ["id"],
    }.items()
    for name in names
)
DAYS = [{"dimension": "visits.at", "granularity": "day", "dateRange": ["2024-01-01", "2024-01-03"]}]
COUNTED: Mapping[str, tuple[Mapping[str, Any], Sequence[str], str]] = {
    "of a table": ({"measures": ["visits.count"]}, ["visits.count"], "COUNT(*)"),
    "beside a joined dimension": (
        {"measures": ["visits.count"], "dimensions": ["people.city"]}, ["visits.count"], "COUNT(*)"),
    "of the rows that pass": (
        {"measures": ["visits.mobile_count"]}, ["visits.mobile_count"], "COUNT(CASE WHEN (\n    "
        "\"visits\".\"device\" = 'mobile'\n  ) THEN 1 END)"),
    "in a measure of measures": (
        {"measures": ["visits.mobile_share"]}, ["visits.mobile_count", "visits.count"], "NULLIF(COUNT(*), 0)"),
    "by a key of two columns": ({"measures": ["pages.count"]}, ["pages.count"], "COUNT(*)"),
    "in the base of a window": (
        {"measures": ["visits.rolling"], "timeDimensions": DAYS}, ["visits.rolling"], "COUNT(*)"),
    "in a condition": (
        {"dimensions": ["visits.device"], "filters": [
            {"member": "visits.count", "operator": "gt", "values": ["1"]}]}, ["visits.count"], "HAVING\n  COUNT(*) > "),
}  # fmt: skip
NOT_COUNTED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "joins repeat the rows": ({"measures": ["visits.count"], "dimensions": ["pages.url"]}, 'DISTINCT "visits"."id"'),
    "the cube is joined": (
        {"measures": ["people.count", "visits.people_count"]}, 'COUNT(DISTINCT "people"."id")'),
    "a join may miss it": (
        {"measures": ["pages.count", "visits.people_count"]}, "COUNT(CAST(\"pages\".\"visit_id\" AS TEXT) || '|'"),
    "something else is counted": ({"measures": ["visits.device_count"]}, 'COUNT("visits"."device")'),
    "the key is computed": ({"measures": ["made.count"]}, "COUNT(CONCAT("),
    "the cube is a SELECT": ({"measures": ["chosen.count"]}, 'COUNT("chosen"."id")'),
    "rows are asked for": (
        {"measures": ["visits.count"], "ungrouped": True}, 'CASE WHEN NOT "visits"."id" IS NULL THEN 1 END'),
}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> DataModel:
    return load_sources({"model.yml": MODEL})


@pytest.mark.parametrize("name", COUNTED)
def test_rows_are_counted(model: DataModel, name: str) -> None:
    query, measures, sql = COUNTED[name]
    explained = explain(Compiler(model, visible_only=False, never_null=KNOWN), ours.parsed(model, query))
    assert explained.row_counts == tuple(measures)
    assert sql in explained.compiled.sql
    assert "Counted without reading keys\n  " + "\n  ".join(measures) in explained.text()
    plain = explain(Compiler(model, visible_only=False), ours.parsed(model, query))
    assert plain.row_counts == ()
    assert sql not in plain.compiled.sql


@pytest.mark.parametrize("name", NOT_COUNTED)
def test_keys_are_counted(model: DataModel, name: str) -> None:
    query, sql = NOT_COUNTED[name]
    explained = explain(Compiler(model, visible_only=False, never_null=KNOWN), ours.parsed(model, query))
    assert explained.row_counts == ()
    assert sql in explained.compiled.sql
    assert "COUNT(*)" not in explained.compiled.sql


def test_one_column_of_a_key_that_may_be_null_is_enough(model: DataModel) -> None:
    known = KNOWN - {("core.pages", "place")}
    assert whole_cubes(model, known) == {"people", "visits"}
    assert whole_cubes(model, KNOWN) == {"people", "visits", "pages"}
    assert whole_cubes(model, frozenset()) == frozenset()
    query = ours.parsed(model, {"measures": ["pages.count"]})
    assert "COUNT(CAST(" in Compiler(model, visible_only=False, never_null=known).compile(query).sql


def test_a_table_of_another_name_is_another_table(model: DataModel) -> None:
    elsewhere = frozenset((f"other.{table}", name) for table, name in KNOWN)
    assert whole_cubes(model, elsewhere) == frozenset()
    assert key_columns(model.cubes["pages"]) == {("core.pages", "visit_id"), ("core.pages", "place")}


def test_what_builds_a_rollup_does_not_hang_on_what_is_known() -> None:
    rollup = "    pre_aggregations: [{name: daily, measures: [count], time_dimension: at, granularity: day}]\n"
    text = MODEL.replace("  - name: pages\n", rollup + "  - name: pages\n", 1)
    model = load_sources({"model.yml": text})
    known, unknown = (Compiler(model, never_null=found) for found in (KNOWN, frozenset()))
    assert known.rollup("visits.daily").sql == unknown.rollup("visits.daily").sql


def both(
    connection: duckdb.DuckDBPyConnection,
    model: DataModel,
    query: Mapping[str, Any],
    known: NeverNull,
    dialects: Sequence[ours.Dialect] = ours.DIALECTS,
) -> list[rows.Rows]:
    """The rows without knowledge, and with it in each dialect."""
    asked = ours.parsed(model, query)
    found = [ours.answer(connection, model, query)]
    for dialect in dialects:
        compiled = Compiler(model, dialect=dialect, visible_only=False, never_null=known).compile(asked)
        found.append(ours.run(connection, compiled, dialect))
    return found


@given(data=st.data())
@settings(max_examples=15)
def test_the_answers_stay_over_random_models(data: Any) -> None:
    tree = data.draw(models.trees())
    connection = rows.connect()
    models.write(connection, tree, "oracle")
    model = load_sources({"model.yml": models.as_yaml(tree, "oracle", stocks=True)})
    known = all_key_columns(model)
    assert whole_cubes(model, known) == {node.name for node in tree.nodes}
    for query in data.draw(st.lists(models.queries(tree, stocks=True), min_size=1, max_size=4)):
        plain, *others = both(connection, model, query, known)
        assert not any(rows.difference(plain, other) for other in others), (query, list(models.shown(tree)))


def test_the_answers_stay_over_handwritten_queries() -> None:
    connection, model = rows.connect(), load_data_model(BAZAAR)
    bazaar.write(connection)
    known = frozenset(one for one in all_key_columns(model) if _is_filled(connection, *one))
    assert {"orders", "customers"} <= whole_cubes(model, known)
    for name, query in QUERIES.items():
        plain, informed = both(connection, model, query, known, ["duckdb"])
        assert not rows.difference(plain, informed), name


def _is_filled(connection: duckdb.DuckDBPyConnection, table: str, name: str) -> bool:
    return connection.execute(f'SELECT count(*) = count("{name}") FROM {table}').fetchone() == (True,)


def test_contracts_promise_what_they_reject_rows_for() -> None:
    events = contract_for("core", "events")
    for column in events.columns():
        rejects = any(isinstance(rule, NotNull) and rule.severity == "error" for rule in column.rules)
        assert (("core.events", column.name) in promised()) == (rejects and not column.nullable)
    assert ("core.events", "event_key") in promised()
    assert any(("core.events", column.name) not in promised() for column in events.columns())
