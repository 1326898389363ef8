"""Turns DuckDB's columns into the values that Cube's clients expect: numbers as text, times without a zone.

number    the shortest decimal text: `510`, not `510.00`; doubles as JavaScript writes them
time      `YYYY-MM-DDTHH:mm:ss.SSS`, UTC or the query's own zone, never with a suffix
boolean   true or false
NULL      null
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import repeat
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

Value: TypeAlias = str | bool | None
Column: TypeAlias = list[Value]

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"  # Arrow writes the fraction of a second that the unit has: .SSS for milliseconds


@dataclass(frozen=True)
class Rows:
    """A result by columns: `columns[i]` holds the values of the member `keys[i]`, all equally long."""

    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    count: int

    def __iter__(self) -> Iterator[dict[str, Value]]:
        """One dictionary a row, as REST's default format has them."""
        if not self.columns:
            return iter({} for _ in range(self.count))
        return (dict(zip(self.keys, row, strict=True)) for row in zip(*self.columns, strict=True))

    def tuples(self) -> list[list[Value]]:
        """The same values row by row, without keys."""
        return [list(row) for row in zip(*self.columns, strict=True)]

    def column(self, key: str) -> Column:
        return self.columns[self.keys.index(key)]

    def with_column(self, key: str, values: Column) -> Rows:
        """These rows with one more column at the end; a key that is there already is replaced."""
        if key in self.keys:
            place = self.keys.index(key)
            return Rows(self.keys, (*self.columns[:place], values, *self.columns[place + 1 :]), self.count)
        return Rows((*self.keys, key), (*self.columns, values), self.count)

    def with_constant(self, key: str, value: Value) -> Rows:
        return self.with_column(key, list(repeat(value, self.count)))


def to_rows(table: pa.Table, keys: Sequence[str], types: Sequence[str]) -> Rows:
    """`table`, whose columns are members `keys` of Cube types `types`, in the values of Cube's REST API."""
    columns = tuple(
        _formatter(column.type, member_type)(column) for column, member_type in zip(table.columns, types, strict=True)
    )
    return Rows(tuple(keys), columns, table.num_rows)


def number_text(value: float) -> str | None:
    """A double as JavaScript's Number.toString writes it (ECMA-262, Number::toString); not-a-number is null in JSON."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    digits = repr(value)
    if 1e-6 <= abs(value) < 1e21 or value == 0:
        text = f"{Decimal(digits):f}"
        return text.removesuffix(".0") if value else "0"
    mantissa, exponent = digits.split("e")
    return f"{mantissa}e{int(exponent):+d}"


def _formatter(kind: pa.DataType, member_type: str) -> Callable[[pa.ChunkedArray], Column]:
    if pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return _as_is
    if pa.types.is_integer(kind):
        return _as_text
    if pa.types.is_decimal(kind):
        return _decimals
    if pa.types.is_floating(kind):
        return _doubles
    if pa.types.is_timestamp(kind):
        return _times
    if pa.types.is_date(kind):
        return _times if member_type == "time" else _as_text
    return _anything


def _as_is(column: pa.ChunkedArray) -> Column:
    values: Column = column.to_pylist()
    return values


def _as_text(column: pa.ChunkedArray) -> Column:
    return _as_is(column.cast(pa.string()))


def _decimals(column: pa.ChunkedArray) -> Column:
    if column.type.scale <= 0:
        return _as_text(column.cast(pa.decimal128(38, 0)))
    text = column.cast(pa.string())
    if _has_exponent(text):
        return [None if value is None else _plain(value) for value in column.to_pylist()]
    return _as_is(pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), "."))


def _has_exponent(text: pa.ChunkedArray) -> bool:
    """Arrow writes tiny decimals as 1E-8."""
    return bool(pc.any(pc.match_substring(text, "E")).as_py())


def _plain(value: object) -> str:
    return f"{value:f}".rstrip("0").rstrip(".")


def _doubles(column: pa.ChunkedArray) -> Column:
    return [None if value is None else number_text(value) for value in column.to_pylist()]


def _times(column: pa.ChunkedArray) -> Column:
    if getattr(column.type, "tz", None) is not None:
        column = column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    milliseconds = column.cast(pa.timestamp("ms"), safe=False)
    return _as_is(pc.strftime(milliseconds, format=_TIME_FORMAT))


def _anything(column: pa.ChunkedArray) -> Column:
    return [None if value is None else str(value) for value in column.to_pylist()]
