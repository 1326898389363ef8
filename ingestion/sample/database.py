"""Writes SQLite databases of a sample through ADBC."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import adbc_driver_sqlite.dbapi
import duckdb

from ingestion import sql
from ingestion.sample.files import Written


def write_tables(
    connection: duckdb.DuckDBPyConnection, path: Path, schema: Mapping[str, str], queries: Mapping[str, str]
) -> list[Written]:
    """Make a new database: `schema` holds the columns of each table, `queries` its rows; names must agree."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    written = []
    with adbc_driver_sqlite.dbapi.connect(str(path)) as target, target.cursor() as cursor:
        for table, columns in schema.items():
            cursor.execute(f"CREATE TABLE {sql.name(table)} ({columns})")
            reader = connection.execute(queries[table]).to_arrow_reader(100_000)
            rows = cursor.adbc_ingest(table, reader, mode="append")
            written.append(Written(path, rows))
        target.commit()
    return written
