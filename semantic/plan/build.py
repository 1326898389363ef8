"""From a shape to a plan: resolve, join, find what is multiplied, and split the measures into parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from semantic.datamodel.types import DataModel, Measure
from semantic.errors import PlanError
from semantic.plan.filling import filled_series
from semantic.plan.joins import Hint, JoinGraph, JoinTree, mentioned_cubes
from semantic.plan.members import Members
from semantic.plan.shape import BoundCondition, BoundFilter, BoundGroup, Shape, parted
from semantic.plan.snapshots import INDIFFERENT, base_groups, by_choice, snapshot
from semantic.plan.stages import staged
from semantic.plan.types import Group, Keys, Part, Plan, Rows, Snapshot, Staged, Value, Where, Windowed
from semantic.plan.windows import (
    ADDITIVE,
    base_unit,
    check_shown,
    check_type,
    series_of,
    series_range,
    series_unit,
    whole_range,
)
from semantic.query.parse import EMPTY
from semantic.query.types import SqlCondition

# A join may repeat their rows and they stay the same; counts look at distinct keys instead.
_INDIFFERENT = ("count", "count_distinct", "count_distinct_approx", "min", "max")


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans shapes over one data model."""

    model: DataModel
    members: Members
    graph: JoinGraph

    def plan(self, shape: Shape) -> Plan:
        """The plan of a shape. Raises PlanError when there is no SQL that would be right."""
        groups = self.groups(shape)
        if not groups and not shape.measures:
            raise PlanError(EMPTY, place="query", advice="ask at least one member's values", code="empty_query")
        values = tuple(Value(alias_of(name), name, self.members.target(name).full_name) for name in shape.measures)
        where_filters, having = self.split_filters(shape.conditions)
        where = Where(tuple(time for time in shape.times if time.range), shape.segments, where_filters)
        wanted = [*shape.measures, *(name for entry in having for name in filter_members(entry))]
        repeated = self._check_switches(wanted, groups, where)
        fill = filled_series(shape, groups, values, self.members)
        try:
            tree = self.tree(self.hints(shape))
        except PlanError as error:
            if error.code != "no_join_path" or shape.ungrouped:
                raise
            parts = tuple(self._facts(wanted, groups, where, shape, error))
            return Plan(shape, groups, values, parts, having, union=True, fill=fill)
        tree = tree.all_repeated() if repeated else tree
        parts = tuple(self.parts(wanted, tree, groups, where, shape))
        return Plan(shape, groups, values, parts, having, any(_is_shifted(part) for part in parts), fill)

    def _facts(
        self, wanted: Sequence[str], groups: tuple[Group, ...], where: Where, shape: Shape, error: PlanError
    ) -> Iterator[Part]:
        """The measures of several facts, each over joins of its own, by dimensions that all of them share."""
        repeated = self._check_switches(wanted, groups, where)
        facts: dict[str, list[str]] = {}
        for name in wanted:
            for leaf in self.members.leaves(name):
                facts.setdefault(self.members.measure(leaf).cube, []).append(leaf)
        if len(facts) < 2:
            raise error
        # Every fact reaches a shared dimension by its own path: a view's path leads from one of them only.
        groups = tuple(replace(group, name=group.target) for group in groups)
        where = retargeted(where, self.members)
        names = [*(group.name for group in groups), *where_members(where)]
        for leaves in facts.values():
            tree = self.tree(self.hints_of([*leaves, *names]))
            tree = tree.all_repeated() if repeated else tree
            yield from self.parts(tuple(dict.fromkeys(leaves)), tree, groups, where, shape)

    def _check_switches(self, wanted: Sequence[str], groups: Sequence[Group], where: Where) -> bool:
        """Whether rows stand beside several values of a switch in one group. A measure that depends on a switch has a
        meaning only for one value of it at a time; other measures look at each row once."""
        if not self.members.has_switches:
            return False
        chosen = self.chosen(groups, where.filters)
        shared = [*(group.name for group in groups), *where_members(where)]
        several = [name for name in self.switches(shared) if name not in chosen]
        for name in wanted:
            needed = self.switches([name])
            missing = next(
                (switch for switch in needed if switch not in chosen), several[0] if needed and several else ""
            )
            if missing:
                message = f"'{name}' depends on the switch '{missing}', and the query says nothing about it"
                if missing not in needed:
                    message = f"'{name}' depends on a switch, and the query has several values of '{missing}' at once"
                advice = f"group by {missing}, or filter it to one value"
                raise PlanError(message, place=name, advice=advice, code="switch")
        return bool(several)

    def chosen(self, groups: Iterable[Group], filters: Iterable[BoundFilter]) -> set[str]:
        """The dimensions that have one value in each group: grouped by, or filtered to one."""
        found = {group.target for group in groups}
        for entry in filters:
            if isinstance(entry, BoundCondition) and entry.operator in ("equals", "in") and len(entry.slots) == 1:
                found.add(self.members.target(entry.member).full_name)
        return found

    def switches(self, names: Iterable[str]) -> list[str]:
        """The switches that members depend on."""
        subs = (sub for name in names for sub in self.members.dependencies(name).sub_queries)
        return [sub for sub in dict.fromkeys(subs) if self.members.dimension(sub).type == "switch"]

    # Resolution

    def groups(self, shape: Shape) -> tuple[Group, ...]:
        """The columns to group by: dimensions, then time dimensions with a granularity."""
        found = [Group(alias_of(name), name, self.members.dimension(name).full_name) for name in shape.dimensions]
        for time in shape.times:
            if time.granularity is not None:
                alias = f"{alias_of(time.dimension)}_{time.granularity}"
                target = self.members.dimension(time.dimension).full_name
                found.append(Group(alias, time.dimension, target, time.granularity))
        return tuple(dict.fromkeys(found))

    def hints(self, shape: Shape) -> tuple[Hint, ...]:
        """The join hints of all members, in the order that decides the root: measures come first."""
        names: list[str] = [*shape.measures, *shape.dimensions, *shape.segments]
        dimensions, measures = self.split_filters(shape.conditions)
        names += [name for entry in (*dimensions, *measures) for name in filter_members(entry)]
        names += [time.dimension for time in shape.times]
        return self.hints_of(names, shape.join_hints)

    def hints_of(self, names: Iterable[str], first: Sequence[Hint] = ()) -> tuple[Hint, ...]:
        found: dict[Hint, None] = dict.fromkeys(first)
        for name in names:
            found.update(dict.fromkeys(self.members.dependencies(name).hints))
        return tuple(found)

    def tree(self, hints: tuple[Hint, ...]) -> JoinTree:
        """The join tree, with the cubes that join conditions mention joined before they are needed."""
        tree = self.graph.tree(hints)
        for _ in range(100):
            cubes = set(tree.cubes)
            needed: dict[Hint, None] = {}
            for join in tree.joins:
                needed.update({(cube,): None for cube in mentioned_cubes(join) if cube not in cubes})
            if not needed:
                return tree
            hints = (*hints, *needed)
            tree = self.graph.tree(hints)
        message = "Can not construct joins for the query, potential loop detected"
        raise PlanError(message, place=tree.root, code="join_loop")

    # Filters

    def split_filters(self, filters: Sequence[BoundFilter]) -> tuple[tuple[BoundFilter, ...], tuple[BoundFilter, ...]]:
        """Conditions over rows, and conditions over measures (HAVING). An `or` of both has no meaning."""
        rows: list[BoundFilter] = []
        aggregates: list[BoundFilter] = []
        for entry in parted(filters):
            kinds = {self.members.is_measure(name) for name in filter_members(entry)}
            if len(kinds) > 1:
                message = "You cannot use dimension and measure in same condition"
                names = ", ".join(filter_members(entry))
                raise PlanError(message, place=names, advice="put them under `and`, not `or`", code="mixed_filter")
            (aggregates if True in kinds else rows).append(entry)
        return tuple(rows), tuple(aggregates)

    # Parts

    def parts(
        self, measures: Sequence[str], tree: JoinTree, groups: tuple[Group, ...], where: Where, shape: Shape
    ) -> Iterator[Part]:
        """The measures sorted into what one select can compute together."""
        if shape.ungrouped or not measures:
            names = tuple(dict.fromkeys(self.members.target(name).full_name for name in measures))
            yield Rows(tree, names, groups, where)
            return
        every = dict.fromkeys(leaf for name in measures for leaf in self.members.leaves(name))
        stages = [leaf for leaf in every if self.members.is_stage(self.members.measure(leaf))]
        windows = [
            leaf for leaf in every if leaf not in stages and self.members.measure(leaf).rolling_window is not None
        ]
        moments = by_choice(every, self.members)
        apart = {*stages, *windows, *(leaf for leaves in moments.values() for leaf in leaves)}
        yield from self._aggregates([leaf for leaf in every if leaf not in apart], tree, groups, where)
        for leaves in moments.values():
            yield self._snapshot(leaves, tree, groups, where)
        for leaf in windows:
            yield self._windowed(leaf, tree, groups, where, shape)
        for leaf in stages:
            yield staged(self.members.measure(leaf), groups, shape, self.members, self.plan)

    def _aggregates(
        self, leaves: Sequence[str], tree: JoinTree, groups: tuple[Group, ...], where: Where
    ) -> Iterator[Rows | Keys]:
        """One select over all joins when nothing is multiplied; else each measure over no more joins than it needs."""
        plain = [leaf for leaf in leaves if not self._is_multiplied(leaf, tree)]
        shared = [*(group.name for group in groups), *where_members(where)]
        if len(plain) == len(leaves):
            if plain:
                yield Rows(tree, tuple(plain), groups, where)
            return
        rows: dict[tuple[str, ...], tuple[JoinTree, list[str]]] = {}
        keys: dict[str, tuple[JoinTree, list[str]]] = {}
        for leaf in leaves:
            # Measures that stay themselves share one scan, over what any of them needs.
            needed = self._pruned(tree, [*(plain if leaf in plain else [leaf]), *shared])
            if self._is_multiplied(leaf, needed):
                keys.setdefault(self.members.measure(leaf).cube, (needed, []))[1].append(leaf)
            else:
                rows.setdefault(needed.cubes, (needed, []))[1].append(leaf)
        for needed, names in rows.values():
            yield Rows(needed, tuple(names), groups, where)
        for cube, (_, names) in keys.items():
            yield self.keys(cube, names, self._pruned(tree, [*names, *shared]), groups, where)

    def _pruned(self, tree: JoinTree, names: Iterable[str]) -> JoinTree:
        return self.graph.pruned(tree, {cube for hint in self.hints_of(names) for cube in hint})

    def _windowed(self, leaf: str, tree: JoinTree, groups: tuple[Group, ...], where: Where, shape: Shape) -> Part:
        measure = self.members.measure(leaf)
        window = measure.rolling_window
        if window is None:
            raise PlanError(f"'{leaf}' has no rolling window", place=leaf, code="rolling_window")
        check_type(measure)
        times = [self.members.dimension(group.name) for group in groups if group.granularity]
        series = series_of(groups, shape.times, times)
        if series is None:
            return next(self._aggregates([leaf], tree, groups, whole_range(where, window)))
        check_shown(shape, leaf, (series.time.name, series.time.target))
        # What joins repeat is counted by its keys, and those do not add up over buckets either.
        raw = measure.type not in ADDITIVE or (measure.cube in tree.multiplied and measure.type == "count")
        granularity = series.time.granularity or "day"
        unit = base_unit(window, series_unit(self.members.dimension(series.time.name), granularity))
        by = unit if measure.type in ADDITIVE else None
        base_time = Group("bucketed_at", series.time.name, series.time.target, by, local=True)
        base_groups = (*(group for group in groups if group.granularity is None), base_time)
        base = next(self._aggregates([leaf], tree, base_groups, series_range(where, window, series)))
        return Windowed(replace(base, raw=raw), leaf, window, series.time, base_time, groups, series.bound)

    def _snapshot(self, leaves: Sequence[str], tree: JoinTree, groups: tuple[Group, ...], where: Where) -> Snapshot:
        measures = [self.members.measure(leaf) for leaf in leaves]
        said, cube = measures[0].non_additive, measures[0].cube
        if said is None:
            raise PlanError(f"'{leaves[0]}' adds up", place=leaves[0], code="non_additive_dimension")
        known = base_groups(said, groups)
        needed = self._pruned(tree, [*leaves, *(group.name for group in known), *where_members(where)])
        base: Rows | Keys = Rows(needed, tuple(leaves), known, where)
        if cube in needed.multiplied and any(measure.type not in INDIFFERENT for measure in measures):
            base = self.keys(cube, leaves, needed, known, where)
        return snapshot(said, base, groups, self.members)

    def keys(self, cube: str, names: Sequence[str], tree: JoinTree, groups: tuple[Group, ...], where: Where) -> Keys:
        """The part of a cube's multiplied measures. Their own cubes must not multiply it again."""
        if not self.model.cubes[cube].primary_key:
            message = f"Joins repeat the rows of '{cube}', which has no primary key to tell them apart"
            raise PlanError(message, place=names[0], advice=f"declare a primary_key in {cube}", code="no_primary_key")
        own = self.graph.rooted(cube, self.hints_of(names))
        if cube in own.multiplied:
            shown = ", ".join(names)
            message = f"'{shown}' references cubes that lead to row multiplication. Please rewrite it using sub query."
            raise PlanError(message, place=shown, advice="use a dimension with `sub_query: true`", code="fan_out")
        return Keys(tree, cube, own, tuple(names), groups, where)

    def _is_multiplied(self, leaf: str, tree: JoinTree) -> bool:
        measure = self.members.measure(leaf)
        if measure.cube not in tree.multiplied:
            return False
        return not _keeps_under_joins(measure, self.model)


