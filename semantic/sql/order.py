"""The order of a result's rows: which column a sort key means, and how rows are sorted when nobody says."""

from __future__ import annotations

from sqlglot import exp

from semantic.datamodel.intervals import UNITS, parse_interval, smallest_unit
from semantic.datamodel.types import Dimension
from semantic.plan.members import Members
from semantic.plan.types import Group, Plan
from semantic.query.types import Order

_BEGINNING = "0000-01-01T00:00:00.000"


def order_and_limit(select: exp.Select, plan: Plan, members: Members) -> None:
    """Sort and cut the statement's rows. Sort keys that are not columns of the result are ignored."""
    order = [
        exp.Ordered(this=exp.Literal.number(position), desc=entry.descending, nulls_first=False)
        for entry in _order(plan)
        if (position := _position(plan, entry.member, members)) is not None
    ]
    if order:
        select.set("order", exp.Order(expressions=order))
    if plan.shape.limit is not None:
        select.set("limit", exp.Limit(expression=exp.Literal.number(plan.shape.limit)))
    if plan.shape.offset:
        select.set("offset", exp.Offset(expression=exp.Literal.number(plan.shape.offset)))


def _order(plan: Plan) -> tuple[Order, ...]:
    """Without an order: by the first time; else the largest first measure; else the first dimension."""
    if plan.shape.order is not None:
        return plan.shape.order
    if plan.shape.ungrouped or not plan.groups:
        return ()
    time = next((group for group in plan.groups if group.granularity), None)
    if time is not None:
        return (Order(time.name),)
    return (Order(plan.values[0].name, descending=True),) if plan.values else (Order(plan.groups[0].name),)


def _position(plan: Plan, name: str, members: Members) -> int | None:
    """The column that a key means. Of a time at several granularities a bare name means the finest."""
    columns = [f"{group.name}.{group.granularity}" for group in plan.groups]
    if name in columns:
        return columns.index(name) + 1
    found = [group for group in plan.groups if group.name == name]
    if found:
        buckets = [group for group in found if group.granularity]
        chosen = min(buckets, key=lambda group: _fineness(group, members)) if buckets else found[-1]
        return plan.groups.index(chosen) + 1
    values = [value.name for value in plan.values]
    return len(plan.groups) + values.index(name) + 1 if name in values else None


def _fineness(group: Group, members: Members) -> int:
    """The place of a group's granularity among the units, finest first."""
    granularity = group.granularity or ""
    return UNITS.index(_unit(members.dimension(group.name), granularity))


def _unit(dimension: Dimension, granularity: str) -> str:
    """The finest unit that decides where buckets begin."""
    custom = dimension.granularity(granularity)
    if custom is None or custom.interval is None:
        return granularity
    units = [smallest_unit(parse_interval(custom.interval))]
    if custom.offset is not None:
        units.append(smallest_unit(parse_interval(custom.offset)))
    elif custom.origin is not None:
        units.append(_unit_of_moment(custom.origin))
    finest = min(units, key=UNITS.index)
    # Weeks and months begin on a common day only.
    return "day" if finest == "week" and set(units) != {"week"} else finest


def _unit_of_moment(text: str) -> str:
    """The largest unit that a moment begins, but for weeks and quarters."""
    digits = text.replace(" ", "T") + _BEGINNING[len(text) :]
    for end, unit in ((4, "year"), (7, "month"), (10, "day"), (13, "hour"), (16, "minute")):
        if digits[end:23] == _BEGINNING[end:23]:
            return unit
    return "second"
