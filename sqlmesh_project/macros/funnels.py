"""Macros for what is declared of funnels."""

from __future__ import annotations

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def declared_steps(_: MacroEvaluator, name: exp.Expression) -> exp.Expr:
    """The steps of a funnel as a relation (step_number, step_name), whether or not anybody ever entered it."""
    # SQLMesh would keep what is imported above by its source
    from sqlmesh_project.funnels.loader import FOLDER, load_funnel

    funnel = load_funnel(FOLDER / f"{name.name}.yml")
    rows = [
        exp.select(
            exp.cast(exp.Literal.number(number), "INT64", dialect="bigquery").as_("step_number"),
            exp.Literal.string(step.name).as_("step_name"),
        )
        for number, step in enumerate(funnel.steps, 1)
    ]
    return exp.union(*rows, distinct=False).subquery()
