"""Chooses the reader of an item and brings its content to the local disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import fsspec

from ingestion.declaration import Table
from ingestion.discovery import File
from ingestion.errors import UnreadableInput
from ingestion.reading.columnar import read_parquet
from ingestion.reading.delimited import read_delimited
from ingestion.reading.incoming import Incoming
from ingestion.reading.json_lines import read_json_lines
from ingestion.reading.records import Dialect
from ingestion.reading.snowplow import read_enriched, with_contexts


def fetch(file: File, spool: Path) -> Path:
    """The file on the local disk. Raises UnreadableInput."""
    if not file.is_remote:
        return Path(file.location)
    target = spool / "fetched"
    try:
        with fsspec.open(file.location, "rb") as remote, target.open("wb") as local:
            shutil.copyfileobj(remote, local, 1 << 20)
    except (OSError, ValueError) as error:
        raise UnreadableInput(f"{file.location} cannot be fetched: {error}") from error
    return target


def attempts(
    file: File, path: Path, table: Table, spool: Path, connection: duckdb.DuckDBPyConnection
) -> Iterator[Incoming]:
    """Ways to read the file, the fastest first; the next one is for when one fails or loses rows."""
    for incoming in _read(file, path, table, spool, connection):
        yield with_contexts(incoming, table.contexts) if table.contexts else incoming


def _read(
    file: File, path: Path, table: Table, spool: Path, connection: duckdb.DuckDBPyConnection
) -> Iterator[Incoming]:
    if file.format == "parquet":
        return read_parquet(path, file.name)
    if file.format == "jsonl":
        return read_json_lines(path, file.name, file.compression, spool, connection)
    if file.format == "snowplow":
        return read_enriched(path, file.compression, spool)
    dialect = Dialect("\t" if file.format == "tsv" else table.delimiter, '"')
    return read_delimited(path, file.name, file.compression, dialect, spool)
