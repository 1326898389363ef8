"""A batch: one file's (or relation's) rows for one table, and what became of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

Status = Literal["loaded", "failed", "known"]


class Identity(msgspec.Struct, frozen=True):
    """What is known of a batch before its rows are judged; the lake keeps it beside the rows."""

    batch_id: str
    source: str
    table: str
    """Name of the raw table."""
    file: str
    location: str
    content_hash: str
    size_bytes: int
    modified_ns: int
    contract_version: str
    loaded_at: datetime
    watermark: datetime | None = None
    """The table's watermark when the run began: what happened before it is late."""
    cursor_after: str | None = None
    """The last value of a relation's cursor; None for files."""
    header_lines: int | None = None
    """Lines before the first record; None where the format has no lines."""
    retry_of: str | None = None
    """The batch whose quarantined rows are tried again."""


def batch_id(source: str, table: str, content_hash: str) -> str:
    """The same content for the same table is the same batch, whatever its file is called."""
    return hashlib.sha256(f"{source}\0{table}\0{content_hash}".encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Counts:
    """rows_read = rows_loaded + rows_quarantined + rows_duplicate, always."""

    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0
    rows_late: int = 0
    """Of those loaded, how many happened before the watermark."""


@dataclass(frozen=True)
class BatchResult:
    """A row of the ledger; `known` results are not written there."""

    source: str
    table: str
    file: str
    status: Status
    batch_id: str = ""
    location: str = ""
    content_hash: str = ""
    size_bytes: int = 0
    modified_ns: int = 0
    counts: Counts = Counts()
    watermark_before: datetime | None = None
    watermark_after: datetime | None = None
    min_event_at: datetime | None = None
    max_event_at: datetime | None = None
    cursor_after: str | None = None
    contract_version: str = ""
    lake_file: str = ""
    started_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    finished_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    message: str = ""
    warnings: tuple[str, ...] = ()
    contradiction: str = ""
    """What the rows say against the declared `count_is`; the report says it once for all files of a table."""


@dataclass(frozen=True)
class IngestReport:
    """What an ingestion did; `warnings` are about whole tables."""

    source: str
    results: tuple[BatchResult, ...]
    warnings: tuple[str, ...] = ()

    @property
    def counts(self) -> Counts:
        """The counts of all batches together."""
        loaded = [result.counts for result in self.results]
        return Counts(
            sum(one.rows_read for one in loaded),
            sum(one.rows_loaded for one in loaded),
            sum(one.rows_quarantined for one in loaded),
            sum(one.rows_duplicate for one in loaded),
            sum(one.rows_late for one in loaded),
        )

    @property
    def failures(self) -> tuple[BatchResult, ...]:
        return tuple(result for result in self.results if result.status == "failed")

    @property
    def exit_code(self) -> int:
        """1 when a file failed; rows in quarantine are no failure."""
        return 1 if self.failures else 0
