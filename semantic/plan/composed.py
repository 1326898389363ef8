"""What a pre-aggregation is read from: its own table, rollups joined on keys, or rollups one after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from semantic.datamodel.properties import GRANULARITIES
from semantic.datamodel.types import DataModel, Join, PreAggregation, RollupTime
from semantic.plan.build import Planner
from semantic.plan.joins import JoinTree


@dataclass(frozen=True, slots=True)
class Stored:
    """A rollup and its table."""

    rollup: PreAggregation
    table: str

    @property
    def name(self) -> str:
        return full_name(self.rollup)


@dataclass(frozen=True, slots=True)
class Hop:
    """A rollup joined to those before it. `keys` pairs dimensions of the rollup called `source` with its own."""

    source: str
    target: Stored
    keys: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """A rollup_join: `holders` says which rollup (by full name) each dimension and time dimension is read from;
    measures are those of the first."""

    first: Stored
    hops: tuple[Hop, ...]
    holders: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Layer:
    """A rollup of a rollup_lambda. `names` gives its own member for each of the lambda's."""

    stored: Stored
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class United:
    """A rollup_lambda: layers in order, each up to where the next one takes over, told apart by buckets of `time`.
    `with_source` lets the rows of the cube itself follow the last layer."""

    layers: tuple[Layer, ...]
    time: RollupTime | None
    with_source: bool


Source = Stored | Joined | United


def tables_of(source: Source) -> tuple[Stored, ...]:
    """The rollups whose tables a pre-aggregation is read from."""
    if isinstance(source, Stored):
        return (source,)
    if isinstance(source, Joined):
        return (source.first, *(hop.target for hop in source.hops))
    return tuple(layer.stored for layer in source.layers)


@dataclass(frozen=True, slots=True)
class Built:
    """The tables of the pre-aggregations that may be read, by full name, and what is wrong with others: `is older than
    core.events`, or what `otherwise` says."""

    tables: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = "has not been built"

    def table(self, name: str) -> str | None:
        return self.tables.get(name)

    def reason(self, name: str) -> str:
        """What is wrong with one that has no table to read."""
        return self.reasons.get(name, self.otherwise)


def full_name(rollup: PreAggregation) -> str:
    """What a pre-aggregation is called from outside of its cube."""
    return f"{rollup.cube}.{rollup.name}"


def pre_aggregation(model: DataModel, name: str) -> PreAggregation:
    """A pre-aggregation by its full name. Raises KeyError."""
    cube, _, short = name.partition(".")
    return {entry.name: entry for entry in model.cubes[cube].pre_aggregations}[short]


def whole(model: DataModel, rollup: PreAggregation) -> PreAggregation:
    """A pre-aggregation with its members: a rollup_lambda that lists none has those of its first rollup."""
    if rollup.type != "rollup_lambda" or rollup.measures or rollup.dimensions or rollup.time_dimensions:
        return rollup
    first = next(rollups_of(model, rollup))
    return replace(
        rollup,
        measures=first.measures,
        dimensions=first.dimensions,
        segments=first.segments,
        time_dimensions=first.time_dimensions,
    )


def rollup_tree(planner: Planner, rollup: PreAggregation) -> JoinTree:
    """The joins that a rollup is built over."""
    times = tuple(time.dimension for time in rollup.time_dimensions)
    return planner.tree(planner.hints_of([*rollup.measures, *rollup.dimensions, *rollup.segments, *times]))


def source_of(planner: Planner, rollup: PreAggregation, built: Built) -> Source | str:
    """Where the rows of a whole pre-aggregation are, or in words why they cannot be had."""
    if rollup.type == "rollup":
        table = built.table(full_name(rollup))
        return Stored(rollup, table) if table else f"it {built.reason(full_name(rollup))}"
    stored = []
    for part in rollups_of(planner.model, rollup):
        if part.type != "rollup":
            return f"{full_name(part)} in it is no rollup but a {part.type}"
        table = built.table(full_name(part))
        if table is None:
            return f"its rollup {full_name(part)} {built.reason(full_name(part))}"
        stored.append(Stored(part, table))
    if rollup.type == "rollup_join":
        return _joined(planner, rollup, stored)
    return _united(rollup, stored)


