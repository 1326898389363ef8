"""A result with the buckets of its date range that no row is in, and with something else for no value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from semantic.plan.types import Group, Plan, Series
from semantic.sql.dialects import column, quoted
from semantic.sql.expressions import Scope, conjunction
from semantic.sql.windows import granularity_interval, series_bounds

if TYPE_CHECKING:
    from semantic.sql.select import SelectBuilder


def completed(builder: SelectBuilder, select: exp.Select, plan: Plan) -> exp.Select:
    """A plan's rows as its result shows them."""
    if plan.fill is not None:
        select = _filled(builder, select, plan, plan.fill)
    if plan.shape.ungrouped:
        return select
    for position, value in enumerate(plan.values, start=len(plan.groups)):
        instead = builder.members.measure(value.name).fill_nulls_with
        if instead is not None and not plan.shape.hides(value.name, value.target):
            shown = select.expressions[position]
            shown.set("this", exp.Coalesce(this=shown.this, expressions=[exp.convert(instead)]))
    return select


def _filled(builder: SelectBuilder, found: exp.Select, plan: Plan, fill: Series) -> exp.Select:
    """Every time of the series, for each of the other groups that were found."""
    rows = builder.statement.add("found", found)
    series = builder.statement.add("every_time", _series(builder, fill))
    time = column("time", series)
    others = [group for group in plan.groups if group.granularity is None]
    matches: list[exp.Expr] = [exp.EQ(this=column(fill.time.alias, rows), expression=time)]
    select = exp.Select()
    select.set("from_", exp.From(this=exp.Table(this=quoted(series))))
    besides = ""
    if others:
        besides = builder.statement.add("found_groups", _groups(others, rows))
        select.append("joins", exp.Join(this=exp.Table(this=quoted(besides)), kind="CROSS"))
        matches += [builder.dialect.same(column(g.alias, rows), column(g.alias, besides)) for g in others]
    select.append("joins", exp.Join(this=exp.Table(this=quoted(rows)), side="LEFT", on=conjunction(matches)))
    columns = [_aliased(_group(builder, group, fill, time, besides), group.alias) for group in plan.groups]
    columns += [_aliased(column(value.alias, rows), value.alias) for value in plan.values]
    select.set("expressions", columns)
    return select


def _series(builder: SelectBuilder, fill: Series) -> exp.Select:
    if fill.bound.range is None:
        raise AssertionError("a series has a range")
    dimension, granularity = builder.members.dimension(fill.time.name), fill.time.granularity or "day"
    start, end = series_bounds(builder, fill.bound.range, dimension, granularity)
    select = exp.Select(expressions=[_aliased(column("value", "series"), "time")])
    step = granularity_interval(dimension, granularity)
    select.set("from_", exp.From(this=builder.dialect.series(start, end, step)))
    return select


def _groups(others: list[Group], rows: str) -> exp.Select:
    select = exp.Select(expressions=[_aliased(column(group.alias, rows), group.alias) for group in others])
    select.set("distinct", exp.Distinct())
    select.set("from_", exp.From(this=exp.Table(this=quoted(rows))))
    return select


def _group(builder: SelectBuilder, group: Group, fill: Series, time: exp.Expr, besides: str) -> exp.Expr:
    if group.granularity is None:
        return column(group.alias, besides)
    if group == fill.time:
        return time.copy()
    dimension = builder.members.dimension(group.name)
    return builder.expressions.bucket(time.copy(), dimension, group.granularity, Scope(timezone=builder.shape.timezone))


def _aliased(value: exp.Expr, alias: str) -> exp.Expr:
    return exp.Alias(this=value, alias=quoted(alias))
