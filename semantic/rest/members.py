"""How members are described to clients: the parts that `/meta` and a result's `annotation` share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from semantic.datamodel.types import DataModel, Dimension, Granularity, Measure, Member

type_of_measure = {"string": "string", "boolean": "boolean", "time": "time"}
"""Measure type -> the type of its values, where that is not `number`."""

_NAMED_NUMBER = re.compile(r"^(number|percent|currency|abbr|accounting|id)(?:_(\d+))?$")
_SPECIFIERS = {
    "number": ",.{digits}f",
    "percent": ".{digits}%",
    "currency": "$,.{digits}f",
    "abbr": ".{digits}s",
    "accounting": "(,.{digits}f",
    "id": ".0f",
}
_DEFAULT_DIGITS = "2~"
_INTERVALS = frozenset({"second", "minute", "hour", "day", "week", "month", "quarter", "year"})

Json = Mapping[str, object]


def drop_absent(content: Json) -> dict[str, object]:
    """The properties that have a value: Cube leaves absent ones out instead of sending null."""
    return {name: value for name, value in content.items() if value is not None}


def value_type(member: Measure | Dimension) -> str:
    """The type of a member's values: `number`, `string`, `boolean`, `time` or `geo`."""
    if isinstance(member, Measure):
        return type_of_measure.get(member.type, "number")
    return "string" if member.type == "switch" else member.type


def describe_format(member: Measure | Dimension) -> object:
    """`format` as Cube sends it: names as they are, strftime and d3-format strings as objects."""
    format_ = member.format
    if not isinstance(format_, str):
        return format_ or None
    if value_type(member) == "time":
        return {"type": "custom-time", "value": format_}
    if value_type(member) == "number" and not _NAMED_NUMBER.match(format_):
        return {"type": "custom-numeric", "value": format_}
    return format_


def describe_number_format(member: Measure | Dimension) -> Json | None:
    """`formatDescription` of a number: the format's name and its d3 specifier."""
    if value_type(member) != "number":
        return None
    format_ = member.format if isinstance(member.format, str) else "number"
    named = _NAMED_NUMBER.match(format_)
    if named is None:
        return {"name": "custom", "specifier": format_}
    name, digits = named.groups()
    specifier = _SPECIFIERS[name].format(digits=digits or _DEFAULT_DIGITS)
    return drop_absent({"name": name, "specifier": specifier, "currency": member.currency})


def drill_members(model: DataModel, measure: Measure) -> dict[str, object]:
    """`drillMembers`, and the same by kind."""
    members = [(name, model.member(name)) for name in measure.drill_members]
    grouped = {
        "measures": [name for name, member in members if isinstance(member, Measure)],
        "dimensions": [name for name, member in members if isinstance(member, Dimension)],
    }
    return {"drillMembers": list(measure.drill_members), "drillMembersGrouped": grouped}


def common(member: Member) -> dict[str, object]:
    return drop_absent(
        {
            "title": member.title,
            "shortTitle": member.short_title,
            "description": member.description,
            "meta": dict(member.meta) or None,
        }
    )


def describe_granularity(dimension: Dimension, name: str) -> Json:
    """A granularity by name, custom or one of the calendar's."""
    custom = next((one for one in dimension.granularities if one.name == name), None)
    if custom is not None:
        return custom_granularity(custom)
    return drop_absent({"name": name, "title": name, "interval": f"1 {name}" if name in _INTERVALS else None})


def custom_granularity(granularity: Granularity) -> Json:
    return drop_absent(
        {
            "name": granularity.name,
            "title": granularity.title,
            "interval": granularity.interval,
            "offset": granularity.offset,
            "origin": granularity.origin,
        }
    )


def annotate_member(model: DataModel, name: str) -> Json | None:
    """The annotation of a measure, dimension or segment; None for a name that is no member (compareDateRange)."""
    member = model.member(name)
    if member is None:
        return None
    if not isinstance(member, (Measure, Dimension)):
        return common(member)
    described = common(member) | drop_absent(
        {"type": value_type(member), "format": describe_format(member), "currency": member.currency}
    )
    return described | drill_members(model, member) if isinstance(member, Measure) else described


def annotate_time_dimensions(model: DataModel, grouped: Sequence[tuple[str, str]]) -> dict[str, Json]:
    """Annotations of (time dimension, granularity) pairs: once with the granularity, once bare."""
    found: dict[str, Json] = {}
    for name, granularity in grouped:
        described = annotate_member(model, name)
        dimension = model.member(name)
        if described is None or not isinstance(dimension, Dimension):
            continue
        found[f"{name}.{granularity}"] = {**described, "granularity": describe_granularity(dimension, granularity)}
        found[name] = described
    return found
