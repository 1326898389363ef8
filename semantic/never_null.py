"""Which columns are known to hold no NULL, so that counting a cube's keys is counting its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from semantic.datamodel.columns import table_column
from semantic.datamodel.types import Cube, DataModel

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
    found = [table_column(cube, key) for key in cube.primary_key]
    return frozenset((str(cube.sql_table), name) for name in found) if all(found) else NOTHING


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
