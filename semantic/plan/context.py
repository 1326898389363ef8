"""The security context as far as it decides the SQL: what of it is there, and how long its lists are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from semantic.datamodel.checks import snippets
from semantic.datamodel.types import Cube, DataModel, Sql

Path = tuple[str, ...]


def context_paths(model: DataModel) -> tuple[Path, ...]:
    """What the data model filters by of the security context, as paths of keys."""
    found: dict[Path, None] = {}
    for cube in model.cubes.values():
        for sql in _snippets(cube):
            for reference in sql.references.values():
                if reference.kind == "security_context" and reference.argument:
                    found.setdefault(reference.path)
    return tuple(found)


def _snippets(cube: Cube) -> Iterator[Sql]:
    for member in (*cube.dimensions.values(), *cube.measures.values(), *cube.segments.values()):
        yield from snippets(member)
    yield from (join.sql for join in cube.joins)
    if cube.sql is not None:
        yield cube.sql


def context_shape(paths: tuple[Path, ...], context: Mapping[str, Any] | None) -> tuple[tuple[Path, int], ...]:
    """The paths at which a caller's context has a value, with the length of a list and -1 for anything else. As in
    Cube, an empty text, zero and false are no value, and an empty list is one."""
    found = []
    for path in paths:
        value: Any = context
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, (list, tuple)):
            found.append((path, len(value)))
        elif value:
            found.append((path, -1))
    return tuple(found)
