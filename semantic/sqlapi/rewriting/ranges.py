"""Date ranges of rolling windows: a condition on the time says which buckets are shown, or where the one window hangs.

As a plain filter it would cut off the rows before, which the window still needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from sqlglot import exp

from semantic.datamodel.checks import mentioned, snippets
from semantic.datamodel.types import DataModel, Measure
from semantic.query.types import DateRange, TimeDimension
from semantic.sqlapi.rewriting.grouping import ConstantOf, Parts
from semantic.sqlapi.rewriting.tables import Sources

_MILLISECOND = timedelta(milliseconds=1)


def set_ranges(parts: Parts, conditions: list[exp.Expr], model: DataModel, constant_of: ConstantOf) -> list[exp.Expr]:
    """Give the times of a grouped query that has windows or series their date ranges, and the conditions that are left.
    Where no time is grouped by, those that are restricted from both sides have a range."""
    if not conditions or not any(_needs_range(model, name, frozenset()) for name in parts.measures):
        return conditions
    if not parts.time_dimensions:
        restricted = dict.fromkeys(_times(conditions, parts.sources))
        parts.time_dimensions += [TimeDimension(name) for name in restricted if name not in parts.dimensions]
    found = []
    for wanted in parts.time_dimensions:
        span, conditions = take_range(conditions, wanted.dimension, parts.sources, constant_of)
        if span is not None or wanted.granularity is not None:
            found.append(replace(wanted, date_range=span))
    parts.time_dimensions[:] = found
    return conditions


def _needs_range(model: DataModel, name: str, above: frozenset[str]) -> bool:
    """Whether a measure is a window or a series, or computed from one."""
    member = model.member(name)
    if member is not None and member.alias_of is not None:
        return _needs_range(model, member.alias_of.name, above)
    if not isinstance(member, Measure) or name in above:
        return False
    if member.rolling_window is not None or member.join_to_timespine:
        return True
    below = {".".join(found) for sql in snippets(member) for found in mentioned(sql)}
    return any(_needs_range(model, one, above | {name}) for one in below)


def _times(conditions: Sequence[exp.Expr], sources: Sources) -> Iterator[str]:
    for condition in conditions:
        found = sources.resolve(condition.this) if isinstance(condition.this, exp.Column) else None
        if found is not None and found.is_time:
            yield found.full_name


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
