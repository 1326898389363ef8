"""`core.funnel_entries`: the entries of all funnels."""

from __future__ import annotations

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.dialect import parse_one
from sqlmesh.core.macros import MacroEvaluator
from sqlmesh.core.model import ModelKindName

from sqlmesh_project.funnels.loader import load_funnels
from sqlmesh_project.funnels.views import ENTRY_COLUMNS, audited_sql, entries_query

FUNNELS = load_funnels()
ENTRIES_SQL = entries_query(FUNNELS)
AUDITED = parse_one(audited_sql("core.funnel_entries", FUNNELS), dialect="bigquery")


@model(
    "core.funnel_entries",
    is_sql=True,
    optimize_query=False,
    kind={"name": ModelKindName.VIEW},
    description="One row per entry into a funnel: how far it went, and whether its window is over.",
    grains=["entry_key"],
    references=["user_key", "company_key"],
    tags=["funnels"],
    ignored_rules=[
        "nomissingunittest"
    ],  # its inputs are all funnels: tests/sqlmesh_project tests it with some of its own
    audits=[("contract_errors", {"of": exp.column("funnel_entries", table="core"), "within": AUDITED})],
    columns={name: type_ for name, (type_, _) in ENTRY_COLUMNS.items()},
    column_descriptions={name: comment for name, (_, comment) in ENTRY_COLUMNS.items()},
)
def funnel_entries(_: MacroEvaluator) -> exp.Expr:
    return parse_one(ENTRIES_SQL, dialect="bigquery")
