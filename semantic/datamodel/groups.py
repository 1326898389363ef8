"""Groups of views: as the groups list them, and as the views name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from semantic.datamodel import properties
from semantic.datamodel.names import titleize
from semantic.datamodel.nodes import Node
from semantic.datamodel.shapes import Record, Report
from semantic.datamodel.types import Cube, ViewGroup
from semantic.errors import Problem


def read_groups(nodes: Sequence[Node], problems: list[Problem]) -> tuple[ViewGroup, ...]:
    """The groups as written; what is wrong is added to the problems."""
    report = Report()
    found = []
    for index, node in enumerate(nodes):
        record = properties.view_group(node, f"view_groups[{index}]", report)
        if isinstance(record, Record):
            found.append(_view_group(record))
    problems += report.problems
    return tuple(found)


def _view_group(record: Record) -> ViewGroup:
    includes = record.get("includes", record.get("views", ()))
    return ViewGroup(
        name=record["name"],
        title=record.get("title") or titleize(record["name"]),
        description=record.get("description"),
        includes=tuple(_view_group(entry) if isinstance(entry, Record) else entry for entry in includes),
    )


def grouped(cubes: Mapping[str, Cube], groups: Sequence[ViewGroup]) -> dict[str, Cube]:
    """The views with the groups that they are in: those that list them, and those that they name themselves."""
    named = {group.name: [name for name, cube in cubes.items() if group.name in cube.view_groups] for group in groups}
    found: dict[str, list[str]] = {}
    for group, view in _memberships(groups, named):
        if group not in found.setdefault(view, []):
            found[view].append(group)
    return {
        name: replace(cube, view_groups=tuple(found.get(name, ()))) if cube.is_view and groups else cube
        for name, cube in cubes.items()
    }


def _memberships(groups: Iterable[ViewGroup], named: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Pairs of a group and a view in it, a group's own views before those of groups within it."""
    for group in groups:
        yield from ((group.name, entry) for entry in group.includes if isinstance(entry, str))
        yield from ((group.name, view) for view in named.get(group.name, ()))
        yield from _memberships((entry for entry in group.includes if isinstance(entry, ViewGroup)), {})