def rollups_of(model: DataModel, rollup: PreAggregation) -> Iterator[PreAggregation]:
    """The pre-aggregations that one is made of."""
    for name in rollup.rollups:
        cube, _, short = name.partition(".")
        yield next(entry for entry in model.cubes[cube].pre_aggregations if entry.name == short)


# rollup_join: the joins of the whole that none of its rollups has made already


def _joined(planner: Planner, rollup: PreAggregation, stored: list[Stored]) -> Joined | str:
    tree = rollup_tree(planner, rollup)
    first = _beginning(planner, tree.root, stored)
    if isinstance(first, str):
        return first
    placed = dict.fromkeys(_held(planner, first, tree), first)
    hops = []
    for join in tree.joins:
        if join.target in placed:
            continue
        target = _beginning(planner, join.target, stored)
        if isinstance(target, str):
            return target
        keys = _keys(planner, join, placed[join.source], target)
        if isinstance(keys, str):
            return keys
        hops.append(Hop(placed[join.source].name, target, keys))
        placed |= {cube: target for cube in _held(planner, target, tree) if cube not in placed}
    if not hops:
        return f"its rollups have nothing to join: {first.name} alone is built over all of its joins"
    holders = _holders(planner, rollup, placed)
    return holders if isinstance(holders, str) else Joined(first, tuple(hops), holders)


def _beginning(planner: Planner, cube: str, stored: list[Stored]) -> Stored | str:
    """The rollup whose rows begin at a cube, so that each of the cube's keys is in one row of it at most."""
    found = [part for part in stored if rollup_tree(planner, part.rollup).root == cube]
    if len(found) == 1:
        return found[0]
    return f"{'several' if found else 'none'} of its rollups begin{'' if found else 's'} at {cube}"


def _held(planner: Planner, part: Stored, tree: JoinTree) -> Iterator[str]:
    """The cubes that a rollup reaches by the same joins as the whole."""
    own = rollup_tree(planner, part.rollup)
    edges = {(join.source, join.target) for join in own.joins}
    held = {own.root}
    for join in tree.joins:
        if join.source in held and (join.source, join.target) in edges:
            held.add(join.target)
    yield from held


def _keys(planner: Planner, join: Join, source: Stored, target: Stored) -> tuple[tuple[str, str], ...] | str:
    """The dimensions that two rollups are joined on. They must be the whole key of the joined cube, and its rollup
    must not repeat its rows; else a join of groups repeats what a join of rows does not."""
    name = f"the join from {join.source} to {join.target}"
    if join.relationship == "one_to_many":
        return f"{name} repeats rows (one_to_many)"
    pairs = []
    for condition in join.sql.tree.flatten() if isinstance(join.sql.tree, exp.And) else (join.sql.tree,):
        pair = _pair(planner, join, condition.unnest())
        if pair is None:
            return f"{name} is more than equal dimensions of the two: `{join.sql.text}`"
        pairs.append(pair)
    if not {key.full_name for key in planner.model.cubes[join.target].primary_key} <= {own for _, own in pairs}:
        return f"{name} is not on the primary key of {join.target}"
    switches = [name for name in target.rollup.dimensions if planner.members.dimension(name).type == "switch"]
    if switches or join.target in rollup_tree(planner, target.rollup).multiplied:
        return f"{target.name} repeats the rows of {join.target}"
    for part, wanted in ((source, {one for one, _ in pairs}), (target, {own for _, own in pairs})):
        missing = sorted(wanted - set(part.rollup.dimensions))
        if missing:
            return f"{name} needs {', '.join(missing)} among the dimensions of {part.name}"
    return tuple(pairs)


