"""`core.funnel_steps`: every step of the entries of all funnels."""

from __future__ import annotations

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.dialect import parse_one
from sqlmesh.core.macros import MacroEvaluator
from sqlmesh.core.model import ModelKindName

from sqlmesh_project.funnels.loader import load_funnels
from sqlmesh_project.funnels.views import STEP_COLUMNS, audited_sql, steps_query

FUNNELS = load_funnels()
STEPS_SQL = steps_query(FUNNELS)
AUDITED = parse_one(audited_sql("core.funnel_steps", FUNNELS), dialect="bigquery")


@model(
    "core.funnel_steps",
    is_sql=True,
    optimize_query=False,
    kind={"name": ModelKindName.VIEW},
    description="One row per entry into a funnel and step of it, reached or not.",
    grains=["entry_step_key"],
    references=["entry_key", "user_key", "company_key"],
    tags=["funnels"],
    ignored_rules=[
        "nomissingunittest"
    ],  # its inputs are all funnels: tests/sqlmesh_project tests it with some of its own
    audits=[("contract_errors", {"of": exp.column("funnel_steps", table="core"), "within": AUDITED})],
    columns={name: type_ for name, (type_, _) in STEP_COLUMNS.items()},
    column_descriptions={name: comment for name, (_, comment) in STEP_COLUMNS.items()},
)
def funnel_steps(_: MacroEvaluator) -> exp.Expr:
    return parse_one(STEPS_SQL, dialect="bigquery")
