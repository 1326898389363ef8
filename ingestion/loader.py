"""Loads the items of a source: those that are new are staged and committed, one by one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import duckdb
from ibis.backends.duckdb import Backend

from ingestion import ledger, sql
from ingestion.batch import BatchResult, Identity, batch_id
from ingestion.commit import Staged, commit, prepare
from ingestion.declaration import Source, Table
from ingestion.discovery import File, Item, Relation
from ingestion.errors import IngestionError, UnreadableInput
from ingestion.fingerprint import Fingerprint, fingerprint
from ingestion.lake import STAGING
from ingestion.reading.choice import attempts, fetch
from ingestion.reading.incoming import Incoming
from ingestion.reading.relation import is_postgres, read_relation, without_password
from ingestion.sampling import Evidence
from ingestion.staging import stage_batch


@dataclass
class Loader:
    """Loads the items of one source over one connection; remembers what it has seen."""

    backend: Backend
    lake: Path
    source: Source
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """What the batches of a table say about its counts."""
    _watermarks: dict[str, datetime | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ledger.create_ledger(self.connection)
        shutil.rmtree(self.lake / STAGING, ignore_errors=True)
        known = ledger.known_batches(self.connection, self.source.name)
        self._hashes, self._stamps, self._failed = set(known.hashes), known.stamps, known.failed
        for location in known.failed:
            if "://" not in location and not Path(location.partition("#")[0]).exists():
                ledger.forget_failure(self.connection, self.source.name, location)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        connection: duckdb.DuckDBPyConnection = self.backend.con
        return connection

    def load(self, item: Item) -> BatchResult:
        """Load an item, or say that it was loaded before. Raises IngestionError; then nothing of it is loaded."""
        table = self.source.tables[item.table]
        if self._is_known_by_stamp(item, table):
            return self._known(item, table)
        with _spool() as spool:
            if isinstance(item, Relation):
                return self._load_relation(item, table, spool)
            return self._load_file(item, table, spool)

    def fail(self, item: Item, error: IngestionError) -> BatchResult:
        """Write to the ledger that an item could not be loaded."""
        table = self.source.tables[item.table]
        now = ledger.next_instant(self.connection)
        result = BatchResult(
            source=self.source.name,
            table=table.contract,
            file=item.name,
            status="failed",
            batch_id=batch_id(self.source.name, table.contract, _location(item)),
            location=_location(item),
            contract_version=table.contract_class.terms().version,
            started_at=now,
            finished_at=now,
            message=str(error),
        )
        ledger.write_result(self.connection, result)
        return result

    def _load_file(self, file: File, table: Table, spool: Path) -> BatchResult:
        path = fetch(file, spool)
        content = fingerprint(path)
        if (table.contract, content.content_hash) in self._hashes:
            return self._known(file, table)
        ways = attempts(file, path, table, spool, self.connection)
        return self._commit(ways, table, self._identity(file, table, content, None))

    def _load_relation(self, relation: Relation, table: Table, spool: Path) -> BatchResult:
        since = ledger.cursor(self.connection, self.source.name, table.contract, _location(relation))
        ways = tuple(read_relation(relation.location, relation.relation, relation.name, table.cursor, since, spool))
        content = fingerprint(spool / "relation.parquet")
        if not is_postgres(relation.location):
            size, modified = _stamp(Path(relation.location), relation.name)
            content = replace(content, size_bytes=size, modified_ns=modified)
        if (table.contract, content.content_hash) in self._hashes:
            return self._known(relation, table)
        identity = self._identity(relation, table, content, self._cursor_after(table, ways[0]))
        return self._commit(iter(ways), table, identity)

    def _commit(self, ways: Iterator[Incoming], table: Table, identity: Identity) -> BatchResult:
        staged: Staged = stage_batch(self.backend, self.lake, ways, table, identity)
        committed = commit(self.connection, self.lake, staged, table)
        self._hashes.add((identity.table, identity.content_hash))
        self.evidence[table.contract] = self.evidence.get(table.contract, Evidence()) + committed.evidence
        return committed.result

    def _is_known_by_stamp(self, item: Item, table: Table) -> bool:
        """Whether the file has neither grown nor changed since it was loaded."""
        if "://" in item.location:
            return False
        stamp = _stamp(Path(item.location), item.name)
        return (table.contract, _location(item), *stamp) in self._stamps

    def _cursor_after(self, table: Table, incoming: Incoming) -> str:
        """The last value of the cursor; empty where the relation has none."""
        if table.cursor not in incoming.columns:
            return ""
        row = self.connection.execute(f"SELECT max({sql.name(table.cursor)}) FROM ({incoming.sql})").fetchone()
        return str(row[0]) if row and row[0] is not None else ""

    def _identity(self, item: Item, table: Table, content: Fingerprint, cursor_after: str | None) -> Identity:
        if table.contract not in self._watermarks:
            prepare(self.connection, table)
            self._watermarks[table.contract] = ledger.watermark(self.connection, self.source.name, table.contract)
        return Identity(
            batch_id=batch_id(self.source.name, table.contract, content.content_hash),
            source=self.source.name,
            table=table.contract,
            file=item.name,
            location=_location(item),
            content_hash=content.content_hash,
            size_bytes=content.size_bytes,
            modified_ns=content.modified_ns,
            contract_version=table.contract_class.terms().version,
            loaded_at=ledger.next_instant(self.connection),
            watermark=self._watermarks[table.contract],
            cursor_after=cursor_after,
        )

    def _known(self, item: Item, table: Table) -> BatchResult:
        if _location(item) in self._failed:
            ledger.forget_failure(self.connection, self.source.name, _location(item))
        return BatchResult(self.source.name, table.contract, item.name, "known")


def _location(item: Item) -> str:
    """The item's place as the ledger keeps it, without a password."""
    if isinstance(item, Relation):
        return f"{without_password(item.location) if is_postgres(item.location) else item.location}#{item.relation}"
    return item.location


def _stamp(path: Path, name: str) -> tuple[int, int]:
    """Size and time of the latest change; SQLite writes into a log beside the database before it writes into that."""
    log = path.with_name(f"{path.name}-wal")
    try:
        states = [one.stat() for one in (path, log) if one == path or log.exists()]
    except OSError as error:
        raise UnreadableInput(f"{name} cannot be read: {error.strerror}") from error
    return sum(state.st_size for state in states), max(state.st_mtime_ns for state in states)


@contextmanager
def _spool() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        yield Path(folder)
