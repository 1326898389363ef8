"""Which columns are known to hold no NULL, so that counting a cube's keys is counting its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sqlglot import exp

from semantic.datamodel.types import Cube, DataModel, Dimension

NeverNull = frozenset[tuple[str, str]]
"""Columns that hold no NULL: the table as a cube's `sql_table` says it, and the column's name."""
Proof = Callable[[DataModel, Mapping[str, str]], NeverNull]
"""Knows now which columns of a data model's keys hold no NULL; the places are those of the environment's tables."""

NOTHING: NeverNull = frozenset()


def nothing_known(*_: object) -> NeverNull:
    """Every column may hold NULL."""
    return NOTHING


def key_columns(cube: Cube) -> NeverNull:
    """The columns of a cube's table that its key is made of; empty where the key is not made of columns alone."""
    if cube.sql_table is None or cube.sql is not None:
        return NOTHING
    found = [_column(cube, key) for key in cube.primary_key]
    return frozenset((cube.sql_table, name) for name in found if name) if all(found) else NOTHING


def all_key_columns(model: DataModel) -> NeverNull:
    """The columns of all keys: what is worth knowing of a data model."""
    return NOTHING.union(*map(key_columns, model.cubes.values()))


def whole_cubes(model: DataModel, known: NeverNull) -> frozenset[str]:
    """The cubes whose every row has a key, as far as is known."""
    return frozenset(_whole(model, known)) if known else frozenset()


def _whole(model: DataModel, known: NeverNull) -> Iterator[str]:
    for cube in model.cubes.values():
        columns = key_columns(cube)
        if columns and columns <= known:
            yield cube.name


def _column(cube: Cube, key: Dimension) -> str:
    """The column that a key is, "" where it is something else."""
    sql = key.sql
    if sql is None or key.case is not None or key.sub_query or key.multi_stage is not None:
        return ""
    tree = sql.tree
    if not isinstance(tree, exp.Column) or len(tree.parts) > 2:
        return ""
    reference = sql.references.get(tree.parts[0].name)
    if len(tree.parts) == 1:
        return tree.name if reference is None else ""
    return tree.name if reference is not None and reference.kind == "cube" and reference.path[-1] == cube.name else ""
