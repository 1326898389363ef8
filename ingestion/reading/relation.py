"""Reads tables of SQLite and PostgreSQL databases through ADBC, every value as the text the database makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi
import adbc_driver_sqlite.dbapi
import pyarrow as pa
import pyarrow.parquet as pq
from adbc_driver_manager import Error as DriverError

from ingestion import sql
from ingestion.errors import UnreadableInput
from ingestion.reading.incoming import FAULT, FAULTY_TEXT, LINES, Incoming, column_names

_SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%' ORDER BY 1"
_POSTGRES_TABLES = (
    "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1"
)


def relations_of(location: str) -> tuple[str, ...]:
    """The tables and views of a database. Raises UnreadableInput."""
    with _cursor(location) as cursor:
        cursor.execute(_POSTGRES_TABLES if is_postgres(location) else _SQLITE_TABLES)
        return tuple(str(row[0]) for row in cursor.fetchall())


def is_postgres(location: str) -> bool:
    return "://" in location


def read_relation(
    location: str, relation: str, name: str, cursor_column: str | None, since: str | None, spool: Path
) -> Iterator[Incoming]:
    """The rows whose cursor is `since` or later (all, without one), in the cursor's order.

    Rows at `since` itself come again, because others may have been written in the same instant. A row with text that is
    not UTF-8, which SQLite lets through, is faulty.
    """
    target = spool / "relation.parquet"
    with _cursor(location) as cursor:
        cursor.execute(f"SELECT * FROM {sql.name(relation)} LIMIT 0")
        columns = tuple(str(column[0]) for column in cursor.description)
        cursor.execute(_query(relation, columns, cursor_column, since))
        _write(cursor.fetch_record_batch(), columns, target)
    names = column_names(columns, name)
    renamed = ", ".join(
        f"{sql.name(before)} AS {sql.name(after)}" for before, after in zip(columns, names, strict=True)
    )
    select = f"SELECT {renamed}, NULL::BIGINT AS {LINES}, {FAULT}, {FAULTY_TEXT} FROM read_parquet({sql.text(target)})"
    yield Incoming(select, names, is_text=True)


def _query(relation: str, columns: tuple[str, ...], cursor_column: str | None, since: str | None) -> str:
    values = ", ".join(f"CAST({sql.name(column)} AS TEXT) AS {sql.name(column)}" for column in columns)
    query = f"SELECT {values} FROM {sql.name(relation)}"
    place = {column.lower(): column for column in columns}.get(cursor_column or "")
    if place is None:
        return query
    key = sql.name(relation) + "." + sql.name(place)
    if since is not None:
        query += f" WHERE {key} >= {sql.text(since)}"
    return f"{query} ORDER BY {key}"


def _write(batches: pa.RecordBatchReader, columns: tuple[str, ...], target: Path) -> None:
    schema = pa.schema([(column, pa.string()) for column in (*columns, FAULT, FAULTY_TEXT)])
    with pq.ParquetWriter(str(target), schema, compression="zstd") as writer:
        for batch in batches:
            arrays = [
                column if pa.types.is_string(column.type) else column.cast(pa.string()) for column in batch.columns
            ]
            writer.write_batch(pa.record_batch(_with_faults(arrays, columns), schema=schema))


def _with_faults(arrays: list[pa.Array], columns: tuple[str, ...]) -> list[pa.Array]:
    """The columns and, of each row, what is no UTF-8 in it (NULL: nothing) and then its values as JSON text."""
    broken = [place for place, array in enumerate(arrays) if not _is_utf8(array)]
    none = pa.nulls(len(arrays[0]), pa.string())
    if not broken:
        return [*arrays, none, none]
    raw = [array.view(pa.binary()).to_pylist() for array in arrays]
    shown = [[value and value.decode(errors="backslashreplace") for value in values] for values in raw]
    faults: list[str | None] = [None] * len(none)
    for place in broken:
        for row, value in enumerate(raw[place]):
            try:
                (value or b"").decode()
            except UnicodeDecodeError as error:
                faults[row] = f"{columns[place]}: not UTF-8: {error.reason} at byte {error.start + 1}"
    texts = [
        json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) if fault else None
        for fault, row in zip(faults, zip(*shown, strict=True), strict=True)
    ]
    whole = [pa.array(shown[place], pa.string()) if place in broken else array for place, array in enumerate(arrays)]
    return [*whole, pa.array(faults, pa.string()), pa.array(texts, pa.string())]


def _is_utf8(array: pa.Array) -> bool:
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


@contextmanager
def _cursor(location: str) -> Iterator[Any]:
    try:
        if is_postgres(location):
            connection: Any = adbc_driver_postgresql.dbapi.connect(location)
        else:
            connection = adbc_driver_sqlite.dbapi.connect(f"file:{location}?mode=ro")
        with connection, connection.cursor() as cursor:
            if is_postgres(location):
                cursor.execute("SET TIME ZONE 'UTC'")
            yield cursor
    except DriverError as error:
        shown = without_password(location) if is_postgres(location) else Path(location).name
        raise UnreadableInput(f"the database {shown} cannot be read: {error}") from error


def without_password(url: str) -> str:
    """A database's URL, fit to be shown and kept."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
