"""How members are described to clients: the parts that `/meta` and a result's `annotation` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from semantic.datamodel.types import DataModel, Dimension, Granularity, Measure, Member

type_of_measure = {"string": "string", "boolean": "boolean", "time": "time"}
"""Measure type -> the type of its values, where that is not `number`."""

_SHAPES = {
    "number": ",.{digits}f",
    "percent": ".{digits}%",
    "currency": "$,.{digits}f",
    "decimal": ",.{digits}f",
    "accounting": "(,.{digits}f",
    "abbr": ".{digits}s",
}
# Digits are the most that are shown: `~` trims zeros. Only SI prefixes are trimmed without any digits, too.
_NAMED = (
    {
        f"{name}_{digits}": shape.format(digits=f"{digits}~" if digits or name == "abbr" else "0")
        for name, shape in _SHAPES.items()
        for digits in range(7)
    }
    | {name: _SHAPES[name].format(digits="2~") for name in ("decimal", "accounting", "abbr")}
    | {"id": ".0f"}
)
_STANDARD = {name: _SHAPES[name].format(digits="2~") for name in ("number", "percent", "currency")}
_PLAIN_OF_DIMENSION = ("imageUrl", *_STANDARD)
_INTERVALS = frozenset({"second", "minute", "hour", "day", "week", "month", "quarter", "year"})

Json = Mapping[str, object]
DATA_SOURCE = "default"
"""The one data source that all queries ask."""


def drop_absent(content: Json) -> dict[str, object]:
    """The properties that have a value: Cube leaves absent ones out instead of sending null."""
    return {name: value for name, value in content.items() if value is not None}


def value_type(member: Measure | Dimension) -> str:
    """The type of a member's values: `number`, `string`, `boolean`, `time` or `geo`."""
    if isinstance(member, Measure):
        return type_of_measure.get(member.type, "number")
    return "string" if member.type == "switch" else member.type


def describe_format(member: Measure | Dimension) -> object:
    """`format` as Cube sends it: plain names as they are; names with digits, strftime and d3 as objects."""
    format_ = member.format
    if not isinstance(format_, str):
        return format_ or None
    if format_ in _NAMED:
        return {"type": "custom-numeric", "value": _NAMED[format_], "alias": format_}
    if isinstance(member, Measure):
        return format_ if format_ in _STANDARD else {"type": "custom-numeric", "value": format_}
    kind = {"time": "custom-time", "number": "custom-numeric"}.get(member.type)
    if format_ in _PLAIN_OF_DIMENSION or kind is None:
        return format_
    return {"type": kind, "value": format_}


def describe_number_format(member: Measure | Dimension) -> Json | None:
    """`formatDescription` of a number: the format's name and its d3 specifier."""
    if value_type(member) != "number":
        return None
    name = member.format if isinstance(member.format, str) else "number"
    specifier = _NAMED.get(name) or _STANDARD.get(name)
    if specifier is None and name in _PLAIN_OF_DIMENSION:
        name, specifier = "number", _STANDARD["number"]
    described = {"name": name, "specifier": specifier} if specifier else {"name": "custom", "specifier": name}
    return drop_absent({**described, "currency": currency(member)})


def currency(member: Measure | Dimension) -> str | None:
    """The code of a currency, in capitals."""
    return member.currency.upper() if member.currency else None


def is_owned(member: Member) -> bool:
    """Whether a member is of its own cube's columns, and not only of other members."""
    if member.alias_of is not None or getattr(member, "multi_stage", None) or getattr(member, "type", "") == "switch":
        return False
    if member.sql is None or getattr(member, "sub_query", False):
        return True
    kinds = [reference.kind for reference in member.sql.references.values()]
    return not kinds or "cube" in kinds


def alias_target(member: Member) -> str | None:
    """The member that a member only repeats: a view's, or one whose SQL is nothing but a reference."""
    if member.alias_of is not None:
        return member.alias_of.name
    if member.sql is None or is_owned(member) or getattr(member, "filters", None):
        return None
    if getattr(member, "type", "string") not in ("string", "number", "boolean", "time"):
        return None
    found = tuple(member.sql.references.values())
    if len(found) != 1 or found[0].kind != "member" or found[0].granularity or not _is_bare(member.sql.text):
        return None
    return ".".join(found[0].path[-2:])


def _is_bare(text: str) -> bool:
    """Whether a snippet is one pair of braces."""
    return text.startswith("{") and text.find("}") == len(text) - 1


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
        {"type": value_type(member), "format": describe_format(member), "currency": currency(member)}
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
