"""`canUseTransformedQuery`: what a query needs of a rollup, as `/sql` and `/dry-run` report it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from semantic.datamodel.types import DataModel, Dimension, Measure, Segment
from semantic.query.types import Condition, Filter, Group, Query
from semantic.rest.members import alias_target, is_owned

_ADDITIVE = frozenset({"count", "sum", "min", "max", "count_distinct_approx"})
_CALCULATED = frozenset({"number", "string", "boolean", "time"})
_CHAIN = ("year", "quarter", "month", "day", "hour", "minute", "second")
_CALENDAR = {"week": ("week", *_CHAIN[3:]), **{name: _CHAIN[index:] for index, name in enumerate(_CHAIN)}}

Json = dict[str, object]


def transformed_query(model: DataModel, query: Query) -> Json:
    """The members that a rollup would have to hold, the leaf measures, and whether everything adds up."""
    measures = [member for name in query.measures if isinstance(member := model.member(name), Measure)]
    leaves = {one.full_name: list(_leaves(model, one)) for one in measures}
    grouped = [[one.dimension, one.granularity] for one in query.time_dimensions]
    filtered = list(_filtered_dimensions(model, query.filters))
    dimensions = sorted({*query.dimensions, *filtered, *query.segments})
    distinct = _unique(leaf.full_name for found in leaves.values() for leaf in found)
    return {
        "sortedDimensions": dimensions,
        "sortedTimeDimensions": sorted(grouped, key=str),
        "timeDimensions": grouped,
        "measures": [one.full_name for one in measures],
        "leafMeasureAdditive": all(_additive(leaf) for found in leaves.values() for leaf in found),
        "leafMeasures": distinct,
        "leafMeasuresFullPaths": distinct,
        "measureToLeafMeasures": {name: [_leaf(leaf) for leaf in found] for name, found in leaves.items()},
        "hasNoTimeDimensionsWithoutGranularity": all(one.granularity for one in query.time_dimensions),
        "allFiltersWithinSelectedDimensions": set(filtered) <= set(query.dimensions),
        "isAdditive": all(_additive(one) for one in measures),
        "granularityHierarchies": granularity_hierarchies(model),
        "hasMultipliedMeasures": False,
        "hasCumulativeMeasures": any(one.rolling_window for one in measures),
        "windowGranularity": None,
        "filterDimensionsSingleValueEqual": dict(_single_values(model, query.filters)),
        "ownedDimensions": [name for name in dimensions if not _is_alias(model, name)],
        "ownedTimeDimensionsWithRollupGranularity": [one for one in grouped if not _is_alias(model, str(one[0]))],
        "ownedTimeDimensionsAsIs": [one for one in grouped if not _is_alias(model, str(one[0]))],
        "allBackAliasMembers": _aliases(model, query),
        "hasMultiStage": any(one.multi_stage for one in measures),
    }


def granularity_hierarchies(model: DataModel) -> dict[str, list[str]]:
    """For each granularity of each time dimension, the granularities that it can be computed from."""
    found: dict[str, list[str]] = {}
    for cube in model.cubes.values():
        for dimension in cube.dimensions.values():
            if dimension.type != "time":
                continue
            for name, chain in _CALENDAR.items():
                found[f"{dimension.full_name}.{name}"] = list(chain)
            for custom in dimension.granularities:
                unit = _finest(custom.interval, custom.offset)
                found[f"{dimension.full_name}.{custom.name}"] = [custom.name, *_CALENDAR[unit]]
    return found


def _finest(interval: str | None, offset: str | None) -> str:
    """The finest calendar unit in the texts of a custom granularity; weeks start on days."""
    words = [word.rstrip("s") for text in (interval, offset) if text for word in text.split()]
    units = ["day" if word == "week" else word for word in words]
    return max((word for word in units if word in _CHAIN), key=_CHAIN.index, default="second")


def member_names(model: DataModel, query: Query) -> list[str]:
    """All members that a query's SQL reads: each measure with what it counts, then dimensions."""
    names: list[str] = []
    for name in query.measures:
        names.append(name)
        member = model.member(name)
        if isinstance(member, Measure):
            names.extend(_counted(model, member))
    names.extend(_filtered_dimensions(model, query.filters))
    names.extend(query.segments)
    names.extend(query.dimensions)
    names.extend(one.dimension for one in query.time_dimensions)
    return _unique(names)


def _counted(model: DataModel, measure: Measure) -> Iterator[str]:
    if measure.type == "count" and measure.sql is None:
        yield from (one.full_name for one in model.cubes[measure.cube].primary_key)
    yield from (leaf.full_name for leaf in _leaves(model, measure) if leaf is not measure)


def _leaves(model: DataModel, measure: Measure, seen: frozenset[str] = frozenset()) -> Iterator[Measure]:
    """The measures at the bottom of a calculated one; itself where it is not calculated."""
    if measure.alias_of is not None:
        original = model.member(measure.alias_of.name)
        if isinstance(original, Measure) and original is not measure:
            yield from _leaves(model, original, seen)
            return
    parts = list(_referenced_measures(model, measure)) if measure.type in _CALCULATED else []
    if not parts or measure.full_name in seen:
        yield measure
        return
    for part in parts:
        yield from _leaves(model, part, seen | {measure.full_name})


def _referenced_measures(model: DataModel, measure: Measure) -> Iterator[Measure]:
    references = measure.sql.references.values() if measure.sql else ()
    for reference in references:
        if reference.kind == "member" and len(reference.path) >= 2:
            member = model.member(".".join(reference.path[-2:]))
            if isinstance(member, Measure):
                yield member


def _additive(measure: Measure) -> bool:
    return measure.type in _ADDITIVE and measure.multi_stage is None


def _leaf(measure: Measure) -> Json:
    head, *tail = measure.type.split("_")
    kind = head + "".join(word.title() for word in tail)
    return {"measure": measure.full_name, "additive": _additive(measure), "type": kind}


def _conditions(filters: Iterable[Filter]) -> Iterator[Condition]:
    for one in filters:
        if isinstance(one, Group):
            yield from _conditions(one.children)
        elif isinstance(one, Condition):
            yield one


def _filtered_dimensions(model: DataModel, filters: Iterable[Filter]) -> Iterator[str]:
    for one in _conditions(filters):
        if isinstance(model.member(one.member), (Dimension, Segment)):
            yield one.member


def _single_values(model: DataModel, filters: Iterable[Filter]) -> Iterator[tuple[str, bool]]:
    for one in filters:
        if isinstance(one, Condition) and one.operator == "equals" and isinstance(model.member(one.member), Dimension):
            yield one.member, len(one.values) == 1


def _is_alias(model: DataModel, name: str) -> bool:
    member = model.member(name)
    return member is not None and not is_owned(member)


def _aliases(model: DataModel, query: Query) -> dict[str, str]:
    names = [*query.measures, *query.dimensions, *(one.dimension for one in query.time_dimensions)]
    members = [(name, model.member(name)) for name in names]
    found = {name: alias_target(one) for name, one in members if one is not None}
    return {name: target for name, target in found.items() if target is not None}


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
