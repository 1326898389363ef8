"""Macros for money."""

from __future__ import annotations

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def in_usd(_: MacroEvaluator, amount: exp.Expression, usd_per_unit: exp.Expression) -> exp.Expression:
    """An amount in US dollars, to the millionth: finer digits are noise of the rate."""
    product = exp.Mul(this=exp.paren(amount.copy()), expression=usd_per_unit.copy())
    return exp.Round(this=product, decimals=exp.Literal.number(6))
