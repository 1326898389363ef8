"""Measures that do not add up over time as SQL: the rows, the moment that counts in each bucket, and its totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from semantic.plan.build import alias_of
from semantic.plan.types import Snapshot
from semantic.sql.dialects import column, quoted
from semantic.sql.expressions import aggregate, conjunction

if TYPE_CHECKING:
    from semantic.sql.select import SelectBuilder


def snapshot_part(builder: SelectBuilder, part: Snapshot) -> str:
    """Write the part as common table expressions, and give the name of the last."""
    rows = builder.part(part.base)
    chosen = builder.statement.add(f"{part.moment.target.partition('.')[0]}_moments", _moments(part, rows))
    matches = [builder.dialect.same(column(g.alias, rows), column(g.alias, chosen)) for g in part.within]
    join = exp.Join(this=exp.Table(this=quoted(chosen)), kind="INNER" if matches else "CROSS")
    if matches:
        join.set("on", conjunction(matches))
    select = exp.Select()
    select.set("from_", exp.From(this=exp.Table(this=quoted(rows))))
    select.append("joins", join)
    counts = exp.EQ(this=column(part.moment.alias, rows), expression=column(part.moment.alias, chosen))
    columns: list[exp.Expr] = [_aliased(column(group.alias, rows), group.alias) for group in part.groups]
    for name in part.measures:
        value = exp.Case(ifs=[exp.If(this=counts.copy(), true=column(alias_of(name), rows))])
        columns.append(_aliased(aggregate(builder.members.measure(name).type, value), alias_of(name)))
    select.set("expressions", columns)
    _group_by(select, len(part.groups))
    return builder.statement.add(f"{part.moment.target.partition('.')[0]}_snapshots", select)


def _moments(part: Snapshot, rows: str) -> exp.Select:
    """The moment that counts, for each bucket and each value of the groupings."""
    pick = exp.Max if part.choice == "max" else exp.Min
    columns: list[exp.Expr] = [_aliased(column(group.alias, rows), group.alias) for group in part.within]
    columns.append(_aliased(pick(this=column(part.moment.alias, rows)), part.moment.alias))
    select = exp.Select(expressions=columns)
    select.set("from_", exp.From(this=exp.Table(this=quoted(rows))))
    _group_by(select, len(part.within))
    return select


def _aliased(value: exp.Expr, alias: str) -> exp.Expr:
    return exp.Alias(this=value, alias=quoted(alias))


def _group_by(select: exp.Select, count: int) -> None:
    if count:
        numbers: list[exp.Expr] = [exp.Literal.number(index + 1) for index in range(count)]
        select.set("group", exp.Group(expressions=numbers))
