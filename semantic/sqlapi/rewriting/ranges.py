"""Date ranges of rolling windows: a condition on the time that is grouped by says which buckets are shown.

As a plain filter it would cut off the rows before the first bucket, which the window still needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlglot import exp

from semantic.query.types import DateRange
from semantic.sqlapi.rewriting.grouping import ConstantOf
from semantic.sqlapi.rewriting.tables import Sources

_MILLISECOND = timedelta(milliseconds=1)


def take_range(
    conditions: Sequence[exp.Expr], member: str, sources: Sources, constant_of: ConstantOf
) -> tuple[DateRange | None, list[exp.Expr]]:
    """The range that conditions set for a time dimension, and the other conditions; None unless both ends are set."""
    starts: list[datetime] = []
    ends: list[datetime] = []
    rest: list[exp.Expr] = []
    for condition in conditions:
        found = _bounds(condition, member, sources, constant_of)
        if found is None:
            rest.append(condition)
            continue
        starts += [found[0]] if found[0] is not None else []
        ends += [found[1]] if found[1] is not None else []
    if not starts or not ends:
        return None, list(conditions)
    return DateRange(max(starts), min(ends)), rest


def _bounds(
    condition: exp.Expr, member: str, sources: Sources, constant_of: ConstantOf
) -> tuple[datetime | None, datetime | None] | None:
    """Start and end, both inclusive, as `>=`, `<`, `<=` and BETWEEN set them."""
    if not isinstance(condition, exp.GTE | exp.LT | exp.LTE | exp.Between) or not isinstance(
        condition.this, exp.Column
    ):
        return None
    found = sources.resolve(condition.this)
    if found is None or found.full_name != member:
        return None
    try:
        if isinstance(condition, exp.Between):
            return _moment(condition.args["low"], constant_of), _moment(condition.args["high"], constant_of)
        moment = _moment(condition.expression, constant_of)
    except (LookupError, ValueError):
        return None
    if isinstance(condition, exp.GTE):
        return moment, None
    return None, moment - _MILLISECOND if isinstance(condition, exp.LT) else moment


def _moment(node: exp.Expr, constant_of: ConstantOf) -> datetime:
    """A time in UTC, from a literal, a cast of one, or a parameter. Raises LookupError, ValueError."""
    inner = node.this if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal) else node
    value = constant_of(inner)
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime.combine(value, time())
    raise LookupError