def _pair(planner: Planner, join: Join, condition: exp.Expr) -> tuple[str, str] | None:
    """The dimensions that a condition holds equal: of the cube joined from, and of the cube joined."""
    if not isinstance(condition, exp.EQ):
        return None
    sides = [condition.this.unnest(), condition.expression.unnest()]
    found = {}
    for side in sides:
        reference = join.sql.references.get(side.name) if isinstance(side, exp.Column) and not side.table else None
        if reference is None or reference.kind != "member" or reference.granularity:
            return None
        target = planner.members.target(".".join(reference.path[-2:]))
        found[reference.path[-2]] = target.full_name
    if set(found) != {join.source, join.target}:
        return None
    return found[join.source], found[join.target]


def _holders(planner: Planner, rollup: PreAggregation, placed: Mapping[str, Stored]) -> Mapping[str, str] | str:
    """The rollup that each dimension is read from: one that has it, and reaches all it is computed from alike."""
    first = next(iter(placed.values()))
    missing = [name for name in rollup.measures if name not in first.rollup.measures]
    if missing:
        return f"its measures {', '.join(missing)} are not in {first.name}, whose rows the others are joined to"
    repeated = rollup_tree(planner, first.rollup).multiplied
    for name in rollup.measures:
        if planner.members.measure(name).cube in repeated and planner.members.measure(name).type in ("sum", "count"):
            return f"{name} is repeated by the joins of {first.name}, and does not add up from finer groups"
    times = [(time.dimension, time) for time in rollup.time_dimensions]
    wanted = [*((name, None) for name in (*rollup.dimensions, *rollup.segments)), *times]
    holders = {}
    for name, time in wanted:
        owners = {placed[cube].name: placed[cube] for hint in planner.hints_of([name]) for cube in hint}
        owner = next(iter(owners.values()))
        kept = owner.rollup
        has = time in kept.time_dimensions if time else name in (*kept.dimensions, *kept.segments)
        if len(owners) > 1 or not has:
            shown = f"{name} by {time.granularity}" if time else name
            return f"{shown} is not in its rollup {owner.name}"
        holders[name] = owner.name
    return holders


# rollup_lambda: the same columns in every layer


def _united(rollup: PreAggregation, stored: list[Stored]) -> United | str:
    layers = []
    for part in stored:
        names = _own_names(rollup, part.rollup)
        if isinstance(names, str):
            return names
        layers.append(Layer(part, names))
    with_source = rollup.union_with_source_data
    if with_source and stored[-1].rollup.cube != rollup.cube:
        return f"the rows of {rollup.cube} itself cannot follow {stored[-1].name}, which is of another cube"
    time = next(iter(rollup.time_dimensions), None)
    if time is None and len(layers) + with_source > 1:
        return "without a time dimension nothing says where one of its rollups ends and the next begins"
    if with_source and time is not None and time.granularity not in GRANULARITIES:
        return f"its granularity {time.granularity} is a custom one, from which its source rows are not cut off"
    return United(tuple(layers), time, with_source)


def _own_names(whole: PreAggregation, part: PreAggregation) -> Mapping[str, str] | str:
    """A layer's member for each of the lambda's: the same, or the one of that name in the layer's own cube."""
    times = {time.dimension: time.granularity for time in part.time_dimensions}
    names = {}
    for kind, wanted, own in (
        ("measures", whole.measures, part.measures),
        ("dimensions", whole.dimensions, part.dimensions),
        ("segments", whole.segments, part.segments),
        ("time dimensions", tuple(time.dimension for time in whole.time_dimensions), tuple(times)),
    ):
        for name in wanted:
            names[name] = name if name in own else f"{part.cube}.{name.partition('.')[2]}"
        if {names[name] for name in wanted} != set(own):
            return f"it and {full_name(part)} have other {kind}"
    for time in whole.time_dimensions:
        if times[names[time.dimension]] != time.granularity:
            return f"{full_name(part)} has buckets of a {times[names[time.dimension]]}, not of a {time.granularity}"
    return names
