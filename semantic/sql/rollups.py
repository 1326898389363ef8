"""A query answered from a pre-aggregation."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from semantic.datamodel.types import PreAggregation
from semantic.plan.build import filter_members
from semantic.plan.composed import Source
from semantic.plan.types import Group, Plan
from semantic.sql.composed import Columns, read_from
from semantic.sql.dialects import quoted
from semantic.sql.expressions import Scope, aggregate, conjunction
from semantic.sql.select import SelectBuilder


def rollup_select(builder: SelectBuilder, plan: Plan, rollup: PreAggregation, source: Source) -> exp.Select:
    """The whole statement of a plan over what a pre-aggregation is read from."""
    leaves = _leaves(builder, plan)
    select = exp.Select()
    needed = replace(rollup, measures=leaves, dimensions=_dimensions(builder, plan, rollup))
    columns = read_from(builder, select, needed, source)
    known: dict[str, exp.Expr] = {leaf: _total(builder, leaf, columns) for leaf in leaves}
    known |= {name: columns.member(name) for name in needed.dimensions}
    scope = Scope(columns=known, timezone=builder.shape.timezone)
    shown = [
        exp.Alias(this=_group(builder, group, rollup, columns, scope), alias=quoted(group.alias))
        for group in plan.groups
    ]
    shown += [
        exp.Alias(this=builder.expressions.member(value.name, scope), alias=quoted(value.alias))
        for value in plan.values
    ]
    select.set("expressions", shown)
    _restrict(builder, select, plan, rollup, columns, scope)
    if plan.groups:
        numbers = [exp.Literal.number(index + 1) for index in range(len(plan.groups))]
        select.set("group", exp.Group(expressions=numbers))
    return builder.finished(select, plan)


def _dimensions(builder: SelectBuilder, plan: Plan, rollup: PreAggregation) -> tuple[str, ...]:
    """The dimensions of a pre-aggregation that a plan looks at."""
    rows, _ = builder.planner.split_filters(plan.shape.conditions)
    names = {builder.members.target(name).full_name for entry in rows for name in filter_members(entry)}
    names |= {group.target for group in plan.groups}
    return tuple(name for name in rollup.dimensions if name in names)


def _leaves(builder: SelectBuilder, plan: Plan) -> tuple[str, ...]:
    names = [value.name for value in plan.values]
    names += [name for entry in plan.having for name in filter_members(entry)]
    return tuple(dict.fromkeys(leaf for name in names for leaf in builder.members.leaves(name)))


def _total(builder: SelectBuilder, leaf: str, columns: Columns) -> exp.Expr:
    kind = builder.members.measure(leaf).type
    if kind == "count":
        # Nothing counted is none, and the sum of counts is a count: neither NULL nor a wider number.
        counted = exp.Coalesce(this=aggregate("sum", columns.member(leaf)), expressions=[exp.Literal.number(0)])
        return exp.Cast(this=counted, to=exp.DataType(this=exp.DataType.Type.BIGINT))
    # Rows that do not add up are only read one by one: any aggregate of one row gives it back.
    again = {"sum": "sum", "count": "sum", "min": "min"}.get(kind, "max")
    return aggregate(again, columns.member(leaf))


def _group(builder: SelectBuilder, group: Group, rollup: PreAggregation, columns: Columns, scope: Scope) -> exp.Expr:
    if group.granularity is None:
        return builder.expressions.member(group.name, scope)
    stored = next(time for time in rollup.time_dimensions if time.dimension == group.target)
    value = columns.time(stored)
    if stored.granularity == group.granularity:
        return value
    return builder.expressions.bucket(value, builder.members.dimension(group.name), group.granularity, scope)


def _restrict(
    builder: SelectBuilder, select: exp.Select, plan: Plan, rollup: PreAggregation, columns: Columns, scope: Scope
) -> None:
    conditions: list[exp.Expr] = []
    for time in plan.shape.times:
        if time.range is not None:
            target = builder.members.dimension(time.dimension).full_name
            stored = next(entry for entry in rollup.time_dimensions if entry.dimension == target)
            conditions.append(builder.filters.local_range(time.range, columns.time(stored)))
    for name in plan.shape.segments:
        conditions.append(columns.member(builder.members.segment_column(name)))
    rows, _ = builder.planner.split_filters(plan.shape.conditions)
    for entry in rows:
        condition = builder.filters.filter(entry, lambda name: builder.expressions.member(name, scope))
        if condition is not None:
            conditions.append(exp.Paren(this=condition) if isinstance(condition, exp.Or) else condition)
    if conditions:
        select.set("where", exp.Where(this=conjunction(conditions)))
    having = [builder.filters.filter(entry, lambda n: builder.expressions.member(n, scope)) for entry in plan.having]
    kept = [condition for condition in having if condition is not None]
    if kept:
        select.set("having", exp.Having(this=conjunction(kept)))
