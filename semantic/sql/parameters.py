"""Bound parameters: values stand in slots, and a statement numbers the slots that it uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlglot
from sqlglot import exp

from semantic.errors import QueryFormatError
from semantic.plan.shape import Constant
from semantic.sql.dialects import Dialect

Slot = int | tuple[str, ...] | Constant
"""A query's value by its number, a value of the security context by its path, or a value of the data model."""


class Parameters:
    """Gives out placeholders in order of first use; a slot used twice keeps its number."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._numbers: dict[Slot, int] = {}

    def placeholder(self, slot: Slot) -> exp.Expr:
        number = self._numbers.setdefault(slot, len(self._numbers) + 1)
        return self._dialect.parameter(number)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots in the order of their numbers."""
        return tuple(self._numbers)


def parse_compiled(sql: str) -> exp.Expr:
    """Compiled SQL for DuckDB as a tree whose parameters are placeholders.

    They are not always: once SQLMesh is imported into the process, sqlglot reads `$1` as a Parameter.
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    for parameter in list(tree.find_all(exp.Parameter)):
        parameter.replace(exp.Placeholder(this=parameter.name))
    return tree


def collect(slots: Sequence[Slot], values: Sequence[Any], context: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """The parameters of a statement. Raises QueryFormatError when the security context lacks a key."""
    return tuple([values[slot] if type(slot) is int else _value(slot, values, context) for slot in slots])


def _value(slot: Slot, values: Sequence[Any], context: Mapping[str, Any] | None) -> Any:
    if isinstance(slot, int):
        return values[slot]
    return slot.value if isinstance(slot, Constant) else context_value(slot, context)


def context_value(path: tuple[str, ...], context: Mapping[str, Any] | None) -> Any:
    """A value of the security context by its path of keys."""
    value: Any = context
    for key in path:
        if isinstance(value, (list, tuple)) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
            continue
        if not isinstance(value, Mapping) or key not in value:
            name = ".".join(path)
            advice = "put it into the token, or mend the data model"
            raise QueryFormatError(f"The security context has no '{name}'", place=name, advice=advice, code="context")
        value = value[key]
    return value
