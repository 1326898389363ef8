"""Reads tables of SQLite and PostgreSQL databases through ADBC, every value as the text the database makes of it."""

from __future__ import annotations

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
from ingestion.reading.columnar import read_parquet
from ingestion.reading.incoming import Incoming

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

    Rows at `since` itself come again, because others may have been written in the same instant.
    """
    target = spool / "relation.parquet"
    with _cursor(location) as cursor:
        cursor.execute(f"SELECT * FROM {sql.name(relation)} LIMIT 0")
        columns = tuple(str(column[0]) for column in cursor.description)
        cursor.execute(_query(relation, columns, cursor_column, since))
        _write(cursor.fetch_record_batch(), columns, target)
    yield from read_parquet(target, name)


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
    schema = pa.schema([(column, pa.string()) for column in columns])
    with pq.ParquetWriter(str(target), schema, compression="zstd") as writer:
        for batch in batches:
            arrays = [
                column if pa.types.is_string(column.type) else column.cast(pa.string()) for column in batch.columns
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


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
