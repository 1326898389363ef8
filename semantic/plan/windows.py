"""Rolling windows: what a cumulative measure is first bucketed by, and over which range of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from semantic.datamodel.intervals import UNITS, parse_interval, smallest_unit
from semantic.datamodel.types import Dimension, Measure, RollingWindow
from semantic.errors import HiddenMemberError, PlanError
from semantic.plan.shape import MOST_BUCKETS, BoundTime, Shape
from semantic.plan.types import Group, Series, Where, WindowRange

ADDITIVE = ("sum", "count", "min", "max")
WINDOWED = (*ADDITIVE, "avg", "count_distinct", "count_distinct_approx")


def check_type(measure: Measure) -> None:
    """Raise PlanError for a measure that no window can be made of."""
    if measure.type not in WINDOWED:
        message = f"'{measure.full_name}' has a rolling_window, but type {measure.type} cannot be aggregated again"
        advice = "put the rolling_window on the measures that it is computed from"
        raise PlanError(message, place=measure.full_name, advice=advice, code="rolling_window")


def check_shown(shape: Shape, measure: str, time: Sequence[str]) -> None:
    """Raise HiddenMemberError for what goes along a time that the caller sees only masked."""
    if shape.hides(*time):
        message = f"'{measure}' goes along '{time[0]}', which an access policy masks for you"
        raise HiddenMemberError(message, place=time[0], advice="ask for it without the time, or for another time")


def series_of(groups: Sequence[Group], times: Sequence[BoundTime], dimensions: Sequence[Dimension]) -> Series | None:
    """The series of a query's time groups; None without one. Raises PlanError when no series can be made."""
    buckets = [group for group in groups if group.granularity is not None]
    if not buckets:
        return None
    if len({group.target for group in buckets}) > 1:
        names = ", ".join(group.name for group in buckets)
        message = f"A series of times goes along one time dimension, not several: {names}"
        raise PlanError(message, place=names, advice="group by one of them", code="rolling_window")
    bound = next((time for time in times if time.range is not None and time.granularity is not None), None)
    if bound is None:
        message = "Time series queries without dateRange aren't supported"
        raise PlanError(message, place=buckets[0].name, advice="give the time dimension a dateRange", code="no_range")
    long = next((time for time in times if time.too_many and time.dimension == bound.dimension), None)
    if long is not None:
        message = f"The count of generated date ranges by {long.granularity} is over limit ({MOST_BUCKETS})"
        advice = "ask for a shorter date range, or a coarser granularity"
        raise PlanError(message, place=bound.dimension, advice=advice, code="series_limit")
    unit_of = {dimension.full_name: dimension for dimension in dimensions}
    finest = min(buckets, key=lambda group: UNITS.index(series_unit(unit_of[group.target], group.granularity or "")))
    custom = unit_of[finest.target].granularity(finest.granularity or "")
    if custom is not None and custom.sql is not None:
        message = f"'{finest.key}' is defined by SQL, of which no series of times can be made"
        raise PlanError(message, place=finest.name, advice="define it by an interval", code="series")
    return Series(finest, bound)


def series_unit(dimension: Dimension, granularity: str) -> str:
    """The finest unit that a granularity's buckets begin at."""
    custom = dimension.granularity(granularity)
    if custom is None:
        return granularity
    units = [smallest_unit(parse_interval(custom.interval or "1 day"))]
    if custom.offset:
        units.append(smallest_unit(parse_interval(custom.offset)))
    if custom.origin:
        units.append("day" if len(custom.origin) <= 10 else "second")
    return min(units, key=UNITS.index)


def base_unit(window: RollingWindow, unit: str) -> str:
    """What rows are bucketed by before the window: the finer of the series' and the window's units; to date, only the
    series' own, so that a week lies wholly in the month in which it begins."""
    units = [unit]
    if window.type == "to_date":
        return unit
    for bound in (window.trailing, window.leading):
        if bound is not None and bound != "unbounded":
            units.append(smallest_unit(parse_interval(bound)))
    finest = min(units, key=UNITS.index)
    # Months are not made of weeks: both are made of days.
    return "day" if finest == "week" and any(entry in ("month", "quarter", "year") for entry in units) else finest


def whole_range(where: Where, window: RollingWindow) -> Where:
    """The filter of the one window of a query without time buckets, which hangs on its range as on a bucket: at the
    range's end, or at its start."""
    ranges = tuple(
        WindowRange(time.dimension, time.range, window) for time in where.times if time.range is not None
    )  # fmt: skip
    return replace(where, times=(), windows=ranges)


def series_range(where: Where, window: RollingWindow, series: Series) -> Where:
    """The filter of the rows that any window of a series needs."""
    if series.bound.range is None:
        return where
    others = tuple(time for time in where.times if time.dimension != series.bound.dimension)
    needed = WindowRange(series.bound.dimension, series.bound.range, window, series.time.granularity)
    return replace(where, times=others, windows=(needed,))
