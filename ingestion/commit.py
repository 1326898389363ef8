"""Commits a staged batch: lake, raw table, quarantine and ledger together, or none of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from ingestion import ledger, sql
from ingestion.batch import BatchResult, Counts, Identity
from ingestion.declaration import Table
from ingestion.lake import lake_path, publish
from ingestion.quarantine import ensure_quarantine, quarantine, settle
from ingestion.reading.snowplow import FIELDS
from ingestion.sampling import Evidence, contradiction, gather
from ingestion.tables import accepted_rows, ensure_table, kept_rows, merge


@dataclass(frozen=True)
class Staged:
    """A batch as a Parquet file: `rows` in it, of which `rejected`; `extra` columns that the contract does not name."""

    identity: Identity
    path: Path
    extra: tuple[str, ...]
    rows: int
    rejected: int


@dataclass(frozen=True)
class Committed:
    """What became of the batch, and what its rows say about the declared counts."""

    result: BatchResult
    evidence: Evidence


def prepare(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make or widen the raw table, and make its quarantine. Raises SchemaDrift."""
    ensure_table(connection, table)
    ensure_quarantine(connection, table)


def commit(connection: duckdb.DuckDBPyConnection, lake: Path, staged: Staged, table: Table) -> Committed:
    """Publish a staged batch in one transaction. One that holds nothing new leaves no trace."""
    connection.execute("BEGIN")
    try:
        committed = merge_batch(connection, staged, table)
        if committed.result.status == "known":
            connection.execute("ROLLBACK")
            staged.path.unlink()
            return committed
        publish(lake, staged.path, staged.identity)
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        staged.path.unlink(missing_ok=True)
        raise
    return committed


def roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    """End the transaction, if there is one: a COMMIT that fails, on a full disk, has ended it already."""
    with suppress(duckdb.TransactionException):
        connection.execute("ROLLBACK")


def merge_batch(connection: duckdb.DuckDBPyConnection, staged: Staged, table: Table) -> Committed:
    """Put the batch's rows and its row of the ledger into the warehouse, within the caller's transaction."""
    identity = staged.identity
    before = ledger.watermark(connection, identity.source, identity.table)
    accepted = accepted_rows(connection, table.contract_class, staged.path)
    merged = merge(connection, table, identity, accepted, staged.rows - staged.rejected)
    put_aside = settle if identity.retry_of else quarantine
    is_needed = staged.rejected or identity.retry_of
    quarantined = put_aside(connection, table, identity, staged.path) if is_needed else 0
    if not merged.loaded and _adds_nothing(staged, quarantined):
        return Committed(BatchResult(identity.source, identity.table, identity.file, "known"), Evidence())
    first, last, late = _times(connection, table, identity, accepted)
    evidence = gather(connection, table.sampling, accepted) if table.sampling else Evidence()
    result = BatchResult(
        source=identity.source,
        table=identity.table,
        file=identity.file,
        status="loaded",
        batch_id=identity.batch_id,
        location=identity.location,
        content_hash=identity.content_hash,
        size_bytes=identity.size_bytes,
        modified_ns=identity.modified_ns,
        counts=Counts(staged.rows, merged.loaded, quarantined, merged.duplicate + staged.rejected - quarantined, late),
        watermark_before=before,
        watermark_after=_watermark(before, last, identity),
        min_event_at=first,
        max_event_at=last,
        cursor_after=identity.cursor_after,
        contract_version=identity.contract_version,
        lake_file=lake_path(identity),
        started_at=identity.loaded_at,
        finished_at=max(datetime.now(UTC), identity.loaded_at),
        warnings=_warnings(staged, table),
        contradiction=(contradiction(table.sampling, evidence) if table.sampling else None) or "",
    )
    ledger.write_result(connection, result)
    return Committed(result, evidence)


def _watermark(before: datetime | None, last: datetime | None, identity: Identity) -> datetime | None:
    """The table's latest time, but never later than it was read: a clock that runs ahead makes nothing complete."""
    known = [one for one in (before, min(last, identity.loaded_at) if last else None) if one]
    return max(known, default=None)


def _adds_nothing(staged: Staged, quarantined: int) -> bool:
    """A relation's rows at its cursor come again every time, and a retry may let nothing in: neither is a new batch."""
    identity = staged.identity
    if identity.retry_of:
        return quarantined == staged.rows
    return identity.cursor_after is not None and not quarantined


def _times(
    connection: duckdb.DuckDBPyConnection, table: Table, identity: Identity, accepted: str
) -> tuple[datetime | None, datetime | None, int]:
    """First and last time of the loaded rows, and how many lie before what was complete when the run began."""
    if not table.time_columns:
        return None, None, 0
    time = f"CAST(COALESCE({', '.join(map(sql.name, table.time_columns))}) AS TIMESTAMPTZ)"
    row = connection.execute(
        f"SELECT min({time}), max({time}), count(*) FILTER ({time} < $watermark) FROM ({kept_rows(accepted)})",
        {"watermark": identity.watermark},
    ).fetchone()
    return row if row else (None, None, 0)


def _warnings(staged: Staged, table: Table) -> tuple[str, ...]:
    found = []
    extra = [
        name
        for name in staged.extra
        if not name.startswith("_") and not (table.format == "snowplow" and name in FIELDS)
    ]
    if extra:
        found.append(
            f"{staged.identity.file}: new column{'s' * (len(extra) > 1)} {', '.join(extra)}: kept in the lake, "
            f"loaded once contract raw.{table.contract} names {'them' if len(extra) > 1 else 'it'}"
        )
    if not staged.rows:
        found.append(f"{staged.identity.file}: the file has no rows")
    return tuple(found)
