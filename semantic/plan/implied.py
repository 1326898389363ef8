"""Whether the conditions of a query leave only rows that a policy's filter would leave, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation

from semantic.query.types import Condition, Filter, Group

# operator -> those that say no more of a smaller (or larger) bound
_LOWER = {"gt": ("gt",), "gte": ("gt", "gte")}
_UPPER = {"lt": ("lt",), "lte": ("lt", "lte")}


def is_implied(wanted: Filter, given: Iterable[Filter]) -> bool:
    """Whether every row that passes all of `given` passes `wanted`. False where that is not plain to see."""
    return _holds(wanted, tuple(_certain(given)))


def _certain(given: Iterable[Filter]) -> Iterator[Condition]:
    """The conditions that every row meets: those under no `or`."""
    for entry in given:
        if isinstance(entry, Condition):
            yield entry
        elif isinstance(entry, Group) and (entry.connector == "and" or len(entry.children) == 1):
            yield from _certain(entry.children)


def _holds(wanted: Filter, certain: tuple[Condition, ...]) -> bool:
    if isinstance(wanted, Group):
        every = (_holds(child, certain) for child in wanted.children)
        return all(every) if wanted.connector == "and" else any(every)
    return isinstance(wanted, Condition) and any(_follows(wanted, one) for one in certain)


def _follows(wanted: Condition, given: Condition) -> bool:
    if wanted.member != given.member:
        return False
    if wanted.operator == given.operator and set(wanted.values) == set(given.values):
        return True
    if wanted.operator == given.operator == "equals":
        return bool(given.values) and set(given.values) <= set(wanted.values)
    return _is_within(wanted, given)


def _is_within(wanted: Condition, given: Condition) -> bool:
    """`x > 5` follows from `x > 7`, and `x >= 5` from both."""
    bounds = [_number(condition) for condition in (wanted, given)]
    if bounds[0] is None or bounds[1] is None:
        return False
    limit, bound = bounds[0], bounds[1]
    if wanted.operator in _LOWER and given.operator in _LOWER:
        return bound > limit or (bound == limit and given.operator in _LOWER[wanted.operator])
    if wanted.operator in _UPPER and given.operator in _UPPER:
        return bound < limit or (bound == limit and given.operator in _UPPER[wanted.operator])
    return False


def _number(condition: Condition) -> Decimal | None:
    if len(condition.values) != 1 or condition.values[0] is None:
        return None
    try:
        number = Decimal(condition.values[0])
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
