"""Which pre-aggregation answers a query, and in words why another does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from semantic.datamodel.checks import snippets
from semantic.datamodel.properties import GRANULARITIES
from semantic.datamodel.types import PreAggregation, RollupTime
from semantic.errors import PlanError
from semantic.plan.build import Planner, filter_members
from semantic.plan.composed import Built, Source, full_name, rollup_tree, rollups_of, source_of, whole
from semantic.plan.members import Members
from semantic.plan.types import Keys, Plan, Rows, Snapshot
from semantic.query.types import Query, TimeDimension

ADDITIVE = ("sum", "count", "min", "max")
ROLLS_UP_TO: Mapping[str, tuple[str, ...]] = {
    "second": GRANULARITIES,
    "minute": GRANULARITIES[1:],
    "hour": GRANULARITIES[2:],
    "day": GRANULARITIES[3:],
    "week": ("week",),
    "month": ("month", "quarter", "year"),
    "quarter": ("quarter", "year"),
    "year": ("year",),
}
"""The units that buckets of a unit can be summed up to."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pre-aggregation considered for a query: its full name, what it is read from when it answers, else the
    reason."""

    name: str
    source: Source | None
    reason: str
    rollup: PreAggregation


def candidates(planner: Planner, plan: Plan, built: Built) -> Iterator[Candidate]:
    """Every rollup of the cubes in a plan, in the order of writing, with the reason against it ("" for none)."""
    cubes = {cube for part in plan.parts if isinstance(part, Rows) for cube in part.tree.cubes}
    cubes |= {group.target.partition(".")[0] for group in plan.groups}
    cubes |= {value.target.partition(".")[0] for value in plan.values}
    for cube in planner.model.cubes.values():
        for rollup in cube.pre_aggregations if cube.name in cubes else ():
            if rollup.type == "original_sql":
                continue
            yield _candidate(planner, plan, whole(planner.model, rollup), built)


def _candidate(planner: Planner, plan: Plan, rollup: PreAggregation, built: Built) -> Candidate:
    try:
        source = mismatch(planner, plan, rollup) or source_of(planner, rollup, built)
    except PlanError as error:
        source = f"its members cannot be asked together: {error}"
    if isinstance(source, str):
        return Candidate(full_name(rollup), None, source, rollup)
    return Candidate(full_name(rollup), source, "", rollup)


def mismatch(planner: Planner, plan: Plan, rollup: PreAggregation) -> str:
    """Why a rollup cannot answer a plan's query; "" when it can."""
    if rollup.type not in ("rollup", "rollup_join", "rollup_lambda"):
        return f"pre-aggregations of type {rollup.type} are not used to answer queries"
    if plan.shape.ungrouped:
        return "the query asks for ungrouped rows"
    if plan.shape.masked:
        return "an access policy masks members of the query"
    return (
        _segment_mismatch(planner, plan, rollup)
        or _context_mismatch(planner, rollup)
        or _dimension_mismatch(planner, plan, rollup)
        or _join_mismatch(planner, plan, rollup)
        or _time_mismatch(planner, plan, rollup)
        or _switch_mismatch(planner, plan, rollup)
        or _measure_mismatch(planner, plan, rollup)
    )


def _segment_mismatch(planner: Planner, plan: Plan, rollup: PreAggregation) -> str:
    asked = [planner.members.target(name).full_name for name in plan.shape.segments]
    missing = [name for name in asked if name not in rollup.segments]
    return f"the query's segments ({', '.join(missing)}) are not columns of the rollup" if missing else ""


def _context_mismatch(planner: Planner, rollup: PreAggregation) -> str:
    """One table for all callers must not be built of what each caller sees differently."""
    rollups = (rollup, *(whole(planner.model, one) for one in rollups_of(planner.model, rollup)))
    for name in dict.fromkeys(cube for one in rollups for cube in rollup_tree(planner, one).cubes):
        cube = planner.model.cubes[name]
        members = (*cube.dimensions.values(), *cube.measures.values(), *cube.segments.values())
        texts = [sql for member in members for sql in snippets(member)]
        texts += [join.sql for join in cube.joins] + ([cube.sql] if cube.sql else [])
        if any(found.kind == "security_context" for sql in texts for found in sql.references.values()):
            return f"the SQL of {name} depends on the security context"
    return ""


def _join_mismatch(planner: Planner, plan: Plan, rollup: PreAggregation) -> str:
    """The same dimension means something else over another path of joins, and from another root."""
    built = rollup_tree(planner, rollup)
    edges = {(join.source, join.target) for join in built.joins}
    for part in plan.parts:
        if isinstance(part, Snapshot):
            names = ", ".join(part.measures)
            return f"{names} is of one moment of {part.moment.target}, which is chosen among the query's own rows"
        if not isinstance(part, (Rows, Keys)):
            return "the query has windows or stages of its own"
        tree = part.tree
        if tree.root != built.root or not {(join.source, join.target) for join in tree.joins} <= edges:
            return "it is built over other joins than the query's"
    return ""


