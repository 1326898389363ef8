"""Turns values as they were read (text from CSV, near types from Parquet and databases) into a contract's types.

Engines' own casts are too kind: '1.5' becomes the integer 2, 'nan' a number, '1/2/25' a day of the year 1. What a
cast may read is said here as patterns, the same for all engines; everything else is malformed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir

from contracts.base import Column
from contracts.types import Boolean, ColumnType, Day, Instant, Integer, Number, Numeric, Text, comparable

# 3.0 is how some exporters write the integers of a column that has NULLs.
_INTEGER = r"^[+-]?[0-9]+(\.0*)?$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
_ZONE = "(Z| UTC|[+-][0-9]{2}(:?[0-9]{2})?)"
# Some exporters write the dates of a column as midnights.
_DAY = rf"^{_DATE}([T ]00:00(:00(\.0+)?)?)?$"
_INSTANT = f"^{_DATE}([T ]{_TIME}{_ZONE}?)?$"
_TRUE = ("true", "t", "1")
_FALSE = ("false", "f", "0")

Expression = Any  # an Ibis value whose operations depend on its type, which only the engine knows


class Cast(NamedTuple):
    """A value in its contract's type (NULL where that failed), and whether it failed."""

    value: Expression
    is_malformed: ir.BooleanValue


def cast(value: ir.Value, column: Column) -> Cast:
    """The value as the column's type. Empty text is NULL unless the column is text."""
    if comparable(value.type()) == comparable(column.dtype):
        return Cast(value, _nonfinite(value) if column.type is Number else ibis.literal(False))
    if column.type is Text:
        return Cast(value.cast("string"), ibis.literal(False))
    if not value.type().is_string():
        return _cast_typed(value, column)
    text: Expression = value
    present = text.nullif("")
    typed = _TEXT_CASTS.get(column.type, _try)(present, column)
    return Cast(typed, present.notnull() & typed.isnull())


def _cast_typed(value: Expression, column: Column) -> Cast:
    typed = value.try_cast(column.dtype)
    malformed = value.notnull() & typed.isnull()
    if column.type is Integer and (value.type().is_floating() or value.type().is_decimal()):
        malformed |= value.notnull() & (typed.cast(value.type()) != value)
    if column.type is Number:
        malformed |= _nonfinite(typed)
    return Cast(typed, malformed.fill_null(False))


def _nonfinite(value: Expression) -> ir.BooleanValue:
    result: ir.BooleanValue = (value.isnan() | value.isinf()).fill_null(False)
    return result


def _try(present: Expression, column: Column) -> Expression:
    return present.try_cast(column.dtype)


def _written_as(pattern: str) -> Callable[[Expression, Column], Expression]:
    """A cast of what matches the pattern; all else is malformed."""

    def to_type(present: Expression, column: Column) -> Expression:
        return ibis.ifelse(present.re_search(pattern), present, ibis.null("string")).try_cast(column.dtype)

    return to_type


def _to_number(present: Expression, column: Column) -> Expression:
    """1e400 is written as a number, and is more than a number can be: engines take it for infinity."""
    number = _written_as(_NUMBER)(present, column)
    return ibis.ifelse(number.isinf(), ibis.null(column.dtype), number)


def _to_boolean(present: Expression, _column: Column) -> Expression:
    word = present.lower()
    return ibis.cases((word.isin(_TRUE), True), (word.isin(_FALSE), False))


_TEXT_CASTS: dict[type[ColumnType], Callable[[Expression, Column], Expression]] = {
    Integer: _written_as(_INTEGER),
    Number: _to_number,
    Numeric: _written_as(_NUMBER),
    Boolean: _to_boolean,
    Day: _written_as(_DAY),
    Instant: _written_as(_INSTANT),
}
