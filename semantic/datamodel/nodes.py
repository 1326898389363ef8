"""YAML as a tree of values that know where they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from semantic.datamodel.types import Place
from semantic.errors import Problem

# The C loader has the same marks and is several times faster, where PyYAML was built with it.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_DEEPEST = 100
_MOST = 200_000

Scalar = str | int | float | bool | None

# YAML 1.2 core, as Cube's own loader reads it: `yes`, `on` and dates are texts.
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_WORDS: Mapping[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its place. A mapping's keys are snake_case, whatever case they were written in."""

    value: Scalar | tuple[Node, ...] | Mapping[str, Node]
    place: Place

    @property
    def fields(self) -> Mapping[str, Node]:
        """The fields of a mapping; none for anything else."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def items(self) -> tuple[Node, ...]:
        """The items of a list; none for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    def get(self, key: str) -> Node | None:
        return self.fields.get(key)

    def plain(self) -> Any:
        """The value without places, for what is passed through as it is (`meta`)."""
        if isinstance(self.value, Mapping):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value


class NodeReader:
    """Reads one file into a node, noting what is wrong with its YAML."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._count = 0

    def read(self, text: str) -> Node | None:
        """The file's document, or None when it is empty or is not YAML."""
        try:
            root = yaml.compose(text, Loader=_LOADER)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            what = getattr(error, "problem", None) or str(error).splitlines()[0]
            self._note(line, "", "yaml", f"is not valid YAML: {what}")
            return None
        except (ValueError, RecursionError) as error:
            self._note(1, "", "yaml", f"is not valid YAML: {error}")
            return None
        if root is None:
            return None
        return self._convert(root, "", snake=True, above=frozenset())

    def _note(self, line: int, prop: str, rule: str, message: str) -> None:
        self.problems.append(Problem(self.file, line, prop, rule, message))

    def _convert(self, node: yaml.Node, path: str, *, snake: bool, above: frozenset[int]) -> Node:
        place = Place(self.file, node.start_mark.line + 1)
        refusal = self._refusal(node, above)
        if refusal:
            self._note(place.line, path, "yaml", refusal)
            return Node(None, place)
        above |= {id(node)}
        if isinstance(node, yaml.MappingNode):
            return Node(dict(self._pairs(node, path, snake=snake, above=above)), place)
        if isinstance(node, yaml.SequenceNode):
            children = (
                self._convert(child, f"{path}[{index}]", snake=snake, above=above)
                for index, child in enumerate(node.value)
                if self._count <= _MOST
            )
            return Node(tuple(children), place)
        return Node(_scalar(node), place)

    def _refusal(self, node: yaml.Node, above: frozenset[int]) -> str:
        """Why a value is not read: aliases can make a small file endless, or larger than any memory."""
        if id(node) in above:
            return "an alias refers to what contains it"
        if len(above) >= _DEEPEST:
            return f"is nested more than {_DEEPEST} levels deep"
        self._count += 1
        return f"the file has more than {_MOST} values, counting what aliases repeat" if self._count == _MOST else ""

    def _pairs(
        self, node: yaml.MappingNode, path: str, *, snake: bool, above: frozenset[int]
    ) -> Iterator[tuple[str, Node]]:
        seen: set[str] = set()
        for key_node, value_node in () if self._count > _MOST else (*node.value, *_merged(node, 0)):
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._note(line, path, "yaml", "a key must be a plain word")
                continue
            key = snake_case(key_node.value) if snake else key_node.value
            where = f"{path}.{key}" if path else key
            if _is_merge(key_node, value_node) or (key in seen and key_node not in [own for own, _ in node.value]):
                continue
            if key in seen:
                self._note(line, where, "duplicate_key", f"`{key}` is given twice")
                continue
            seen.add(key)
            # What stands in meta is the author's own: its keys are kept as they are.
            value = self._convert(value_node, where, snake=snake and key != "meta", above=above)
            yield key, Node(value.value, Place(self.file, line))


def _is_merge(key: yaml.Node, value: yaml.Node) -> bool:
    """Whether a pair is `<<: *alias`: the other mapping's pairs, where there are none of one's own."""
    entries = value.value if isinstance(value, yaml.SequenceNode) else [value]
    plain = isinstance(key, yaml.ScalarNode) and key.value == "<<" and not key.style
    return plain and all(isinstance(entry, yaml.MappingNode) for entry in entries)


def _merged(node: yaml.MappingNode, depth: int) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    for key, value in node.value:
        if _is_merge(key, value) and depth < _DEEPEST:
            for entry in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                yield from ((own, inner) for own, inner in entry.value if not _is_merge(own, inner))
                yield from _merged(entry, depth + 1)


def snake_case(key: str) -> str:
    """`rollingWindow` -> `rolling_window`; what is snake_case already stays."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match.group(1).lower(), key)


def _scalar(node: yaml.Node) -> Scalar:
    text = str(node.value)
    if not isinstance(node, yaml.ScalarNode) or node.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text) and len(text) < 300:
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return text
