"""Macros for tables made of events: which duplicate stays, and what lies in the interval of a run."""

from __future__ import annotations

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def first_loaded(_: MacroEvaluator, *keys: exp.Expression) -> exp.Expr:
    """QUALIFY condition that keeps, of the raw rows with equal keys, the one loaded first."""
    return exp.EQ(
        this=exp.Window(
            this=exp.RowNumber(),
            partition_by=[key.copy() for key in keys],
            order=exp.Order(
                expressions=[exp.Ordered(this=exp.column(name)) for name in ("_loaded_at", "_batch_id", "_row_number")]
            ),
        ),
        expression=exp.Literal.number(1),
    )


@macro()
def seconds_between(_: MacroEvaluator, earlier: exp.Expression, later: exp.Expression) -> exp.Expr:
    """Elapsed seconds, with fractions. Coarser units of TIMESTAMP_DIFF would count boundaries on one of the engines."""
    elapsed = exp.TimestampDiff(this=later.copy(), expression=earlier.copy(), unit=exp.var("MICROSECOND"))
    return exp.Div(this=elapsed, expression=exp.Literal.number(1000000), typed=False, safe=False)


@macro()
def in_interval(
    evaluator: MacroEvaluator,
    time: exp.Expression,
    days_before: exp.Expression | None = None,
    days_after: exp.Expression | None = None,
) -> exp.Expr:
    """Whether a time lies in the interval of the run, widened by whole days on either side."""
    start = _bound(evaluator, "start_ts", days_before, exp.TimestampSub)
    end = _bound(evaluator, "end_ts", days_after, exp.TimestampAdd)
    return exp.and_(exp.GTE(this=time.copy(), expression=start), exp.LTE(this=time.copy(), expression=end), wrap=False)


@macro()
def before_interval(evaluator: MacroEvaluator, time: exp.Expression, days: exp.Expression) -> exp.Expr:
    """Whether a time lies in so many days right before the interval of the run."""
    start = _bound(evaluator, "start_ts", days, exp.TimestampSub)
    end = _bound(evaluator, "start_ts", None, exp.TimestampSub)
    return exp.and_(exp.GTE(this=time.copy(), expression=start), exp.LT(this=time.copy(), expression=end), wrap=False)


def _bound(evaluator: MacroEvaluator, name: str, days: exp.Expression | None, shift: type[exp.Expression]) -> exp.Expr:
    bound = exp.cast(exp.Literal.string(f"{evaluator.locals[name]}+00:00"), "TIMESTAMPTZ")
    if days is None:
        return bound
    return shift(this=bound, expression=days.copy(), unit=exp.var("DAY"))


@macro()
def clean_code(_: MacroEvaluator, code: exp.Expression) -> exp.Expr:
    """An ISO code without the quotes that some exports put inside it, in capitals; NULL when nothing is left."""
    trimmed = exp.Trim(this=code.copy(), expression=exp.Literal.string('" '))
    return exp.Upper(this=exp.Nullif(this=trimmed, expression=exp.Literal.string("")))
