"""Macros for what is declared of funnels."""

from __future__ import annotations

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def declared_steps(_: MacroEvaluator, name: exp.Expression) -> exp.Expr:
    """The steps of a funnel as a relation (step_number, step_name), whether or not anybody ever entered it."""
    # SQLMesh would keep what is imported above by its source
    from sqlmesh_project.funnels.errors import DeclarationError
    from sqlmesh_project.funnels.loader import load_funnels

    funnel = next((one for one in load_funnels() if one.name == name.name), None)
    if funnel is None:
        raise DeclarationError([f"{name.name}.yml:1: not there, and a model asks for its steps"])
    rows = [
        exp.select(
            exp.cast(exp.Literal.number(number), "INT64", dialect="bigquery").as_("step_number"),
            exp.Literal.string(step.name).as_("step_name"),
        )
        for number, step in enumerate(funnel.steps, 1)
    ]
    return exp.union(*rows, distinct=False).subquery()
