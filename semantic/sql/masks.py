"""What stands for a member that an access policy shows only masked: its mask, or NULL.

A dimension is masked wherever its value is taken up: as a column, inside of other members, in filters and segments.
So is a measure once it is aggregated, while what a mask of SQL aggregates takes its place among the rows. Keys, joins
and the policies' own filters look behind masks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from semantic.datamodel.types import Dimension, Measure, Segment, Sql
from semantic.errors import PlanError
from semantic.plan.members import AnyMember
from semantic.sql.texts import again

if TYPE_CHECKING:
    from semantic.sql.expressions import Expressions, Scope

ShownWhere = Callable[[str, "Scope"], exp.Expr | None]
"""The rows on which a masked member is shown as it is; None for none."""


class Masks:
    """The masks of one statement."""

    def __init__(self, expressions: Expressions, shown_where: ShownWhere) -> None:
        self._expressions = expressions
        self._shown_where = shown_where

    def hidden(self, name: str, target: AnyMember, scope: Scope) -> str | None:
        """The name by which a member is masked in a scope, a view's or the cube's; None for one that is not."""
        return next((one for one in (name, target.full_name) if one in scope.masked), None)

    def member(self, hidden: str, name: str, target: AnyMember, scope: Scope) -> exp.Expr:
        """What a masked member looks like."""
        bare = replace(scope, masked=scope.masked - {hidden})
        if not isinstance(target, Measure):
            return self._unless(hidden, scope, lambda: self._expressions.unkept(name, bare), self._value(target, bare))
        if isinstance(target.mask, Sql):
            if target.full_name in scope.columns:
                return again(scope.columns[target.full_name])
            if scope.ungrouped:
                # It is written for groups: of one row it would be what it hides.
                return exp.Null()
            if scope.joined:
                message = f"'{target.full_name}' is masked for you by SQL, which has no rows to look at in this query"
                raise PlanError(message, place=target.full_name, advice="ask for it alone", code="mask")
        return self._unless(hidden, scope, lambda: self._expressions.unkept(name, bare), self._value(target, bare))

    def leaf(self, measure: Measure, scope: Scope) -> exp.Expr | None:
        """What a mask of SQL aggregates instead of a measure among rows; None where the measure is computed first and
        masked afterwards."""
        if measure.full_name not in scope.masked or not isinstance(measure.mask, Sql):
            return None
        return self._value(measure, replace(scope, masked=scope.masked - {measure.full_name}))

    def time(self, hidden: str, name: str, granularity: str, scope: Scope) -> exp.Expr:
        """The bucket of a masked time."""
        dimension = self._expressions.members.dimension(name)
        bare = replace(scope, masked=scope.masked - {hidden})
        mask = self._value(dimension, bare)
        if not isinstance(mask, exp.Null):
            local = self._expressions.dialect.local_time(mask, scope.timezone)
            mask = self._expressions.bucket(local, dimension, granularity, bare)
        return self._unless(hidden, scope, lambda: self._expressions.time(name, granularity, bare), mask)

    def _unless(self, hidden: str, scope: Scope, value: Callable[[], exp.Expr], mask: exp.Expr) -> exp.Expr:
        shown = self._shown_where(hidden, replace(scope, masked=frozenset()))
        if shown is None:
            return mask
        return exp.Case(ifs=[exp.If(this=shown, true=value())], default=mask)

    def _value(self, target: AnyMember, bare: Scope) -> exp.Expr:
        mask = None if isinstance(target, Segment) else target.mask
        if isinstance(mask, Sql):
            return self._expressions.fill(mask, target.cube, bare)
        value = exp.convert(mask)
        if isinstance(target, Dimension) and target.type == "time" and mask is not None:
            return exp.Cast(this=value, to=exp.DataType(this=exp.DataType.Type.TIMESTAMP))
        return value
