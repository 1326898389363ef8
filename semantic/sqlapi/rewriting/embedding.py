"""Compiled queries as parts of a statement: parsed, their columns called as the statement calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from sqlglot import exp

from semantic.compiler import CompiledQuery
from semantic.datamodel.types import DataModel, Dimension
from semantic.sql.parameters import parse_compiled
from semantic.sqlapi.rewriting.grouping import AdHoc


@lru_cache(maxsize=512)
def parsed(sql: str) -> exp.Select:
    tree = parse_compiled(sql)
    assert isinstance(tree, exp.Select)
    return tree


def rename(tree: exp.Select, compiled: CompiledQuery, names: Mapping[tuple[str, str | None], str]) -> None:
    """Call the compiled columns what the statement calls them. Times leave their zone behind: all are UTC."""
    by_alias = {column.alias: column for column in compiled.columns}
    for part in tree.expressions:
        column = by_alias[part.alias]
        if column.type == "time" and column.granularity is None:
            part.set("this", exp.cast(part.this, "TIMESTAMP", dialect="duckdb"))
        part.set("alias", exp.to_identifier(names[(column.member, column.granularity)], quoted=True))


def with_members(model: DataModel, members: Sequence[AdHoc]) -> DataModel:
    """The data model with members that only this statement has."""
    cubes = dict(model.cubes)
    for member in members:
        cube = cubes[member.cube]
        if isinstance(member, Dimension):
            cubes[cube.name] = replace(cube, dimensions={**cube.dimensions, member.name: member})
        else:
            cubes[cube.name] = replace(cube, measures={**cube.measures, member.name: member})
    return replace(model, cubes=cubes)
