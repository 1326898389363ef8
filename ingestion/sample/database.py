"""Writes SQLite databases of a sample through ADBC."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import adbc_driver_sqlite.dbapi
import duckdb

from ingestion.sample.files import Written


def write_database(
    connection: duckdb.DuckDBPyConnection, path: Path, schema: str, queries: Mapping[str, str]
) -> list[Written]:
    """Make a new database: `schema` is SQLite's DDL, `queries` gives each table its rows, in the table's columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as empty:
        empty.executescript(schema)
    written = []
    with adbc_driver_sqlite.dbapi.connect(str(path)) as target, target.cursor() as cursor:
        for table, query in queries.items():
            reader = connection.execute(query).to_arrow_reader(100_000)
            written.append(Written(path, cursor.adbc_ingest(table, reader, mode="append"), table))
        target.commit()
    return written
