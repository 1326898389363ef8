"""Macros for tables made of events: which duplicate stays, and what lies in the interval of a run."""

from __future__ import annotations

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator
from sqlmesh.utils.date import to_ts


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
def not_audited_before(
    evaluator: MacroEvaluator, model: exp.Column, time: exp.Expression, days: exp.Expression
) -> exp.Expr:
    """Whether a view's row was not audited yet, lies in the `days` that runs read again, or its time is unknown.

    A view has no interval of its own: what was audited is told by its intervals so far, which a restatement empties.
    """
    view = evaluator.get_snapshot(model)
    if view is None or not view.intervals:
        return exp.true()
    again = exp.TimestampSub(this=_utc(to_ts(view.intervals[0][1])), expression=days.copy(), unit=exp.var("DAY"))
    unknown = exp.Is(this=time.copy(), expression=exp.null())
    return exp.paren(exp.or_(unknown, exp.GTE(this=time.copy(), expression=again), wrap=False))


@macro()
def before_interval(evaluator: MacroEvaluator, time: exp.Expression, days: exp.Expression) -> exp.Expr:
    """Whether a time lies in so many days right before the interval of the run."""
    start = _bound(evaluator, "start_ts", days, exp.TimestampSub)
    end = _bound(evaluator, "start_ts", None, exp.TimestampSub)
    return exp.and_(exp.GTE(this=time.copy(), expression=start), exp.LT(this=time.copy(), expression=end), wrap=False)


def _bound(evaluator: MacroEvaluator, name: str, days: exp.Expression | None, shift: type[exp.Expression]) -> exp.Expr:
    bound = _utc(evaluator.locals[name])
    if days is None:
        return bound
    return shift(this=bound, expression=days.copy(), unit=exp.var("DAY"))


@macro()
def has_no_partitions(evaluator: MacroEvaluator) -> bool:
    """Whether the engine finds days by the order of the rows, for want of partitions: then rows are written in order.

    BigQuery keeps a partition per day, and would sort a table on one machine.
    """
    return not (evaluator.gateway or "").startswith("bigquery")


def _utc(text: str) -> exp.Expr:
    return exp.cast(exp.Literal.string(f"{text}+00:00"), "TIMESTAMPTZ")


@macro()
def clean_code(_: MacroEvaluator, code: exp.Expression) -> exp.Expr:
    """An ISO code without the quotes that some exports put inside it, in capitals; NULL when nothing is left."""
    trimmed = exp.Trim(this=code.copy(), expression=exp.Literal.string('" '))
    return exp.Upper(this=exp.Nullif(this=trimmed, expression=exp.Literal.string("")))
