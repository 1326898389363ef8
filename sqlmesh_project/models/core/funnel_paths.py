"""`core.funnel_paths__<funnel>`: one table per declared funnel, so that changing one funnel rebuilds no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.dialect import MacroVar, parse_one
from sqlmesh.core.macros import MacroEvaluator
from sqlmesh.core.model import ModelKindName

from sqlmesh_project.funnels.compiler import path_columns, paths_query
from sqlmesh_project.funnels.declaration import Funnel
from sqlmesh_project.funnels.loader import load_funnels
from sqlmesh_project.funnels.views import lookback_sql

COMMENTS = {
    "entry_key": "Funnel and event that opened the entry.",
    "event_key": "Event that opened the entry.",
    "entity_key": "What is counted: a user, a user at a company, or a session of one of these.",
    "user_key": "User of the entry.",
    "entered_at": "When the entry was opened (UTC).",
    "converted_at": "When the last step was reached (UTC).",
    "company_key": "Company of the attributed event.",
    "reached_count": "Steps that were reached.",
}

PATIENCE = {"grace_hours": MacroVar(this="source_grace_hours"), "patience_days": MacroVar(this="source_patience_days")}
"""Arguments of the signal `loaded`."""


def entrypoint(sql: str) -> Callable[[MacroEvaluator], exp.Expr]:
    """A model's function: its query is part of its definition, so that a change of the funnel is one of the model."""

    def funnel_paths(evaluator: MacroEvaluator) -> exp.Expr:
        query = evaluator.transform(parse_one(sql, dialect="bigquery"))
        assert isinstance(query, exp.Expr), "a query stays one query"
        return query

    return funnel_paths


def kind(funnel: Funnel) -> dict[str, Any]:
    if not funnel.is_incremental:
        return {"name": ModelKindName.FULL}
    name = ModelKindName.INCREMENTAL_BY_TIME_RANGE
    return {"name": name, "time_column": "entered_at", "lookback": lookback_sql(funnel)}


def register(funnel: Funnel) -> None:
    """Make the model of one funnel."""
    columns = path_columns(funnel)
    description = f"One row per entry into the funnel {funnel.name}: {funnel.description}"
    model(
        f"core.funnel_paths__{funnel.name}",
        is_sql=True,
        optimize_query=False,
        kind=kind(funnel),
        description=exp.Literal.string(description),  # a text with an @ would be read as an expression
        grains=["entry_key"],
        tags=["funnels"],
        ignored_rules=["nomissingunittest"],
        signals=[("loaded", PATIENCE)] if funnel.is_incremental else [],
        audits=[
            ("unique_values", {"columns": exp.column("entry_key")}),
            ("not_null", {"columns": exp.Tuple(expressions=[exp.column("entry_key"), exp.column("entered_at")])}),
        ],
        columns=columns,
        column_descriptions={name: COMMENTS.get(name, f"{name.replace('_', ' ').capitalize()}.") for name in columns},
    )(entrypoint(paths_query(funnel)))


for declared in load_funnels():
    register(declared)
