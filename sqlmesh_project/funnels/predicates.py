"""Predicates of funnels as SQL conditions on core.events."""

from __future__ import annotations

from sqlglot import exp

from sqlmesh_project.funnels.declaration import PROPERTY, Condition, Predicate, Value

DIALECT = "bigquery"


def condition_sql(predicate: Predicate) -> str:
    """The predicate in the models' dialect; never NULL, so that it can be negated and counted."""
    return exp.and_(*(_condition(one) for one in predicate.conditions), wrap=False).sql(DIALECT)


def filter_sql(predicate: Predicate) -> str:
    """The predicate where only TRUE counts: as engines find it easiest to skip rows by."""
    return exp.and_(*(_condition(one, is_filter=True) for one in predicate.conditions), wrap=False).sql(DIALECT)


def member_sql(name: str) -> str:
    """A column of events, or a JSON property of it, in the models' dialect."""
    return _member(name).sql(DIALECT)


def _condition(condition: Condition, *, is_filter: bool = False) -> exp.Expression:
    values = [_literal(value) for value in condition.values]
    member = _member(condition.name)
    equal = exp.EQ(this=member, expression=values[0]) if len(values) == 1 else exp.In(this=member, expressions=values)
    if is_filter and not condition.negated:
        return equal
    known = exp.Coalesce(this=equal, expressions=[exp.false()])
    return exp.Not(this=known) if condition.negated else known


def _member(name: str) -> exp.Expression:
    if not name.startswith(PROPERTY):
        return exp.column(name)
    # core.events keeps no text that is not JSON, which one of the engines would fail on
    path = exp.Literal.string(f"$.{name.removeprefix(PROPERTY)}").sql(DIALECT)
    # in parentheses: one of the engines writes an operator for it that binds more loosely than a comparison
    return exp.paren(exp.maybe_parse(f"JSON_VALUE(properties, {path})", dialect=DIALECT))


def _literal(value: Value) -> exp.Expression:
    """Columns that predicates name are text, and JSON_VALUE gives text: so are the values they compare to."""
    if isinstance(value, bool):
        return exp.Literal.string(str(value).lower())
    return exp.Literal.string(str(value))
