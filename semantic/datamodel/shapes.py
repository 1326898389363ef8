"""The vocabulary of shapes: what values a property takes, and what is reported when it takes another."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from semantic.datamodel.names import IDENTIFIER
from semantic.datamodel.nodes import Node
from semantic.datamodel.types import Place
from semantic.errors import Problem


@dataclass(frozen=True, slots=True)
class Snippet:
    """SQL as written, not yet parsed: what its references mean is known only when all files have been read."""

    text: str
    place: Place


@dataclass(slots=True)
class Report:
    """Collects problems while a file is read."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, place: Place, prop: str, rule: str, message: str) -> None:
        self.problems.append(Problem(place.file, place.line, prop, rule, message))


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping that has been read: its values by property, where each stands, and its path for messages."""

    values: Mapping[str, Any]
    places: Mapping[str, Place]
    place: Place
    path: str

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def place_of(self, key: str) -> Place:
        return self.places.get(key, self.place)


class _Invalid:
    """Marks a value that was reported and must not be used."""


INVALID = _Invalid()
_BRACED = re.compile(r"{([^{}]+)}((?:\.\w+)*)")
Reader = Callable[[Node, str, Report], Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """The properties of a mapping. `exactly_one` and `at_most_one` name groups of which one may be given."""

    properties: Mapping[str, Reader]
    required: tuple[str, ...] = ()
    exactly_one: tuple[tuple[str, ...], ...] = ()
    at_most_one: tuple[tuple[str, ...], ...] = ()

    def __call__(self, node: Node, path: str, report: Report) -> Record | _Invalid:
        if not isinstance(node.value, Mapping):
            report.add(node.place, path, "type", "must be a mapping of properties")
            return INVALID
        path = _named(path, node)
        values: dict[str, Any] = {}
        for key, child in node.fields.items():
            reader = self.properties.get(key)
            if reader is None:
                self._unknown(key, child, path, report)
                continue
            value = reader(child, f"{path}.{key}", report)
            if value is not INVALID:
                values[key] = value
        good = self._check_presence(node, path, report)
        places = {key: child.place for key, child in node.fields.items()}
        if not good or any(key in node.fields and key not in values for key in self.required):
            return INVALID
        return Record(values, places, node.place, path)

    def _unknown(self, key: str, child: Node, path: str, report: Report) -> None:
        near = get_close_matches(key, self.properties, n=1)
        advice = f"; did you mean `{near[0]}`?" if near else f"; it may be one of {', '.join(sorted(self.properties))}"
        report.add(child.place, f"{path}.{key}", "unknown_property", f"`{key}` is not a property here{advice}")

    def _check_presence(self, node: Node, path: str, report: Report) -> bool:
        good = True
        for key in self.required:
            if key not in node.fields:
                report.add(node.place, path, "required", f"`{key}` is missing")
                good = False
        for group in self.exactly_one:
            given = [key for key in group if key in node.fields]
            if len(given) != 1:
                said = f"{' and '.join(given)} are given" if given else "none is given"
                report.add(node.place, path, "exactly_one", f"exactly one of {', '.join(group)} is needed, {said}")
                good = False
        for group in self.at_most_one:
            given = [key for key in group if key in node.fields]
            if len(given) > 1:
                report.add(node.place, path, "at_most_one", f"{' and '.join(given)} exclude each other")
                good = False
        return good


def _named(path: str, node: Node) -> str:
    """Items of lists are called by their name in messages: `cubes.orders.measures.count`."""
    name = node.get("name")
    if name is not None and isinstance(name.value, str) and path.endswith("]"):
        return f"{path[: path.rindex('[')]}.{name.value}"
    return path


def text(node: Node, path: str, report: Report) -> Any:
    """A non-empty text."""
    if isinstance(node.value, str) and node.value.strip():
        return node.value
    report.add(node.place, path, "type", "must be a text")
    return INVALID


def any_text(node: Node, path: str, report: Report) -> Any:
    """A text, which may be empty."""
    return node.value if isinstance(node.value, str) else text(node, path, report)


def identifier(node: Node, path: str, report: Report) -> Any:
    """A name made of letters, digits and underscores that does not begin with a digit."""
    if isinstance(node.value, str) and IDENTIFIER.fullmatch(node.value):
        return node.value
    report.add(node.place, path, "name", f"`{_shown(node)}` is not a name: letters, digits and underscores only")
    return INVALID


def member_name(node: Node, path: str, report: Report) -> Any:
    """A reference to a member or cube written as text: `status`, `orders.status`, `CUBE.status`, `orders.at.month`,
    and with braces `{status}`, `{CUBE.status}`, `{CUBE}.status`."""
    if isinstance(node.value, str):
        braced = _BRACED.fullmatch(node.value.strip())
        value = node.value.strip() if braced is None else braced[1].strip() + braced[2]
        if all(IDENTIFIER.fullmatch(part) for part in value.split(".")):
            return value
    report.add(node.place, path, "member", f"`{_shown(node)}` is not the name of a member")
    return INVALID


def sql(node: Node, path: str, report: Report) -> Any:
    """A SQL snippet; a bare number or boolean is its own SQL."""
    if isinstance(node.value, bool):
        return Snippet("TRUE" if node.value else "FALSE", node.place)
    if isinstance(node.value, (int, float)):
        return Snippet(str(node.value), node.place)
    if isinstance(node.value, str) and node.value.strip():
        return Snippet(node.value.strip(), node.place)
    report.add(node.place, path, "type", "must be SQL")
    return INVALID


def boolean(node: Node, path: str, report: Report) -> Any:
    """true or false."""
    if isinstance(node.value, bool):
        return node.value
    report.add(node.place, path, "type", "must be true or false")
    return INVALID


def number(node: Node, path: str, report: Report) -> Any:
    """A number."""
    if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return node.value
    report.add(node.place, path, "type", "must be a number")
    return INVALID


def scalar(node: Node, path: str, report: Report) -> Any:
    """A text, a number, a boolean or null."""
    if node.value is None or isinstance(node.value, (str, int, float)):
        return node.value
    report.add(node.place, path, "type", "must be a text, a number or a boolean")
    return INVALID


def anything(node: Node, _path: str, _report: Report) -> Any:
    """Whatever is written, passed through."""
    return node.plain()


def mapping(node: Node, path: str, report: Report) -> Any:
    """A mapping whose content is the author's own."""
    if isinstance(node.value, Mapping):
        return node.plain()
    report.add(node.place, path, "type", "must be a mapping")
    return INVALID


