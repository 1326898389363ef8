"""Multi-stage measures as SQL: their inputs in one common table expression, the stage over it in the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from semantic.datamodel.types import Measure
from semantic.errors import PlanError
from semantic.plan.build import alias_of
from semantic.plan.types import Staged
from semantic.sql.dialects import column, quoted
from semantic.sql.expressions import Scope, aggregate

if TYPE_CHECKING:
    from semantic.sql.select import SelectBuilder


def staged_part(builder: SelectBuilder, part: Staged) -> str:
    """Write a stage, and give the name of its common table expression."""
    measure = builder.members.measure(part.measure)
    name = alias_of(part.measure)
    inputs = builder.statement.add(f"{name}_inputs", builder.select(part.inputs))
    known: dict[str, exp.Column] = {
        value.target: column(value.alias, inputs) for value in part.inputs.values
    } | {group.key: column(group.alias, inputs) for group in part.inputs.groups}  # fmt: skip
    scope = Scope(columns=known, timezone=builder.shape.timezone)
    select = exp.Select()
    select.set("from_", exp.From(this=exp.Table(this=quoted(inputs))))
    columns = [exp.Alias(this=column(group.alias, inputs), alias=quoted(group.alias)) for group in part.groups]
    columns.append(exp.Alias(this=_value(builder, part, measure, scope, inputs), alias=quoted(name)))
    select.set("expressions", columns)
    if part.kind == "aggregate" and part.partition == part.groups:
        if part.groups:
            numbers = [exp.Literal.number(index + 1) for index in range(len(part.groups))]
            select.set("group", exp.Group(expressions=numbers))
    elif part.kind == "aggregate":
        select.set("distinct", exp.Distinct())
    return builder.statement.add(f"{name}_stage", select)


def _value(builder: SelectBuilder, part: Staged, measure: Measure, scope: Scope, inputs: str) -> exp.Expr:
    partition: list[exp.Expr] = [column(group.alias, inputs) for group in part.partition]
    if part.kind == "rank":
        return _rank(builder, measure, scope, partition)
    if measure.case is not None:
        value = builder.expressions.case(measure.case, measure.cube, scope)
    elif measure.sql is not None:
        value = builder.expressions.fill(measure.sql, measure.cube, scope)
    else:
        raise PlanError(f"'{measure.full_name}' has no SQL", place=measure.full_name, code="no_sql")
    if part.kind == "calculate" or measure.type == "number_agg":
        return value
    total = aggregate(measure.type, value)
    if part.partition == part.groups:
        return total
    return exp.Window(this=total, partition_by=partition)


def _rank(builder: SelectBuilder, measure: Measure, scope: Scope, partition: list[exp.Expr]) -> exp.Expr:
    stage = measure.multi_stage
    order = [
        exp.Ordered(this=builder.expressions.fill(sql, measure.cube, scope), desc=way == "desc", nulls_first=False)
        for sql, way in (stage.order_by if stage else ())
    ]
    ordered = exp.Order(expressions=order) if order else None
    return exp.Window(this=exp.Anonymous(this="RANK"), partition_by=partition, order=ordered)