def _keeps_under_joins(measure: Measure, model: DataModel) -> bool:
    if measure.type == "count":
        # Counting distinct keys needs a key, and no value of its own to count.
        return bool(model.cubes[measure.cube].primary_key) and measure.sql is None
    return measure.type in _INDIFFERENT


def _is_shifted(part: Part) -> bool:
    if isinstance(part, Staged):
        return any(_is_shifted(inner) for inner in part.inputs.parts)
    return bool(part.base.shifts if isinstance(part, (Windowed, Snapshot)) else part.shifts)


def retargeted(where: Where, members: Members) -> Where:
    """The same conditions over the cube members behind a view's."""

    def renamed(entry: BoundFilter) -> BoundFilter:
        if isinstance(entry, BoundGroup):
            return replace(entry, children=tuple(renamed(child) for child in entry.children))
        if isinstance(entry, BoundCondition):
            return replace(entry, member=members.target(entry.member).full_name)
        return entry

    return Where(
        times=tuple(replace(time, dimension=members.target(time.dimension).full_name) for time in where.times),
        segments=tuple(members.target(name).full_name for name in where.segments),
        filters=tuple(renamed(entry) for entry in where.filters),
    )


def where_members(where: Where) -> tuple[str, ...]:
    """Every member that rows are restricted by."""
    filtered = (name for entry in where.filters for name in filter_members(entry))
    times = (time.dimension for time in where.times)
    return (*filtered, *where.segments, *times, *(reach.dimension for reach in where.windows))


def alias_of(name: str) -> str:
    """The column alias of a member: `orders.created_at` -> `orders__created_at`."""
    return name.replace(".", "__")


def filter_members(entry: BoundFilter) -> tuple[str, ...]:
    """The members that a condition is over."""
    if isinstance(entry, BoundCondition):
        return (entry.member,)
    if isinstance(entry, SqlCondition):
        return entry.members
    return tuple(name for child in entry.children for name in filter_members(child))
