"""The ledger `raw.loads`: one row per batch, committed together with the batch's rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from ingestion.batch import BatchResult

LEDGER = "raw.loads"

_COLUMNS = {
    "batch_id": "VARCHAR NOT NULL",
    "source": "VARCHAR NOT NULL",
    "table_name": "VARCHAR NOT NULL",
    "file": "VARCHAR NOT NULL",
    "location": "VARCHAR NOT NULL",
    "content_hash": "VARCHAR NOT NULL",
    "size_bytes": "BIGINT NOT NULL",
    "modified_ns": "BIGINT NOT NULL",
    "rows_read": "BIGINT NOT NULL",
    "rows_loaded": "BIGINT NOT NULL",
    "rows_quarantined": "BIGINT NOT NULL",
    "rows_duplicate": "BIGINT NOT NULL",
    "rows_late": "BIGINT NOT NULL",
    "watermark_before": "TIMESTAMPTZ",
    "watermark_after": "TIMESTAMPTZ",
    "min_event_at": "TIMESTAMPTZ",
    "max_event_at": "TIMESTAMPTZ",
    "cursor_after": "VARCHAR",
    "contract_version": "VARCHAR NOT NULL",
    "lake_file": "VARCHAR NOT NULL",
    "started_at": "TIMESTAMPTZ NOT NULL",
    "finished_at": "TIMESTAMPTZ NOT NULL",
    "status": "VARCHAR NOT NULL",
    "message": "VARCHAR NOT NULL",
    "warnings": "VARCHAR[] NOT NULL",
}


@dataclass(frozen=True)
class Known:
    """What of a source was loaded before."""

    hashes: frozenset[tuple[str, str]]
    """(table, content hash)."""
    stamps: frozenset[tuple[str, str, int, int]]
    """(table, location, size, time of change): enough to skip a file without reading it."""
    failed: frozenset[str]
    """Locations of which the latest attempt failed."""


def create_ledger(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the ledger where it is missing."""
    columns = ", ".join(f"{name} {type_}" for name, type_ in _COLUMNS.items())
    connection.execute("CREATE SCHEMA IF NOT EXISTS raw")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {LEDGER} ({columns})")


def known_batches(connection: duckdb.DuckDBPyConnection, source: str) -> Known:
    rows = connection.execute(
        f"SELECT table_name, content_hash, location, size_bytes, modified_ns, status FROM {LEDGER} WHERE source = ?",
        [source],
    ).fetchall()
    loaded = [row for row in rows if row[5] == "loaded"]
    return Known(
        frozenset((table, content_hash) for table, content_hash, *_ in loaded),
        frozenset((table, location, size, modified) for table, _, location, size, modified, _ in loaded),
        frozenset(row[2] for row in rows if row[5] == "failed"),
    )


def write_result(connection: duckdb.DuckDBPyConnection, result: BatchResult) -> None:
    """Write a batch's row, in place of one that says that its file failed before."""
    forget_failure(connection, result.source, result.location)
    values = _values(result)
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {LEDGER} ({', '.join(values)}) VALUES ({marks})", list(values.values()))


def forget_failure(connection: duckdb.DuckDBPyConnection, source: str, location: str) -> None:
    """Take back that a file could not be loaded: it was mended."""
    connection.execute(
        f"DELETE FROM {LEDGER} WHERE source = ? AND location = ? AND status = 'failed'", [source, location]
    )


def _values(result: BatchResult) -> dict[str, Any]:
    counts = result.counts
    return {
        "batch_id": result.batch_id,
        "source": result.source,
        "table_name": result.table,
        "file": result.file,
        "location": result.location,
        "content_hash": result.content_hash,
        "size_bytes": result.size_bytes,
        "modified_ns": result.modified_ns,
        "rows_read": counts.rows_read,
        "rows_loaded": counts.rows_loaded,
        "rows_quarantined": counts.rows_quarantined,
        "rows_duplicate": counts.rows_duplicate,
        "rows_late": counts.rows_late,
        "watermark_before": result.watermark_before,
        "watermark_after": result.watermark_after,
        "min_event_at": result.min_event_at,
        "max_event_at": result.max_event_at,
        "cursor_after": result.cursor_after,
        "contract_version": result.contract_version,
        "lake_file": result.lake_file,
        "started_at": result.started_at,
        "finished_at": result.finished_at,
        "status": result.status,
        "message": result.message,
        "warnings": [*result.warnings, *([result.contradiction] if result.contradiction else [])],
    }


def watermark(connection: duckdb.DuckDBPyConnection, source: str, table: str) -> datetime | None:
    """The latest time that a loaded row of the table happened at."""
    row = connection.execute(
        f"SELECT max(watermark_after) FROM {LEDGER} WHERE source = ? AND table_name = ? AND status = 'loaded'",
        [source, table],
    ).fetchone()
    return row[0] if row else None


def cursor(connection: duckdb.DuckDBPyConnection, source: str, table: str, location: str) -> str | None:
    """The last value that was read of a relation's cursor column."""
    row = connection.execute(
        f"SELECT max(cursor_after) FROM {LEDGER} "
        "WHERE source = ? AND table_name = ? AND location = ? AND status = 'loaded'",
        [source, table, location],
    ).fetchone()
    return row[0] if row else None


def next_instant(connection: duckdb.DuckDBPyConnection) -> datetime:
    """Now, but later than every batch before, so that the order of batches is the order of their times."""
    row = connection.execute(f"SELECT max(started_at) FROM {LEDGER}").fetchone()
    now = datetime.now(UTC)
    latest = row[0] if row else None
    return max(now, latest + timedelta(microseconds=1)) if latest else now
