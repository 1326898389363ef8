"""Rolling windows as SQL: a series of times, each joined with the base rows in its window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from sqlglot import exp

from semantic.datamodel.intervals import Interval, parse_interval
from semantic.datamodel.types import Dimension, Measure, RollingWindow
from semantic.plan.build import alias_of
from semantic.plan.shape import BoundRange
from semantic.plan.types import Group, Windowed, WindowRange
from semantic.sql.dialects import column, quoted, shifted
from semantic.sql.expressions import Scope, aggregate, conjunction, wrapped

if TYPE_CHECKING:
    from semantic.sql.select import SelectBuilder

_TICK: Interval = ((1, "microsecond"),)


def windowed_part(builder: SelectBuilder, part: Windowed) -> str:
    """Write a windowed measure as common table expressions, and give the name of the last."""
    base = builder.part(part.base)
    dimension = builder.members.dimension(part.time.name)
    granularity = part.time.granularity or "day"
    series = builder.statement.add("time_series", _series(builder, part, dimension, granularity))
    scope = Scope(timezone=builder.shape.timezone)
    date_from, date_to = partial(column, "date_from", series), partial(column, "date_to", series)
    conditions = _window(
        part.window, column(part.base_time.alias, base), date_from, date_to, whole=False, builder=builder
    )
    select = exp.Select()
    select.set("from_", exp.From(this=exp.Table(this=quoted(series))))
    join = exp.Join(this=exp.Table(this=quoted(base)), side="LEFT", on=conjunction(conditions))
    select.append("joins", join)
    columns = [
        exp.Alias(this=_group(builder, g, part, base, series, scope), alias=quoted(g.alias)) for g in part.groups
    ]
    measure = builder.members.measure(part.measure)
    columns.append(exp.Alias(this=_total(part, measure, base), alias=quoted(alias_of(part.measure))))
    select.set("expressions", columns)
    numbers: list[exp.Expr] = [exp.Literal.number(index + 1) for index in range(len(part.groups))]
    select.set("group", exp.Group(expressions=numbers))
    return builder.statement.add(f"{alias_of(part.measure)}_window", select)


def _total(part: Windowed, measure: Measure, base: str) -> exp.Expr:
    operand = column(alias_of(part.measure), base)
    if measure.type != "count":
        return aggregate(measure.type, operand)
    if not part.base.raw:
        return aggregate("sum", operand)
    # Keys are counted, and counts are added up, alike: a window without any rows has no count.
    found = exp.Count(this=column(part.base_time.alias, base))
    some = exp.GT(this=found, expression=exp.Literal.number(0))
    return exp.Case(ifs=[exp.If(this=some, true=aggregate("count", operand, distinct=True))])


def _group(builder: SelectBuilder, group: Group, part: Windowed, base: str, series: str, scope: Scope) -> exp.Expr:
    if group.granularity is None:
        return column(group.alias, base)
    date_from = column("date_from", series)
    if group == part.time:
        return date_from
    return builder.expressions.bucket(date_from, builder.members.dimension(group.name), group.granularity, scope)


def _series(builder: SelectBuilder, part: Windowed, dimension: Dimension, granularity: str) -> exp.Select:
    if part.bound.range is None:
        raise AssertionError("a windowed part has a range")
    start, end = series_bounds(builder, part.bound.range, dimension, granularity)
    step = granularity_interval(dimension, granularity)
    value = column("value", "series")
    last = shifted(shifted(value.copy(), step, 1), _TICK, -1)
    columns = [
        exp.Alias(this=value, alias=quoted("date_from")),
        exp.Alias(this=last, alias=quoted("date_to")),
    ]
    select = exp.Select(expressions=columns)
    select.set("from_", exp.From(this=builder.dialect.series(start, end, step)))
    return select


def series_bounds(
    builder: SelectBuilder, span: BoundRange, dimension: Dimension, granularity: str
) -> tuple[exp.Expr, exp.Expr]:
    """The starts of the first and of the last bucket of a range."""
    scope = Scope(timezone=builder.shape.timezone)
    start = builder.dialect.local_parameter(builder.parameters.placeholder(span.local_start))
    end = builder.dialect.local_parameter(builder.parameters.placeholder(span.local_end))
    if span.end_open:
        end = shifted(end, _TICK, -1)
    return (
        builder.expressions.bucket(start, dimension, granularity, scope),
        builder.expressions.bucket(end, dimension, granularity, scope),
    )


def granularity_interval(dimension: Dimension, granularity: str) -> Interval:
    """The width of a granularity's buckets."""
    custom = dimension.granularity(granularity)
    if custom is not None and custom.interval is not None:
        return parse_interval(custom.interval)
    return ((1, granularity),)


def reach_conditions(builder: SelectBuilder, reach: WindowRange, scope: Scope) -> list[exp.Expr]:
    """The rows that the windows over a range can reach."""
    dimension = builder.members.dimension(reach.dimension)
    local = builder.expressions.local(dimension, scope)
    if reach.granularity is not None:
        first, last = series_bounds(builder, reach.range, dimension, reach.granularity)
        past = shifted(shifted(last, granularity_interval(dimension, reach.granularity), 1), _TICK, -1)
        return _window(reach.window, wrapped(local), first.copy, past.copy, whole=True, builder=builder)

    # A placeholder that is asked for is counted: that of an end which no condition names would be one too many.
    def start() -> exp.Expr:
        return builder.dialect.local_parameter(builder.parameters.placeholder(reach.range.local_start))

    def end() -> exp.Expr:
        found = builder.dialect.local_parameter(builder.parameters.placeholder(reach.range.local_end))
        return shifted(found, _TICK, -1) if reach.range.end_open else found

    return _window(reach.window, wrapped(local), start, end, whole=False, builder=builder)


def _window(
    window: RollingWindow,
    time: exp.Expr,
    start: Callable[[], exp.Expr],
    end: Callable[[], exp.Expr],
    *,
    whole: bool,
    builder: SelectBuilder,
) -> list[exp.Expr]:
    """Whether a time lies in the window of the span from start to end. `whole`: in that of any bucket of the span, so a
    trailing window hangs on its start and a leading one on its end."""
    if window.type == "to_date":
        since = builder.dialect.truncate(start(), window.granularity or "year")
        return [exp.GTE(this=time, expression=since), exp.LTE(this=time.copy(), expression=end())]
    conditions: list[exp.Expr] = []
    from_start = window.offset == "start"
    if window.trailing != "unbounded":
        since = start() if whole or from_start else end()
        if window.trailing:
            since = shifted(since, parse_interval(window.trailing), -1)
        conditions.append((exp.GTE if from_start else exp.GT)(this=time, expression=since))
    if window.leading != "unbounded":
        until = end() if whole or not from_start else start()
        if window.leading:
            until = shifted(until, parse_interval(window.leading), 1)
        conditions.append((exp.LT if from_start else exp.LTE)(this=time.copy(), expression=until))
    return conditions or [exp.Boolean(this=True)]