@dataclass(frozen=True, slots=True)
class Meta:
    """A `meta`: the author's own content, and a record of those of its keys that mean something here."""

    plain: Mapping[str, Any]
    own: Record


def meta_with(own: Shape) -> Reader:
    """A `meta` of which some keys mean something here."""

    def read(node: Node, path: str, report: Report) -> Any:
        if not isinstance(node.value, Mapping):
            return mapping(node, path, report)
        known = Node({key: child for key, child in node.fields.items() if key in own.properties}, node.place)
        record = own(known, path, report)
        return Meta(node.plain(), record) if isinstance(record, Record) else INVALID

    return read


def one_of(*choices: Any) -> Reader:
    """One of the given values."""

    def read(node: Node, path: str, report: Report) -> Any:
        if any(node.value == choice and type(node.value) is type(choice) for choice in choices):
            return node.value
        said = ", ".join(str(choice) for choice in choices)
        report.add(node.place, path, "choice", f"`{_shown(node)}` must be one of {said}")
        return INVALID

    return read


def list_of(reader: Reader, *, at_least: int = 0) -> Reader:
    """A list, every item read by `reader`; broken items are reported and left out."""

    def read(node: Node, path: str, report: Report) -> Any:
        if not isinstance(node.value, tuple):
            report.add(node.place, path, "type", "must be a list")
            return INVALID
        if len(node.value) < at_least:
            report.add(node.place, path, "length", f"must have at least {at_least} item(s)")
            return INVALID
        values = [reader(child, f"{path}[{index}]", report) for index, child in enumerate(node.items)]
        return tuple(value for value in values if value is not INVALID)

    return read


def either(*, scalars: Reader | None = None, mappings: Reader | None = None, lists: Reader | None = None) -> Reader:
    """A reader per kind of value; a kind without one is an error."""

    def read(node: Node, path: str, report: Report) -> Any:
        if isinstance(node.value, Mapping):
            chosen = mappings
        elif isinstance(node.value, tuple):
            chosen = lists
        else:
            chosen = scalars
        if chosen is None:
            report.add(node.place, path, "type", "is not of a kind that may stand here")
            return INVALID
        return chosen(node, path, report)

    return read


def matching(check: Callable[[str], bool], rule: str, message: str) -> Reader:
    """A text that passes a check."""

    def read(node: Node, path: str, report: Report) -> Any:
        if isinstance(node.value, str) and check(node.value):
            return node.value
        report.add(node.place, path, rule, f"`{_shown(node)}` {message}")
        return INVALID

    return read


def _shown(node: Node) -> str:
    if isinstance(node.value, tuple):
        return "a list"
    return "a mapping" if isinstance(node.value, Mapping) else str(node.value)[:80]
