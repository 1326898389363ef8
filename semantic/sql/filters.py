"""Conditions of a query as SQL over a column's expression."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from semantic.plan.shape import DATE_OPERATORS, LIKE_OPERATORS, BoundCondition, BoundFilter, BoundGroup, BoundRange
from semantic.query.types import SqlCondition
from semantic.sql.dialects import Dialect, is_null, is_set
from semantic.sql.expressions import conjunction, disjunction, wrapped
from semantic.sql.parameters import Parameters, Slot
from semantic.sql.texts import again

Column = Callable[[str], exp.Expr]
"""The expression of a member, by its name in the query."""

_COMPARISONS: dict[str, type[exp.Binary]] = {
    "gt": exp.GT, "gte": exp.GTE, "lt": exp.LT, "lte": exp.LTE,
    "beforeDate": exp.LT, "beforeOrOnDate": exp.LTE, "afterDate": exp.GT, "afterOrOnDate": exp.GTE,
}  # fmt: skip


class Filters:
    """Writes conditions for one statement."""

    def __init__(self, dialect: Dialect, parameters: Parameters) -> None:
        self.dialect = dialect
        self.parameters = parameters

    def filter(self, entry: BoundFilter, column: Column) -> exp.Expr | None:
        """A condition or a nest of them; None for a nest without conditions."""
        if isinstance(entry, BoundGroup):
            parts = [part for child in entry.children if (part := self.filter(child, column)) is not None]
            if not parts:
                return None
            if len(parts) == 1:
                return parts[0]
            return conjunction([_inside_and(part) for part in parts]) if entry.connector == "and" else exp.Paren(
                this=disjunction(parts)
            )  # fmt: skip
        if isinstance(entry, SqlCondition):
            return self.expression(entry, column)
        return self.condition(entry, wrapped(column(entry.member)))

    def expression(self, entry: SqlCondition, column: Column) -> exp.Expr:
        """A caller's condition, its member columns replaced."""
        tree = entry.tree.copy()
        for node in list(tree.find_all(exp.Column)):
            name = f"{node.table}.{node.name}"
            if name in entry.members:
                filled = wrapped(column(name))
                if node is tree:
                    return filled
                node.replace(filled)
        return exp.Paren(this=tree)

    def range(self, span: BoundRange, value: exp.Expr) -> exp.Expr:
        """Within a date range."""
        return self._between(value, span.start, span.end, end_open=span.end_open)

    def local_range(self, span: BoundRange, local: exp.Expr) -> exp.Expr:
        """Within a date range, for a local time."""
        start, end = (
            self.dialect.local_parameter(self.parameters.placeholder(slot))
            for slot in (span.local_start, span.local_end)
        )
        upper = exp.LT if span.end_open else exp.LTE
        return exp.And(this=exp.GTE(this=local, expression=start), expression=upper(this=again(local), expression=end))

    def _between(self, value: exp.Expr, start: Slot, end: Slot, *, end_open: bool) -> exp.Expr:
        upper = exp.LT if end_open else exp.LTE
        return exp.And(
            this=exp.GTE(this=value, expression=self.parameters.placeholder(start)),
            expression=upper(this=again(value), expression=self.parameters.placeholder(end)),
        )

    def condition(self, entry: BoundCondition, value: exp.Expr) -> exp.Expr:
        """One operator over a value."""
        operator = entry.operator
        if operator == "set":
            return is_set(value)
        if operator == "notSet":
            return is_null(value)
        if operator == "measureFilter":
            return exp.Boolean(this=True)
        if operator in LIKE_OPERATORS:
            return self._like(entry, value)
        if operator in DATE_OPERATORS and len(entry.slots) == 2:
            return self._dates(entry, value)
        if operator in _COMPARISONS:
            return _COMPARISONS[operator](this=value, expression=self.parameters.placeholder(entry.slots[0]))
        return self._equality(entry, value, negated=operator in ("notEquals", "notIn"))

    def _dates(self, entry: BoundCondition, value: exp.Expr) -> exp.Expr:
        start, end = entry.slots
        if entry.operator != "notInDateRange":
            return self._between(value, start, end, end_open=entry.end_open)
        after = exp.GTE if entry.end_open else exp.GT
        return exp.Paren(
            this=exp.Or(
                this=exp.LT(this=value, expression=self.parameters.placeholder(start)),
                expression=after(this=again(value), expression=self.parameters.placeholder(end)),
            )
        )

    def _equality(self, entry: BoundCondition, value: exp.Expr, *, negated: bool) -> exp.Expr:
        placeholders = [self.parameters.placeholder(slot) for slot in entry.slots]
        if not placeholders:
            return is_set(value) if negated else is_null(value)
        test: exp.Expr
        if len(placeholders) == 1:
            test = (exp.NEQ if negated else exp.EQ)(this=value, expression=placeholders[0])
        else:
            test = exp.In(this=value, expressions=placeholders)
            test = exp.Not(this=test) if negated else test
        # NULL differs from every value, so `notEquals` keeps it, unless NULL itself is among the values.
        if entry.null != negated:
            return exp.Paren(this=exp.Or(this=test, expression=is_null(again(value))))
        return test

    def _like(self, entry: BoundCondition, value: exp.Expr) -> exp.Expr:
        negated = entry.operator.startswith("not")
        value = self.dialect.text(value) if entry.as_text else value
        kind = entry.operator.removeprefix("not").lower()
        tests = [
            self.dialect.like(
                again(value),
                self.parameters.placeholder(slot),
                before=kind != "startswith",
                after=kind != "endswith",
                negated=negated,
            )
            for slot in entry.slots
        ]
        if not tests:
            return is_set(value) if negated else is_null(value)
        test = conjunction(tests) if negated else disjunction(tests)
        if entry.null != negated:
            test = exp.Or(this=exp.Paren(this=test) if len(tests) > 1 else test, expression=is_null(again(value)))
        return exp.Paren(this=test) if isinstance(test, exp.Connector) else test


def _inside_and(part: exp.Expr) -> exp.Expr:
    return exp.Paren(this=part) if isinstance(part, exp.Or) else part
