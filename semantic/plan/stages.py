"""Multi-stage measures: computed over the results of other measures, at a grain of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

from semantic.datamodel.intervals import Interval, parse_interval
from semantic.datamodel.types import Dimension, Measure, MultiStage, PolicyFilter, Sql, TimeShift
from semantic.errors import PlanError
from semantic.plan.members import Members
from semantic.plan.shape import BoundCondition, BoundFilter, BoundGroup, Shape, bind_constants
from semantic.plan.types import Group, Keys, KeyShift, Part, Plan, Rows, Shift, Snapshot, Staged, Windowed
from semantic.plan.windows import check_shown
from semantic.query.types import Condition, Filter
from semantic.query.types import Group as QueryGroup

Kind = Literal["aggregate", "rank", "calculate"]
_AGGREGATED = ("sum", "avg", "min", "max", "count", "count_distinct", "count_distinct_approx", "number_agg")


def staged(measure: Measure, groups: tuple[Group, ...], shape: Shape, members: Members,
           plan: Callable[[Shape], Plan]) -> Staged:  # fmt: skip
    """The part of a multi-stage measure; `plan` plans what it is computed from."""
    stage = measure.multi_stage or MultiStage()
    children = members.children(measure)
    if not children:
        message = f"'{measure.full_name}' is multi_stage, but is computed from no other measure"
        raise PlanError(message, place=measure.full_name, advice="refer to measures in its sql", code="multi_stage")
    kind = _kind(measure)
    inner = replace(
        shape,
        measures=children,
        dimensions=tuple(dict.fromkeys((*shape.dimensions, *_added(measure, groups, members)))),
        filters=tuple(kept_filters(stage, shape, members)),
        order=(),
        limit=None,
        offset=0,
    )
    inputs = plan(inner)
    shifts = tuple(one for entry in stage.time_shift for one in _shifts(entry, groups, shape, members, measure))
    if shifts:
        inputs = shifted_plan(inputs, shifts)
    return Staged(measure.full_name, kind, inputs, groups, partition(stage, groups))


def _kind(measure: Measure) -> Kind:
    if measure.type == "rank":
        return "rank"
    return "aggregate" if measure.type in _AGGREGATED else "calculate"


def _added(measure: Measure, groups: Iterable[Group], members: Members) -> tuple[str, ...]:
    """The dimensions that a stage's inputs have beside the query's: its own, and the switches that it is about, of
    which a query that does not group by them has one value."""
    stage = measure.multi_stage or MultiStage()
    present = {group.target for group in groups}
    needed = members.dependencies(measure.full_name).sub_queries if measure.case is not None else ()
    switches = tuple(name for name in needed if members.dimension(name).type == "switch")
    included = stage.grain.get("include", ()) if stage.grain else ()
    wanted = (*stage.add_group_by, *(included if isinstance(included, tuple) else ()), *switches)
    return tuple(name for name in wanted if members.dimension(name).full_name not in present)


def partition(stage: MultiStage, groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """The groups within which a stage aggregates or ranks."""
    grain = stage.grain or {}
    kept: Any = stage.group_by if stage.group_by is not None else grain.get("keep_only")
    removed: Any = (*stage.reduce_by, *(grain.get("exclude", ()) if grain.get("exclude") != "*" else ()))
    if grain.get("exclude") == "*":
        return ()
    if kept is not None and kept != "*":
        return tuple(group for group in groups if group.target in kept)
    return tuple(group for group in groups if group.target not in removed)


def kept_filters(stage: MultiStage, shape: Shape, members: Members) -> Iterable[BoundFilter]:
    """The conditions over rows that a stage's inputs keep (none of the query's in mode fixed), and those that the
    stage adds; conditions over measures belong to the whole query."""
    rule = stage.filter or {}
    for included in rule.get("include", ()):
        yield bind_constants(_condition(included), members.model, shape.timezone)
    for entry in () if rule.get("mode") == "fixed" else shape.filters:
        names = {members.target(name).full_name for name in _names(entry)}
        if any(members.is_measure(name) for name in names):
            continue
        if "exclude" in rule and (rule["exclude"] == "*" or names & set(rule["exclude"])):
            continue
        if "keep_only" in rule and rule["keep_only"] != "*" and not names <= set(rule["keep_only"]):
            continue
        yield entry


def _condition(entry: PolicyFilter) -> Filter:
    """A filter as the data model writes it, as a query's."""
    if entry.connector is not None:
        return QueryGroup(entry.connector, tuple(_condition(child) for child in entry.children))
    return Condition(
        entry.member, entry.operator, tuple(None if value is None else str(value) for value in entry.values)
    )


