"""How large the columns of tables are, by BigQuery's sizes of data types, day by day where a table has partitions.

Sizes: INT64, FLOAT64, TIMESTAMP, DATETIME, DATE and TIME 8 bytes, BOOL 1, NUMERIC 16, STRING 2 and its UTF-8 bytes,
ARRAY and STRUCT the sum of their parts, NULL nothing (https://cloud.google.com/bigquery/pricing#data).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import pyarrow as pa

from headrace.errors import QueryFailed
from headrace.warehouse import Reader

NUMBER, BOOL, NUMERIC = 8, 1, 16
NO_DAY = None
"""The partition of rows without a time, and of tables that have no partitions."""


@dataclass(frozen=True)
class TableSize:
    """The logical bytes of a table: day -> column -> bytes. `partitioned_by` is the column that says the day."""

    name: str
    partitioned_by: str | None
    days: Mapping[dt.date | None, Mapping[str, int]]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(next(iter(self.days.values()), {}))

    def bytes_of(self, columns: frozenset[str], since: dt.date | None = None, until: dt.date | None = None) -> int:
        """The bytes of some columns, in the partitions from `since` to `until`, both inclusive."""
        return sum(
            size
            for day, sizes in self.days.items()
            if _is_within(day, since, until)
            for column, size in sizes.items()
            if column in columns
        )


Statistics = Mapping[str, TableSize]
"""By `layer.table`."""


def measure(reader: Reader, places: Mapping[str, str], partitions: Mapping[str, str]) -> Statistics:
    """Measure tables: `places` says where each is (`core.events` -> `core__dev.events`), `partitions` its time column.

    Tables that are not there are left out. Raises WarehouseError.
    """
    found = {}
    for name, place in places.items():
        with suppress(QueryFailed):
            found[name] = _measured(reader, name, place, partitions.get(name))
    return MappingProxyType(found)


def _measured(reader: Reader, name: str, place: str, partition: str | None) -> TableSize:
    quote = "`" if reader.dialect == "bigquery" else '"'
    table = ".".join(f"{quote}{part}{quote}" for part in place.split("."))
    schema = reader.columns(f"SELECT * FROM {table}", ())
    sizes = [_size(reader.dialect, f"{quote}{field.name}{quote}", field.type) for field in schema]
    key = f"CAST({quote}{partition}{quote} AS DATE)" if partition in schema.names else "NULL"
    sums = ", ".join(f"SUM({size}) AS c{place}" for place, size in enumerate(sizes))
    query = f"SELECT {key} AS day, {sums} FROM {table} GROUP BY 1"
    rows = reader.fetch(query, (), lambda _: nullcontext()).to_pylist()
    days = {row["day"]: {field.name: int(row[f"c{place}"] or 0) for place, field in enumerate(schema)} for row in rows}
    empty: dict[dt.date | None, Mapping[str, int]] = {NO_DAY: dict.fromkeys(schema.names, 0)}
    return TableSize(name, partition if partition in schema.names else None, days or empty)


def _size(dialect: str, column: str, kind: pa.DataType) -> str:
    """The expression for the bytes of one value; NULL is NULL, and counts nothing in a sum."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        length = "BYTE_LENGTH" if dialect == "bigquery" else "OCTET_LENGTH" if pa.types.is_binary(kind) else "STRLEN"
        return f"2 + {length}({column})"
    if pa.types.is_list(kind):
        inner = _fixed(kind.value_type)
        length = "ARRAY_LENGTH" if dialect == "bigquery" else "LEN"
        return f"{inner} * {length}({column})"
    return f"CASE WHEN {column} IS NOT NULL THEN {_fixed(kind)} END"


def _fixed(kind: pa.DataType) -> int:
    if pa.types.is_boolean(kind):
        return BOOL
    if pa.types.is_decimal(kind):
        return NUMERIC * 2 if kind.precision > 38 else NUMERIC
    if pa.types.is_struct(kind):
        return sum(_fixed(field.type) for field in kind)
    return NUMBER


def _is_within(day: dt.date | None, since: dt.date | None, until: dt.date | None) -> bool:
    if day is NO_DAY:
        return since is None and until is None
    return (since is None or day >= since) and (until is None or day <= until)