def _dimension_mismatch(planner: Planner, plan: Plan, rollup: PreAggregation) -> str:
    needed = [group.target for group in plan.groups if group.granularity is None]
    rows, _ = planner.split_filters(plan.shape.conditions)
    needed += [planner.members.target(name).full_name for entry in rows for name in filter_members(entry)]
    missing = [name for name in dict.fromkeys(needed) if name not in rollup.dimensions]
    return f"it lacks the dimensions {', '.join(missing)}" if missing else ""


def _switch_mismatch(planner: Planner, plan: Plan, rollup: PreAggregation) -> str:
    """A rollup has its rows once for each value of a switch: they are the query's where it is about one value."""
    rows, _ = planner.split_filters(plan.shape.conditions)
    chosen = planner.chosen(plan.groups, rows)
    several = [name for name in planner.switches((*rollup.dimensions, *rollup.segments)) if name not in chosen]
    return f"it has every row once for each value of {several[0]}, and the query is not about one" if several else ""


def _time_mismatch(planner: Planner, plan: Plan, rollup: PreAggregation) -> str:
    times = {time.dimension: time.granularity for time in rollup.time_dimensions}
    for time in plan.shape.times:
        target = planner.members.dimension(time.dimension).full_name
        unit = times.get(target)
        if unit is None:
            return f"it lacks the time dimension {target}"
        if plan.shape.timezone != "UTC":
            return f"it is bucketed in UTC, and the query asks for {plan.shape.timezone}"
        if unit not in ROLLS_UP_TO:
            return f"its granularity {unit} is a custom one, which is not rolled up further"
        if time.granularity is not None and time.granularity not in ROLLS_UP_TO[unit]:
            return f"its buckets of a {unit} do not add up to {time.granularity}"
        loose = rollup.allow_non_strict_date_range_match
        if time.range is not None and unit not in time.range.aligned and not loose:
            return f"the date range does not begin and end with a whole {unit}"
    return ""


def _measure_mismatch(planner: Planner, plan: Plan, rollup: PreAggregation) -> str:
    names = [value.name for value in plan.values]
    names += [name for entry in plan.having for name in filter_members(entry)]
    leaves = dict.fromkeys(leaf for name in names for leaf in planner.members.leaves(name))
    missing = [leaf for leaf in leaves if leaf not in rollup.measures]
    if missing:
        return f"it lacks the measures {', '.join(missing)}"
    for leaf in leaves:
        measure = planner.members.measure(leaf)
        if measure.rolling_window is not None or measure.multi_stage is not None:
            return f"{leaf} looks at rows outside its own group"
    if _is_exact(plan, rollup):
        return ""
    multiplied = rollup_tree(planner, rollup).multiplied
    for leaf in leaves:
        measure = planner.members.measure(leaf)
        if measure.type not in ADDITIVE:
            return f"{leaf} (type {measure.type}) does not add up from finer groups"
        if measure.cube in multiplied and measure.type in ("sum", "count"):
            return f"{leaf} is repeated by the rollup's joins, and does not add up from finer groups"
    return ""


def _is_exact(plan: Plan, rollup: PreAggregation) -> bool:
    """Whether the query groups exactly as the rollup does, so that its rows are the answer as they are. Joined rollups
    are grouped by their keys besides."""
    if rollup.type == "rollup_join":
        return False
    plain = {group.target for group in plan.groups if group.granularity is None}
    times = {RollupTime(group.target, group.granularity) for group in plan.groups if group.granularity is not None}
    return not rollup.segments and plain == set(rollup.dimensions) and times == set(rollup.time_dimensions)


def rollup_query(members: Members, name: str) -> Query:
    """The query whose result is a rollup's table: columns are called as in any result, and each segment is one. Raises
    KeyError."""
    cube, _, short = name.partition(".")
    rollups = {entry.name: entry for entry in members.model.cubes[cube].pre_aggregations}
    return members_query(members, whole(members.model, rollups[short]))


def members_query(members: Members, rollup: PreAggregation) -> Query:
    """The query for all members of a rollup."""
    times = tuple(TimeDimension(time.dimension, time.granularity) for time in rollup.time_dimensions)
    dimensions = (*rollup.dimensions, *map(members.segment_column, rollup.segments))
    return replace(Query(), measures=rollup.measures, dimensions=dimensions, time_dimensions=times, order=())
