"""What the names between braces stand for, seen from the cube they are written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from semantic.datamodel.properties import GRANULARITIES
from semantic.datamodel.templates import Mention, TemplateError
from semantic.datamodel.types import Callback, Reference

_SELF = ("CUBE", "TABLE")
_SECURITY = ("SECURITY_CONTEXT", "security_context", "securityContext")


@dataclass(frozen=True, slots=True)
class Names:
    """Every name that may be referred to: members by cube, and the granularities of the time dimensions."""

    members: Mapping[str, frozenset[str]]
    granularities: Mapping[tuple[str, str], frozenset[str]]

    def granularity(self, cube: str, member: str, name: str) -> bool:
        """Whether `cube.member` is a time dimension that has this granularity."""
        custom = self.granularities.get((cube, member))
        return custom is not None and (name in GRANULARITIES or name in custom)


def resolve(mention: Mention, placeholder: str, cube: str, names: Names) -> Reference:
    """The reference that a mention makes in a snippet of `cube`. Raises TemplateError when it names nothing."""
    if mention.call is not None:
        return _resolve_call(mention, placeholder, cube, names)
    parts = mention.names
    if parts[0] in _SECURITY:
        return Reference(placeholder, "security_context", parts[1:])
    path = resolve_path(parts, cube, names)
    if path is None:
        raise TemplateError("unknown_reference", _unknown(mention.text, parts, cube, names))
    if len(path) > 2 and names.granularity(path[-3], path[-2], path[-1]):
        return Reference(placeholder, "member", path[:-1], granularity=path[-1])
    is_member = len(path) > 1 and path[-1] in names.members[path[-2]]
    return Reference(placeholder, "member" if is_member else "cube", path)


def resolve_path(parts: tuple[str, ...], cube: str, names: Names) -> tuple[str, ...] | None:
    """A dotted name as a path that begins with a cube, or None: (cube,), (cube, member), (cube, cube, member),
    (cube, time dimension, granularity). A member of the own cube wins over a cube of the same name."""
    if parts[0] in _SELF:
        parts = (cube, *parts[1:])
    elif parts[0] in names.members.get(cube, frozenset()) and _is_own(parts, cube, names):
        parts = (cube, *parts)
    if parts[0] not in names.members:
        return None
    owner = parts[0]
    for position, part in enumerate(parts[1:], start=1):
        rest = parts[position + 1 :]
        if part in names.members[owner]:
            if not rest or (len(rest) == 1 and names.granularity(owner, part, rest[0])):
                return parts
            if part not in names.members:
                return None
        elif part not in names.members:
            return None
        owner = part
    return parts


def _is_own(parts: tuple[str, ...], cube: str, names: Names) -> bool:
    return len(parts) == 1 or (len(parts) == 2 and names.granularity(cube, parts[0], parts[1]))


def _resolve_call(mention: Mention, placeholder: str, cube: str, names: Names) -> Reference:
    parts = mention.names
    if parts[:1] == ("FILTER_PARAMS",):
        return _filter_params(mention, placeholder, cube, names)
    if not parts and mention.call == "FILTER_GROUP":
        found = tuple(_grouped(part, placeholder, cube, names) for part in mention.arguments)
        return Reference(placeholder, "filter_group", (), members=found)
    if parts and parts[0] in _SECURITY and len(parts) > 1:
        argument = mention.arguments[0] if len(mention.arguments) == 1 else None
        if mention.call in _CONTEXT_FILTERS and isinstance(argument, (str, Callback)):
            required = mention.call != "filter"
            return Reference(placeholder, "security_context", parts[1:], argument, required=required)
        if mention.call in ("unsafe_value", "unsafeValue"):
            return Reference(placeholder, "security_context", parts[1:])
    if mention.call == "sql" and len(parts) == 1 and not mention.arguments and parts[0] in names.members:
        return Reference(placeholder, "cube_sql", parts)
    raise TemplateError("bad_reference", f"`{{{mention.text}}}`: this call is not understood")


_CONTEXT_FILTERS = ("filter", "required_filter", "requiredFilter")


def _filter_params(mention: Mention, placeholder: str, cube: str, names: Names) -> Reference:
    parts = mention.names
    argument = mention.arguments[0] if len(mention.arguments) == 1 else None
    if len(parts) != 3 or mention.call != "filter" or not isinstance(argument, (str, Callback)):
        message = f"`{{{mention.text}}}`: write FILTER_PARAMS.cube.member.filter(column or lambda)"
        raise TemplateError("bad_reference", message)
    path = resolve_path((parts[1], parts[2]), cube, names)
    if path is None:
        raise TemplateError("unknown_reference", f"`{{{mention.text}}}`: there is no member {parts[1]}.{parts[2]}")
    return Reference(placeholder, "filter_params", path, argument)


def _grouped(part: object, placeholder: str, cube: str, names: Names) -> Reference:
    if isinstance(part, Mention) and part.names[:1] == ("FILTER_PARAMS",):
        return _filter_params(part, placeholder, cube, names)
    message = "FILTER_GROUP takes FILTER_PARAMS.cube.member.filter(...), one or several"
    raise TemplateError("bad_reference", message)


def _unknown(text: str, parts: tuple[str, ...], cube: str, names: Names) -> str:
    if parts[0] in names.members and len(parts) > 1:
        return f"`{{{text}}}`: cube {parts[0]} has no member {parts[1]}"
    return f"`{{{text}}}` is neither a member of {cube} nor a cube"
