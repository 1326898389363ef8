"""A query answered from the table of a rollup."""

from __future__ import annotations

from sqlglot import exp

from semantic.datamodel.types import PreAggregation
from semantic.plan.build import alias_of, filter_members
from semantic.plan.types import Group, Plan
from semantic.sql.dialects import column, quoted
from semantic.sql.expressions import Scope, aggregate, conjunction
from semantic.sql.order import order_and_limit
from semantic.sql.select import SelectBuilder


def rollup_select(builder: SelectBuilder, plan: Plan, rollup: PreAggregation, table: str) -> exp.Select:
    """The whole statement of a plan over a rollup's table."""
    leaves = _leaves(builder, plan)
    known: dict[str, exp.Expr] = {leaf: _total(builder, leaf) for leaf in leaves}
    known |= {name: column(alias_of(name), "rollup") for name in rollup.dimensions}
    scope = Scope(columns=known, timezone=builder.shape.timezone, masked=builder.shape.masked)
    select = exp.Select()
    source = exp.to_table(table)
    for part in ("this", "db", "catalog"):
        if isinstance(source.args.get(part), exp.Identifier):
            source.args[part].set("quoted", True)
    source.set("alias", exp.TableAlias(this=quoted("rollup")))
    select.set("from_", exp.From(this=source))
    columns = [
        exp.Alias(this=_group(builder, group, rollup, scope), alias=quoted(group.alias)) for group in plan.groups
    ]
    columns += [
        exp.Alias(this=builder.expressions.shown(value.name, scope), alias=quoted(value.alias)) for value in plan.values
    ]
    select.set("expressions", columns)
    _restrict(builder, select, plan, rollup, scope)
    if plan.groups:
        numbers = [exp.Literal.number(index + 1) for index in range(len(plan.groups))]
        select.set("group", exp.Group(expressions=numbers))
    order_and_limit(select, plan, builder.members)
    return select


def _leaves(builder: SelectBuilder, plan: Plan) -> tuple[str, ...]:
    names = [value.name for value in plan.values]
    names += [name for entry in plan.having for name in filter_members(entry)]
    return tuple(dict.fromkeys(leaf for name in names for leaf in builder.members.leaves(name)))


def _total(builder: SelectBuilder, leaf: str) -> exp.Expr:
    kind = builder.members.measure(leaf).type
    # Rows that do not add up are only read one by one: any aggregate of one row gives it back.
    again = {"sum": "sum", "count": "sum", "min": "min"}.get(kind, "max")
    return aggregate(again, column(alias_of(leaf), "rollup"))


def _group(builder: SelectBuilder, group: Group, rollup: PreAggregation, scope: Scope) -> exp.Expr:
    if group.granularity is None or group.name in scope.masked:
        return builder.expressions.shown(group.name, scope)
    stored = next(time for time in rollup.time_dimensions if time.dimension == group.target)
    value = column(f"{alias_of(stored.dimension)}_{stored.granularity}", "rollup")
    if stored.granularity == group.granularity:
        return value
    return builder.expressions.bucket(value, builder.members.dimension(group.name), group.granularity, scope)


def _restrict(builder: SelectBuilder, select: exp.Select, plan: Plan, rollup: PreAggregation, scope: Scope) -> None:
    conditions: list[exp.Expr] = []
    for time in plan.shape.times:
        if time.range is not None:
            target = builder.members.dimension(time.dimension).full_name
            stored = next(entry for entry in rollup.time_dimensions if entry.dimension == target)
            value = column(f"{alias_of(target)}_{stored.granularity}", "rollup")
            conditions.append(builder.filters.local_range(time.range, value))
    for name in plan.shape.segments:
        conditions.append(column(alias_of(builder.members.segment_column(name)), "rollup"))
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
