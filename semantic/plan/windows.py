"""Rolling windows: what a cumulative measure is first bucketed by, and over which range of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from semantic.datamodel.intervals import UNITS, parse_interval, smallest_unit
from semantic.datamodel.types import Dimension, Granularity, Measure, RollingWindow
from semantic.errors import PlanError
from semantic.plan.shape import BoundTime
from semantic.plan.types import Group, Where, WindowRange

ADDITIVE = ("sum", "count", "min", "max")
WINDOWED = (*ADDITIVE, "avg", "count_distinct", "count_distinct_approx")


@dataclass(frozen=True, slots=True)
class Series:
    """The time groups of a windowed query: the finest gives the series, coarser ones are derived from it."""

    time: Group
    bound: BoundTime


def check_type(measure: Measure) -> None:
    """Raise PlanError for a measure that no window can be made of."""
    if measure.type not in WINDOWED:
        message = f"'{measure.full_name}' has a rolling_window, but type {measure.type} cannot be aggregated again"
        advice = "put the rolling_window on the measures that it is computed from"
        raise PlanError(message, place=measure.full_name, advice=advice, code="rolling_window")


def series_of(groups: Sequence[Group], times: Sequence[BoundTime], dimensions: Sequence[Dimension]) -> Series | None:
    """The series of a query's time groups; None without one. Raises PlanError when no series can be made."""
    buckets = [group for group in groups if group.granularity is not None]
    if not buckets:
        return None
    if len({group.target for group in buckets}) > 1:
        names = ", ".join(group.name for group in buckets)
        message = f"Rolling windows go along one time dimension, not several: {names}"
        raise PlanError(message, place=names, advice="group by one of them", code="rolling_window")
    bound = next((time for time in times if time.range is not None and time.granularity is not None), None)
    if bound is None:
        message = "Time series queries without dateRange aren't supported"
        raise PlanError(message, place=buckets[0].name, advice="give the time dimension a dateRange", code="no_range")
    unit_of = {dimension.full_name: dimension for dimension in dimensions}
    finest = min(buckets, key=lambda group: UNITS.index(series_unit(unit_of[group.target], group.granularity or "")))
    return Series(finest, bound)


def series_unit(dimension: Dimension, granularity: str) -> str:
    """The finest unit that a granularity's buckets begin at."""
    custom = find_granularity(dimension, granularity)
    if custom is None:
        return granularity
    units = [smallest_unit(parse_interval(custom.interval or "1 day"))]
    if custom.offset:
        units.append(smallest_unit(parse_interval(custom.offset)))
    if custom.origin:
        units.append("day" if len(custom.origin) <= 10 else "second")
    return min(units, key=UNITS.index)


def find_granularity(dimension: Dimension, name: str) -> Granularity | None:
    """The custom granularity of that name."""
    return next((entry for entry in dimension.granularities if entry.name == name), None)


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
    """The filter of a window over a range as a whole, for a query without time buckets."""
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
