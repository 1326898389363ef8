"""How complete and how fresh the raw tables are: watermarks, late rows, quarantine, failed files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

from contracts.rules import Freshness
from headrace.config import Settings
from headrace.warehouse import open_warehouse
from ingestion.declaration import Source, Table, known_sources, load_source
from ingestion.ledger import LEDGER
from ingestion.quarantine import quarantine_name, quarantined_tables

LOADED_AT = "_loaded_at"


@dataclass(frozen=True)
class TableStatus:
    """A raw table as the ledger knows it; tables that were never loaded have zeros and no times."""

    source: str
    table: str
    rows_loaded: int
    rows_late: int
    rows_waiting: int
    """Rows in quarantine."""
    failed_files: tuple[str, ...]
    watermark: datetime | None
    """The table is complete up to here, as far as its files tell; None without a time column."""
    loaded_at: datetime | None
    freshness: Freshness | None
    """What the contract says of the newest row."""

    def is_fresh(self, now: datetime) -> bool:
        """Whether the newest row is within the contract's limit; a table without a limit always is.

        The limit is on when rows were loaded or on when they happened, as the contract has it.
        """
        if self.freshness is None:
            return True
        newest = self.loaded_at if self.freshness.column == LOADED_AT else self.watermark
        return newest is not None and now - newest <= self.freshness.limit


def source_status(settings: Settings, source: str | None = None) -> tuple[TableStatus, ...]:
    """The status of every declared table (of one source). Raises UnknownSource, WarehouseError, WarehouseBusy."""
    sources = [load_source(name) for name in ((source,) if source else known_sources())]
    with open_warehouse(settings, read_only=True) as backend:
        if not _has_ledger(backend.con):
            return tuple(_never(one, table) for one in sources for table in one.tables.values())
        waiting = set(quarantined_tables(backend.con))
        return tuple(
            _status(backend.con, one, table, table.contract in waiting)
            for one in sources
            for table in one.tables.values()
        )


def _has_ledger(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(
        connection.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = 'raw' AND table_name = 'loads'"
        ).fetchone()
    )


def _freshness(table: Table) -> Freshness | None:
    return table.contract_class.terms().freshness


def _never(source: Source, table: Table) -> TableStatus:
    return TableStatus(source.name, table.contract, 0, 0, 0, (), None, None, _freshness(table))


def _status(connection: duckdb.DuckDBPyConnection, source: Source, table: Table, has_quarantine: bool) -> TableStatus:
    row = connection.execute(
        "SELECT coalesce(sum(rows_loaded), 0)::BIGINT, coalesce(sum(rows_late), 0)::BIGINT, "
        "coalesce(list(file ORDER BY file) FILTER (status = 'failed'), []), "
        "max(watermark_after), max(finished_at) FILTER (status = 'loaded') "
        f"FROM {LEDGER} WHERE source = ? AND table_name = ?",
        [source.name, table.contract],
    ).fetchone()
    loaded, late, failed, watermark, loaded_at = row or (0, 0, [], None, None)
    waiting = 0
    if has_quarantine:
        query = f"SELECT count(*) FROM {quarantine_name(table)} WHERE resolved_at IS NULL"
        waiting = (connection.execute(query).fetchone() or (0,))[0]
    return TableStatus(
        source.name, table.contract, loaded, late, waiting, tuple(failed), watermark, loaded_at, _freshness(table)
    )
