"""Replay: rebuilds all raw tables, the quarantine and the ledger from the lake alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb

from headrace.config import Settings
from headrace.warehouse import open_warehouse
from ingestion import ledger
from ingestion.batch import BatchResult, Identity, IngestReport
from ingestion.commit import merge_batch, prepare, roll_back
from ingestion.declaration import Source, Table, load_source
from ingestion.errors import LakeError
from ingestion.lake import batches
from ingestion.quarantine import quarantine_name
from ingestion.staging import reopen
from ingestion.tables import table_name


def replay(
    settings: Settings, *, source: str | None = None, on_batch: Callable[[BatchResult], None] | None = None
) -> tuple[IngestReport, ...]:
    """Rebuild the raw tables of a source (of all that the lake holds), identical to the row.

    Each source is rebuilt in one transaction: until it is done, the old tables stand. Batches keep their times; only
    the ledger's `finished_at` is new, and failures are forgotten. Columns that a contract has named since are filled.
    Raises LakeError when the lake holds nothing, SchemaDrift and WarehouseBusy.
    """
    found: dict[str, list[tuple[Path, Identity]]] = {}
    for path, identity in batches(settings.lake, source):
        found.setdefault(identity.source, []).append((path, identity))
    if not found:
        raise LakeError(f"there is nothing to replay in {settings.lake}")
    with open_warehouse(settings, read_only=False) as backend:
        ledger.create_ledger(backend.con)
        return tuple(
            _replay_source(backend.con, load_source(name), listed, on_batch) for name, listed in sorted(found.items())
        )


def _replay_source(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    listed: Iterable[tuple[Path, Identity]],
    on_batch: Callable[[BatchResult], None] | None,
) -> IngestReport:
    tables = {table.contract: table for table in source.tables.values()}
    results = []
    connection.execute("BEGIN")
    try:
        for table in tables.values():
            connection.execute(f"DROP TABLE IF EXISTS {table_name(table)}")
            prepare(connection, table)
            connection.execute(f"DELETE FROM {quarantine_name(table)}")
        connection.execute(f"DELETE FROM {ledger.LEDGER} WHERE source = ?", [source.name])
        for path, identity in listed:
            result = _replay_batch(connection, tables, path, identity)
            results.append(result)
            if on_batch:
                on_batch(result)
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise
    return IngestReport(source.name, tuple(results))


def _replay_batch(
    connection: duckdb.DuckDBPyConnection, tables: dict[str, Table], path: Path, identity: Identity
) -> BatchResult:
    table = tables.get(identity.table)
    if table is None:
        raise LakeError(f"{path}: source {identity.source} declares no table for raw.{identity.table} any more")
    return merge_batch(connection, reopen(connection, path, identity, table), table).result
