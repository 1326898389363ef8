"""The project as a whole: raw tables stated once, rules that catch what they are for, funnels and their views."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlmesh import Context, model
from sqlmesh.core.dialect import parse
from sqlmesh.core.linter.rule import Rule
from sqlmesh.core.model import SqlModel, load_sql_based_model

from sqlmesh_project.external import EXTERNAL_MODELS, external_models
from sqlmesh_project.funnels.compiler import paths_query
from sqlmesh_project.funnels.loader import load_funnels
from sqlmesh_project.funnels.views import entries_query, steps_query
from sqlmesh_project.models.core import funnel_paths
from tests.sqlmesh_project.conftest import PROJECT
from tests.sqlmesh_project.journeys import Event, insert, warehouse


def test_external_models_are_the_raw_contracts() -> None:
    assert EXTERNAL_MODELS.read_text() == external_models(), "run `python -m sqlmesh_project.external`"


def test_layers_are_documented_column_by_column(project: Context) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = [model for model in project.models.values() if isinstance(model, SqlModel)]
    bare = [model.name for model in models if set(model.columns_to_types or {}) - set(model.column_descriptions or {})]
    assert (len(models) > 40, bare) == (True, [])


def judged(project: Context, rule: str, sql: str) -> str | None:
    """What a rule of the house says of a model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = load_sql_based_model(
            parse(sql, default_dialect="bigquery"), dialect="bigquery", default_catalog="warehouse"
        )
        found: type[Rule] = {one.__name__: one for one in Rule.__subclasses__()}[rule]
        violation = found(project).check_model(model)
    return violation.violation_msg if violation and not isinstance(violation, list) else None


@pytest.mark.parametrize(
    ("rule", "header", "query", "message"),
    [
        ("GrainIsDeclared", "name core.x", "SELECT 1 AS a", "declares no grain"),
        ("DescriptionOpensWithTheGrain", "name core.x, description 'Things.'", "SELECT 1 AS a", "must open with"),
        ("ColumnsHaveComments", "name core.x", "SELECT 1 AS a", "without a comment: a"),
        ("LayersReadDownwards", "name staging.x", "SELECT a FROM core.events", "only the layers below staging"),
        ("LayersReadDownwards", "name core.x", "SELECT a FROM marts.y", "only the layers below core"),
        ("LayersReadDownwards", "name marts.x", "SELECT a FROM staging.y", "only the layers below marts"),
    ],
)
def test_the_rules_of_the_house_catch_what_they_are_for(
    project: Context, rule: str, header: str, query: str, message: str
) -> None:
    assert message in (judged(project, rule, f"MODEL ({header}); {query}") or "")


def test_entries_and_steps_say_when_a_window_is_complete() -> None:
    funnel = replace(next(one for one in load_funnels() if one.name == "consent"), timezone="Asia/Tokyo")
    connection = warehouse()
    events = [
        Event(15 * 3600, "1", name="consent.asked"),
        Event(15 * 3600 + 9, "2", name="consent.given"),
        Event(6 * 86400, "3", name="consent.asked", user="bob"),
    ]
    insert(connection, events, source="consent")
    run(connection, "core.funnel_paths__consent", paths_query(funnel))
    run(connection, "core.users", "SELECT 'ada' AS user_key, FALSE AS is_staff")
    run(connection, "core.watermarks", "SELECT 'consent' AS record_source, TIMESTAMP '2025-06-09' AS last_event_at")
    entries = connection.execute(
        "SELECT cohort_on::TEXT, reached_step_name, converted_count, seconds_to_convert, is_window_complete"
        f" FROM ({duckdb_sql(entries_query((funnel,)))}) ORDER BY entered_at"
    ).fetchall()
    assert entries == [("2025-06-02", "given", 1, 9.0, True), ("2025-06-07", "asked", 0, None, False)]
    steps = connection.execute(
        "SELECT step_name, reached_count, next_reached_count, seconds_from_previous"
        f" FROM ({duckdb_sql(steps_query((funnel,)))}) WHERE user_key = 'ada' ORDER BY step_number"
    ).fetchall()
    assert steps == [("asked", 1, 1, None), ("given", 1, None, 9.0)]


def duckdb_sql(sql: str) -> str:
    bounded = sql.replace("@start_ts", "'2025-06-01 00:00:00'").replace("@end_ts", "'2025-06-30 00:00:00'")
    return sqlglot.transpile(bounded, read="bigquery", write="duckdb")[0]


def run(connection: duckdb.DuckDBPyConnection, table: str, sql: str) -> None:
    connection.execute(f"CREATE TABLE {table} AS {duckdb_sql(sql)}")


def test_a_description_may_hold_any_character() -> None:
    text = 'It\'s "mail" @ {{ home }}; -- DROP'
    funnel = replace(load_funnels()[0], name="addressed", description=text, entry="any", count="totals")
    funnel_paths.register(funnel)
    made = (
        model.get_registry()
        .pop("core.funnel_paths__addressed")
        .model(module_path=PROJECT, path=Path(funnel_paths.__file__), dialect="bigquery")
    )
    assert made.description == f"One row per entry into the funnel addressed: {text}"
