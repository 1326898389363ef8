"""Gaps in time: whether a result has the buckets of its date range that no row is in."""

from __future__ import annotations

from collections.abc import Sequence

from semantic.errors import PlanError
from semantic.plan.members import Members
from semantic.plan.shape import Shape
from semantic.plan.types import Group, Series, Value
from semantic.plan.windows import series_of


def filled_series(shape: Shape, groups: Sequence[Group], values: Sequence[Value], members: Members) -> Series | None:
    """The series that fills a result, where the query asks for it, or a measure does of a query that has one.

    Raises PlanError where the query asks for what cannot be.
    """
    asked = next((time.dimension for time in shape.times if time.fill), None)
    if asked is None and not any(members.measure(value.name).join_to_timespine for value in values):
        return None
    if shape.ungrouped and asked is not None:
        message = "Rows that are not grouped have no missing dates"
        raise PlanError(message, place=asked, advice="leave out ungrouped or fillMissingDates", code="fill")
    buckets = {group.target for group in groups if group.granularity is not None}
    ranged = any(time.range is not None and time.granularity is not None for time in shape.times)
    if shape.ungrouped or (asked is None and (len(buckets) != 1 or not ranged)):
        return None
    if any(group.granularity is not None and shape.hides(group.name, group.target) for group in groups):
        return None
    dimensions = [members.dimension(group.name) for group in groups if group.granularity]
    return series_of(groups, shape.times, dimensions)