def _names(entry: BoundFilter) -> tuple[str, ...]:
    if isinstance(entry, BoundCondition):
        return (entry.member,)
    if isinstance(entry, BoundGroup):
        return tuple(name for child in entry.children for name in _names(child))
    return entry.members


def _shifts(
    entry: TimeShift, groups: Iterable[Group], shape: Shape, members: Members, measure: Measure
) -> Iterator[Shift | KeyShift]:
    times = {members.dimension(time.dimension).full_name for time in shape.times}
    times |= {group.target for group in groups if group.granularity}
    if entry.time_dimension is not None:
        times &= {members.dimension(entry.time_dimension).full_name}
    for asked in shape.times:
        target = members.dimension(asked.dimension).full_name
        if target in times:
            check_shown(shape, measure.full_name, (asked.dimension, target))
    if entry.name is not None:
        entry = _named(entry.name, times, members, measure)
    for time in sorted(times):
        own = _of_calendar(entry, members.dimension(time))
        if own is not None:
            times -= {time}
            yield _key_shift(own, time, members, measure)
    if entry.interval is not None and entry.type is not None:
        for group in groups:
            if group.target in times:
                _check_movable(group, entry.interval, members, measure)
        sign = 1 if entry.type == "prior" else -1
        yield Shift(frozenset(times), parse_interval(entry.interval), sign)


def _check_movable(group: Group, interval: str, members: Members, measure: Measure) -> None:
    """Raise PlanError for buckets of which only the calendar knows where they are moved to."""
    custom = members.dimension(group.target).granularity(group.granularity or "")
    if custom is not None and custom.sql is not None:
        message = f"'{measure.full_name}' shifts '{group.key}' by {interval}, but its buckets are defined by SQL"
        advice = f"say in time_shift of {group.target} what {interval} means there: interval, type and sql"
        raise PlanError(message, place=measure.full_name, advice=advice, code="time_shift")


def _of_calendar(entry: TimeShift, dimension: Dimension) -> Sql | None:
    """What a time dimension of a calendar says itself about a shift of that name or interval."""
    for own in dimension.time_shift:
        if (own.name, own.type, _parsed(own)) == (entry.name, entry.type, _parsed(entry)):
            return own.sql
    return None


def _parsed(entry: TimeShift) -> Interval | None:
    return parse_interval(entry.interval) if entry.interval is not None else None


def _key_shift(sql: Sql, time: str, members: Members, measure: Measure) -> KeyShift:
    cube = members.model.cubes[time.partition(".")[0]]
    if not cube.calendar or len(cube.primary_key) != 1:
        message = f"'{measure.full_name}' shifts '{time}' by SQL, which only a calendar cube with one key can stand for"
        advice = f"say `calendar: true` in {cube.name}, and which dimension is its primary_key"
        raise PlanError(message, place=measure.full_name, advice=advice, code="time_shift")
    return KeyShift(cube.name, cube.primary_key[0].full_name, sql)


def _named(name: str, times: Iterable[str], members: Members, measure: Measure) -> TimeShift:
    """The shift of that name which a time dimension of the query (of a calendar cube) declares."""
    for time in sorted(times):
        for entry in members.dimension(time).time_shift:
            if entry.name == name:
                return entry
    message = f"'{measure.full_name}' uses the time shift '{name}', which no time dimension of the query declares"
    advice = "group by a time dimension of the calendar that declares it"
    raise PlanError(message, place=measure.full_name, advice=advice, code="time_shift")


def shifted_plan(plan: Plan, shifts: tuple[Shift | KeyShift, ...]) -> Plan:
    """The plan over shifted time: what happened `interval` ago counts as happening now."""
    return replace(plan, parts=tuple(_shifted_part(part, shifts) for part in plan.parts))


def _shifted_part(part: Part, shifts: tuple[Shift | KeyShift, ...]) -> Part:
    if isinstance(part, (Rows, Keys)):
        return replace(part, shifts=(*part.shifts, *shifts))
    if isinstance(part, (Windowed, Snapshot)):
        return replace(part, base=replace(part.base, shifts=(*part.base.shifts, *shifts)))
    return replace(part, inputs=shifted_plan(part.inputs, shifts))
