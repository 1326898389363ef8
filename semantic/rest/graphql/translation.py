"""From a GraphQL selection to a REST query, and from REST rows to GraphQL's nested ones.

{ cube(limit: 2) { orders(orderBy: {count: desc}) { count created_at { month } } } }
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from semantic.datamodel.types import Cube, DataModel, Dimension, Measure
from semantic.rest.errors import BadRequest
from semantic.rest.graphql.syntax import Field, Value
from semantic.rest.members import value_type

ROOT = "cube"
RAW = "value"
"""The granularity that means none: the time as it is."""

_OPERATORS = {"in": "equals", "notIn": "notEquals"}
_OPTIONS = ("limit", "offset", "timezone", "renewQuery", "ungrouped")
_ARGUMENTS = frozenset({"where", "orderBy", *_OPTIONS})

Json = dict[str, object]


@dataclass
class _Draft:
    """A REST query that is being collected."""

    measures: list[str] = field(default_factory=list)
    dimensions: list[str] = field(default_factory=list)
    times: list[Json] = field(default_factory=list)
    filters: list[Json] = field(default_factory=list)
    order: list[list[str]] = field(default_factory=list)


def to_query(model: DataModel, root: Field) -> Json:
    """The REST query of a `cube(...) { ... }` field. Raises BadRequest for what the schema does not have."""
    unknown = sorted(set(root.arguments) - _ARGUMENTS)
    if root.name != ROOT or unknown:
        wrong = f'argument "{unknown[0]}" on field "{ROOT}"' if unknown else f'field "{root.name}" on type "Query"'
        raise BadRequest(f"Unknown {wrong}")
    draft = _Draft()
    draft.filters.extend(_root_filters(model, root.arguments.get("where")))
    draft.order.extend(_root_order(model, root.arguments.get("orderBy")))
    for one in root.selection:
        _collect(model, _cube(model, one.name), one, draft)
    parts: Json = {"measures": draft.measures, "dimensions": draft.dimensions, "timeDimensions": draft.times}
    parts |= {"filters": _ranges_to_times(draft), "order": draft.order}
    options = {name: root.arguments[name] for name in _OPTIONS if root.arguments.get(name) is not None}
    return {name: part for name, part in parts.items() if part} | options


def to_rows(model: DataModel, root: Field, rows: Iterable[Mapping[str, object]]) -> list[Json]:
    """REST rows nested as selected: numbers are numbers, times end in `Z`."""
    return [{one.key: _row(_cube(model, one.name), one, row) for one in root.selection} for row in rows]


def _collect(model: DataModel, cube: Cube, selected: Field, draft: _Draft) -> None:
    draft.filters.extend(_filters(model, cube, selected.arguments.get("where")))
    draft.order.extend(_order(cube, selected.arguments.get("orderBy")))
    for one in selected.selection:
        member = _member(cube, one.name)
        if isinstance(member, Measure):
            draft.measures.append(member.full_name)
        elif member.type == "time" and one.selection:
            _collect_time(member, one, draft)
        else:
            draft.dimensions.append(member.full_name)


def _collect_time(dimension: Dimension, selected: Field, draft: _Draft) -> None:
    for one in selected.selection:
        if one.name == RAW:
            draft.dimensions.append(dimension.full_name)
        else:
            draft.times.append({"dimension": dimension.full_name, "granularity": one.name})


def _ranges_to_times(draft: _Draft) -> list[Json]:
    """A range on a grouped time dimension belongs to it, so that gaps within it are known."""
    kept = []
    for one in draft.filters:
        times = [time for time in draft.times if time["dimension"] == one.get("member")]
        if one.get("operator") == "inDateRange" and times:
            for time in times:
                time["dateRange"] = one["values"]
        else:
            kept.append(one)
    return kept


def _root_filters(model: DataModel, where: Value) -> Iterator[Json]:
    for name, inner in _object(where, "where").items():
        if name in ("AND", "OR"):
            nested = [one for part in _list(inner) for one in _root_filters(model, part)]
            yield {name.lower(): nested}
        else:
            yield from _filters(model, _cube(model, name), inner)


def _filters(model: DataModel, cube: Cube, where: Value) -> Iterator[Json]:
    for name, inner in _object(where, "where").items():
        if name in ("AND", "OR"):
            yield {name.lower(): [one for part in _list(inner) for one in _filters(model, cube, part)]}
            continue
        member = _member(cube, name).full_name
        for operator, value in _object(inner, name).items():
            yield _condition(member, operator, value)


def _condition(member: str, operator: str, value: Value) -> Json:
    if operator == "set":
        return {"member": member, "operator": "set" if value else "notSet"}
    values = [_text(one) for one in (value if isinstance(value, list) else [value])]
    return {"member": member, "operator": _OPERATORS.get(operator, operator), "values": values}


def _root_order(model: DataModel, order: Value) -> Iterator[list[str]]:
    for name, inner in _object(order, "orderBy").items():
        yield from _order(_cube(model, name), inner)


def _order(cube: Cube, order: Value) -> Iterator[list[str]]:
    for name, direction in _object(order, "orderBy").items():
        yield [_member(cube, name).full_name, str(direction)]


def _row(cube: Cube, selected: Field, row: Mapping[str, object]) -> Json:
    return {one.key: _cell(_member(cube, one.name), one, row) for one in selected.selection}


def _cell(member: Measure | Dimension, selected: Field, row: Mapping[str, object]) -> object:
    if not selected.selection:
        return _plain(member, row.get(member.full_name))
    keys = {one.key: member.full_name + ("" if one.name == RAW else f".{one.name}") for one in selected.selection}
    return {name: _plain(member, row.get(key)) for name, key in keys.items()}


def _plain(member: Measure | Dimension, value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    kind = value_type(member)
    if kind == "number":
        number = float(str(value))
        return int(number) if number.is_integer() else number
    return f"{value}Z" if kind == "time" else value


def _cube(model: DataModel, name: str) -> Cube:
    """GraphQL's names begin with a small letter."""
    for cube in model.cubes.values():
        if cube.public and name in (cube.name, cube.name[:1].lower() + cube.name[1:]):
            return cube
    raise BadRequest(f'Cannot query field "{name}" on type "Result".')


def _member(cube: Cube, name: str) -> Measure | Dimension:
    member = cube.measures.get(name) or cube.dimensions.get(name)
    if member is None or not member.public:
        raise BadRequest(f'Cannot query field "{name}" on type "{cube.name[:1].upper()}{cube.name[1:]}Members".')
    return member


def _object(value: Value, name: str) -> dict[str, Value]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f'Argument "{name}" must be an object')
    return value


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
