"""What BigQuery computes otherwise than DuckDB, written so that both say the same.

division    of NUMERIC it is NUMERIC in BigQuery, and by zero an error; on DuckDB a double, and infinite
average     of NUMERIC it is NUMERIC in BigQuery (nine digits), a double on DuckDB
patterns    a backslash is the escape of LIKE in BigQuery, which has no ESCAPE; DuckDB has no escape but by ESCAPE
quantiles   exact ones are window functions in BigQuery; as aggregates it has only approximate ones
"""

from __future__ import annotations

from sqlglot import exp


def portable(node: exp.Expr) -> exp.Expr:
    """A node as BigQuery has to write it: the same one where there is no difference."""
    if isinstance(node, exp.Div):
        return _divided(node.this, node.expression)
    if isinstance(node, exp.Avg) and not isinstance(node.parent, exp.Window):
        return _divided(exp.Sum(this=node.this), exp.Count(this=node.this.copy()))
    if isinstance(node, exp.Escape) and isinstance(node.this, exp.Like) and node.expression.name == "\\":
        return node.this
    return _quantile_of(node) or node


def _divided(dividend: exp.Expr, divisor: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="IEEE_DIVIDE", expressions=[_bare(dividend), _bare(divisor)])


def _bare(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Paren) else node


def _quantile_of(node: exp.Expr) -> exp.Expr | None:
    """MEDIAN, QUANTILE_CONT and PERCENTILE_CONT ... WITHIN GROUP, and their discrete kin."""
    if isinstance(node, exp.WithinGroup) and isinstance(node.this, exp.PercentileCont | exp.PercentileDisc):
        ordered = node.expression.expressions[0]
        return _quantile(ordered.this, node.this.this, is_discrete=isinstance(node.this, exp.PercentileDisc))
    if isinstance(node.parent, exp.WithinGroup):
        return None
    if isinstance(node, exp.Median):
        return _quantile(node.this, exp.Literal.number("0.5"), is_discrete=False)
    if isinstance(node, exp.PercentileCont | exp.PercentileDisc | exp.Quantile):
        fraction = node.args.get("expression") or node.args.get("quantile")
        return _quantile(node.this, fraction, is_discrete=not isinstance(node, exp.PercentileCont))
    return None


def _quantile(value: exp.Expr, fraction: exp.Expr | None, *, is_discrete: bool) -> exp.Expr | None:
    """The element of the sorted values that is there, or between the two that are next to it.

    The values of a group are in memory together: some ten million of them are too many for BigQuery.
    """
    if not isinstance(fraction, exp.Literal) or fraction.is_string:
        return None
    count = exp.Count(this=value.copy())
    if is_discrete:
        number = _integer("CEIL", exp.Mul(this=fraction, expression=count))
        last = exp.Greatest(this=exp.Sub(this=number, expression=_number(1)), expressions=[_number(0)])
        return _element(value, last)
    steps = exp.Paren(this=exp.Sub(this=count, expression=_number(1)))
    share = exp.Cast(this=fraction, to=exp.DataType(this=exp.DataType.Type.DOUBLE))
    place = exp.Paren(this=exp.Mul(this=share, expression=steps))
    beyond = exp.Paren(this=exp.Sub(this=place, expression=_call("FLOOR", place)))
    short = exp.Paren(this=exp.Sub(this=_number(1), expression=beyond))
    # as DuckDB interpolates, to the last digit
    below = exp.Mul(this=_element(value, _integer("FLOOR", place)), expression=short)
    above = exp.Mul(this=_element(value, _integer("CEIL", place)), expression=beyond.copy())
    return exp.Paren(this=exp.Add(this=below, expression=above))


def _element(value: exp.Expr, place: exp.Expr) -> exp.Expr:
    # no NULLS FIRST or LAST: BigQuery takes neither within an aggregate, and NULL is left out
    ordered = exp.Order(this=value.copy(), expressions=[exp.Ordered(this=value.copy(), nulls_first=True)])
    values = exp.IgnoreNulls(this=exp.ArrayAgg(this=ordered))
    return exp.Bracket(this=values, expressions=[_call("SAFE_OFFSET", place)])


def _integer(function: str, value: exp.Expr) -> exp.Expr:
    return exp.Cast(this=_call(function, value), to=exp.DataType(this=exp.DataType.Type.BIGINT))


def _call(function: str, value: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=function, expressions=[_bare(value.copy())])


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)
