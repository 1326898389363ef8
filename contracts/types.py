"""Column types of contracts: each is one Ibis type, under the name that the models' SQL dialect gives it.

The classes are Pandera data types, so that Pandera reads a contract's annotations as they stand. They compare without
nullability and without the precision of timestamps, which engines report differently for the same column.
"""

from __future__ import annotations

from typing import Any, ClassVar

import ibis.expr.datatypes as dt
from pandera import dtypes
from pandera.engines import ibis_engine


def comparable(type_: dt.DataType) -> dt.DataType:
    """The type without what engines disagree on: nullability and the precision of timestamps."""
    if isinstance(type_, dt.Timestamp):
        return dt.Timestamp(timezone=type_.timezone)
    if isinstance(type_, dt.Array):
        return dt.Array(comparable(type_.value_type))
    return type_(nullable=True)


class ColumnType(ibis_engine.DataType):
    """Base of the column types; `type` is the Ibis type and `sql_name` its name in the models' dialect."""

    type: Any
    sql_name: ClassVar[str]

    def __init__(self) -> None:
        """Nothing to set: a type is a class, and its instances are all alike."""

    def check(self, pandera_dtype: dtypes.DataType, data_container: Any = None) -> bool:  # noqa: ARG002
        """Whether a column of `pandera_dtype` may stand where this type is declared."""
        found = getattr(pandera_dtype, "type", None)
        return isinstance(found, dt.DataType) and comparable(found) == comparable(self.type)


class Text(ColumnType):
    """STRING."""

    type, sql_name = dt.string, "STRING"


class Integer(ColumnType):
    """INT64."""

    type, sql_name = dt.int64, "INT64"


class Number(ColumnType):
    """FLOAT64: measurements; for money and exact figures take `Numeric`."""

    type, sql_name = dt.float64, "FLOAT64"


class Numeric(ColumnType):
    """NUMERIC(38, 9): exact decimals such as money."""

    type, sql_name = dt.Decimal(38, 9), "NUMERIC(38, 9)"


class Boolean(ColumnType):
    """BOOL."""

    type, sql_name = dt.boolean, "BOOL"


class Day(ColumnType):
    """DATE."""

    type, sql_name = dt.date, "DATE"


class Instant(ColumnType):
    """TIMESTAMP: a point in time, kept in UTC."""

    type, sql_name = dt.Timestamp(timezone="UTC"), "TIMESTAMP"


class Json(ColumnType):
    """JSON."""

    type, sql_name = dt.json, "JSON"


class Texts(ColumnType):
    """ARRAY<STRING>."""

    type, sql_name = dt.Array(dt.string), "ARRAY<STRING>"


COLUMN_TYPES: tuple[type[ColumnType], ...] = (Text, Integer, Number, Numeric, Boolean, Day, Instant, Json, Texts)
