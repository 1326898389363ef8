"""Ingestion: everything new of a source, from files or a database into the raw tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from headrace.config import Settings
from headrace.warehouse import open_warehouse
from ingestion.batch import BatchResult, IngestReport
from ingestion.declaration import Source, known_sources, load_source
from ingestion.discovery import Item, discover
from ingestion.errors import IngestionError, LakeError, UnreadableInput
from ingestion.lake import DISK_FULL
from ingestion.loader import Loader
from ingestion.sampling import contradiction

__all__ = ["ingest", "known_sources"]

MEMORY_LIMIT = "600MB"
"""What the engine may hold: more makes no file load faster, and without a limit it keeps all that it has written."""


def ingest(
    settings: Settings,
    source: str,
    path: str | Path,
    *,
    on_batch: Callable[[BatchResult], None] | None = None,
) -> IngestReport:
    """Load what is new at `path` (folder, file, SQLite database, PostgreSQL or fsspec URL) of a declared source.

    Each file is one batch: its rows, its quarantine and its row in the ledger are committed together, or not at all.
    A file that fails is reported and stops only itself. Raises UnknownSource, InputMissing, LakeError, WarehouseBusy.
    """
    declaration = load_source(source)
    items = discover(declaration, path)
    results = []
    with open_warehouse(settings, read_only=False) as backend:
        backend.con.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        loader = Loader(backend, settings.lake, declaration)
        for item in items:
            result = _load(loader, item)
            results.append(result)
            if on_batch:
                on_batch(result)
    return IngestReport(source, tuple(results), _warnings(declaration, loader))


def _load(loader: Loader, item: Item) -> BatchResult:
    try:
        return loader.load(item)
    except LakeError:
        raise
    except IngestionError as error:
        return loader.fail(item, error)
    except duckdb.OutOfMemoryException as error:
        raise LakeError(f"{item.name}: out of memory or of disk to spill to: {error}") from error
    except duckdb.Error as error:
        if DISK_FULL in str(error):
            raise LakeError(f"{item.name}: the disk is full, nothing of the file was loaded: {error}") from error
        return loader.fail(item, UnreadableInput(f"{item.name}: {error}"))


def _warnings(source: Source, loader: Loader) -> tuple[str, ...]:
    by_contract = {table.contract: table for table in source.tables.values()}
    found = []
    for contract, evidence in loader.evidence.items():
        sampling = by_contract[contract].sampling
        text = contradiction(sampling, evidence) if sampling else None
        if text:
            found.append(f"raw.{contract}: {text}")
    return tuple(found)
