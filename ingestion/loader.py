"""Loads one item: read, judge, write to the lake, merge into the raw table, all or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from ibis.backends.duckdb import Backend

from contracts.violations import REASONS, RULES
from ingestion import ledger, sql
from ingestion.batch import BatchResult, Counts, Identity, batch_id
from ingestion.declaration import Source, Table
from ingestion.discovery import File, Item, Relation
from ingestion.errors import IngestionError, SchemaDrift, UnreadableInput
from ingestion.fingerprint import Fingerprint, fingerprint
from ingestion.judgement import Judged, judge_incoming
from ingestion.lake import lake_path, publish, stage, staging_path
from ingestion.quarantine import ensure_quarantine, quarantine
from ingestion.reading.choice import attempts, fetch
from ingestion.reading.incoming import LINES, Incoming
from ingestion.reading.relation import is_postgres, read_relation
from ingestion.reading.snowplow import FIELDS
from ingestion.sampling import Evidence, contradiction, gather
from ingestion.tables import accepted_rows, ensure_table, kept_rows, merge, source_of

_ENOUGH_TO_TELL = 20
"""Rows from which a column that cannot be read in any of them is taken for retyped, and not for dirt."""


@dataclass(frozen=True)
class Staged:
    """A batch in the lake's staging place."""

    identity: Identity
    path: Path
    incoming: Incoming
    extra: tuple[str, ...]
    rows: int
    rejected: int


@dataclass
class Loader:
    """Loads the items of one source over one connection; remembers what it has seen."""

    backend: Backend
    lake: Path
    source: Source
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """What the batches of a table say about its counts."""
    _ready: set[str] = field(default_factory=set)
    _watermarks: dict[str, datetime | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ledger.create_ledger(self.connection)
        shutil.rmtree(self.lake / ".staging", ignore_errors=True)
        known = ledger.known_batches(self.connection, self.source.name)
        self._hashes, self._stamps = set(known.hashes), set(known.stamps)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        connection: duckdb.DuckDBPyConnection = self.backend.con
        return connection

    def load(self, item: Item) -> BatchResult:
        """Load an item, or say that it was loaded before. Raises IngestionError; then nothing of it is loaded."""
        table = self.source.tables[item.table]
        with _spool() as spool:
            if isinstance(item, Relation):
                return self._load_relation(item, table, spool)
            return self._load_file(item, table, spool)

    def prepare(self, table: Table) -> None:
        """Make a table's raw table and quarantine, once."""
        if table.contract not in self._ready:
            ensure_table(self.connection, table)
            ensure_quarantine(self.connection, table)
            self._watermarks[table.contract] = ledger.watermark(self.connection, self.source.name, table.contract)
            self._ready.add(table.contract)

    def _load_file(self, file: File, table: Table, spool: Path) -> BatchResult:
        if not file.is_remote and self._is_known_by_stamp(file, table):
            return self._known(file, table)
        path = fetch(file, spool)
        print_ = fingerprint(path)
        if (table.contract, print_.content_hash) in self._hashes:
            return self._known(file, table)
        identity = self._identity(file, table, print_, cursor_after=None)
        staged = self._stage(attempts(file, path, table, spool, self.connection), table, identity)
        return self.commit(staged, table)

    def _is_known_by_stamp(self, file: File, table: Table) -> bool:
        try:
            state = Path(file.location).stat()
        except OSError as error:
            raise UnreadableInput(f"{file.name} cannot be read: {error.strerror}") from error
        return (table.contract, file.location, state.st_size, state.st_mtime_ns) in self._stamps

    def _load_relation(self, relation: Relation, table: Table, spool: Path) -> BatchResult:
        since = ledger.cursor(self.connection, self.source.name, table.contract, relation_location(relation))
        ways = tuple(read_relation(relation.location, relation.relation, relation.name, table.cursor, since, spool))
        content = fingerprint(spool / "relation.parquet")
        if (table.contract, content.content_hash) in self._hashes:
            return self._known(relation, table)
        identity = self._identity(relation, table, content, self._cursor_after(table, ways[0]))
        staged = self._stage(iter(ways), table, identity)
        return self.commit(staged, table)

    def _cursor_after(self, table: Table, incoming: Incoming) -> str:
        """The last value of the cursor; empty where the relation has none."""
        if table.cursor not in incoming.columns:
            return ""
        row = self.connection.execute(f"SELECT max({sql.name(table.cursor)}) FROM ({incoming.sql})").fetchone()
        return str(row[0]) if row and row[0] is not None else ""

    def _identity(self, item: Item, table: Table, content: Fingerprint, cursor_after: str | None) -> Identity:
        return Identity(
            batch_id=batch_id(self.source.name, table.contract, content.content_hash),
            source=self.source.name,
            table=table.contract,
            file=item.name,
            location=relation_location(item) if isinstance(item, Relation) else item.location,
            content_hash=content.content_hash,
            size_bytes=content.size_bytes,
            modified_ns=content.modified_ns,
            contract_version=table.contract_class.terms().version,
            loaded_at=ledger.next_instant(self.connection),
            cursor_after=cursor_after,
        )

    def _known(self, item: Item, table: Table) -> BatchResult:
        return BatchResult(self.source.name, table.contract, item.name, "known")

    def _stage(self, ways: Iterator[Incoming], table: Table, identity: Identity) -> Staged:
        """Write the batch to the lake's staging place, by the first way of reading that loses nothing."""
        path = staging_path(self.lake, identity)
        trouble = "no reader"
        for incoming in ways:
            try:
                judged = judge_incoming(self.backend, table.contract_class, incoming, identity.file)
                stage(self.connection, judged.sql, identity, path)
            except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
                trouble = str(error)
                continue
            staged = self._staged(identity, path, incoming, judged)
            if staged is not None:
                self._check_types(staged)
                return staged
            trouble = "lines were lost in reading"
        raise UnreadableInput(f"{identity.file} cannot be read: {trouble}")

    def _staged(self, identity: Identity, path: Path, incoming: Incoming, judged: Judged) -> Staged | None:
        """What was staged; None when its lines do not add up to the file's."""
        row = self.connection.execute(
            f"SELECT count(*), count({REASONS}), coalesce(sum({LINES}), 0) FROM {source_of(path)}"
        ).fetchone() or (0, 0, 0)
        rows, rejected, lines = row
        if incoming.expected_lines is not None and lines + (incoming.header_lines or 0) != incoming.expected_lines:
            return None
        return Staged(identity, path, incoming, judged.extra, rows, rejected)

    def _check_types(self, staged: Staged) -> None:
        """Refuse a file of which a column cannot be read in any row: its type has changed."""
        if staged.rejected < staged.rows or staged.rows < _ENOUGH_TO_TELL:
            return
        retyped = self.connection.execute(
            f"SELECT rule FROM (SELECT unnest({RULES}) AS rule FROM {source_of(staged.path)}) "
            f"WHERE suffix(rule, '.type') GROUP BY rule HAVING count(*) = {staged.rows} ORDER BY rule"
        ).fetchall()
        if retyped:
            columns = ", ".join(rule.removesuffix(".type") for (rule,) in retyped)
            raise SchemaDrift(
                f"{staged.identity.file}: column {columns} has changed its type: not one of {staged.rows:,} rows can "
                f"be read as version {staged.identity.contract_version} of raw.{staged.identity.table} says"
            )

    def commit(self, staged: Staged, table: Table) -> BatchResult:
        """Publish a staged batch: lake, raw table, quarantine and ledger together."""
        connection = self.connection
        self.prepare(table)
        connection.execute("BEGIN")
        try:
            result = self._merged(staged, table)
            if result.status == "known":
                connection.execute("ROLLBACK")
                staged.path.unlink()
                return result
            publish(self.lake, staged.path, staged.identity)
            ledger.write_result(connection, result)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            staged.path.unlink(missing_ok=True)
            raise
        identity = staged.identity
        self._hashes.add((identity.table, identity.content_hash))
        return result

    def _merged(self, staged: Staged, table: Table) -> BatchResult:
        identity = staged.identity
        before = ledger.watermark(self.connection, identity.source, identity.table)
        accepted = accepted_rows(self.connection, table.contract_class, staged.path)
        merged = merge(self.connection, table, identity, accepted, staged.rows - staged.rejected)
        quarantined = quarantine(self.connection, table, identity, staged.path, staged.incoming.header_lines)
        duplicate = merged.duplicate + staged.rejected - quarantined
        if identity.cursor_after is not None and not merged.loaded and not quarantined:
            return BatchResult(identity.source, identity.table, identity.file, "known")
        first, last, late = self._times(table, accepted)
        return BatchResult(
            source=identity.source,
            table=identity.table,
            file=identity.file,
            status="loaded",
            batch_id=identity.batch_id,
            location=identity.location,
            content_hash=identity.content_hash,
            size_bytes=identity.size_bytes,
            modified_ns=identity.modified_ns,
            counts=Counts(staged.rows, merged.loaded, quarantined, duplicate, late),
            watermark_before=before,
            watermark_after=max((one for one in (before, last) if one), default=None),
            min_event_at=first,
            max_event_at=last,
            cursor_after=identity.cursor_after,
            contract_version=identity.contract_version,
            lake_file=lake_path(identity),
            started_at=identity.loaded_at,
            finished_at=max(datetime.now(UTC), identity.loaded_at),
            warnings=self._warnings(staged, table, accepted),
        )

    def _times(self, table: Table, accepted: str) -> tuple[datetime | None, datetime | None, int]:
        """First and last time of the rows, and how many lie before what was complete when this run began."""
        if table.time_column is None:
            return None, None, 0
        time = f"CAST({sql.name(table.time_column)} AS TIMESTAMPTZ)"
        row = self.connection.execute(
            f"SELECT min({time}), max({time}), count(*) FILTER ({time} < $mark) FROM ({kept_rows(accepted)})",
            {"mark": self._watermarks[table.contract]},
        ).fetchone()
        return row if row else (None, None, 0)

    def _warnings(self, staged: Staged, table: Table, accepted: str) -> tuple[str, ...]:
        found = []
        extra = [column for column in staged.extra if not (table.format == "snowplow" and column in FIELDS)]
        if extra:
            found.append(
                f"new column{'s' * (len(extra) > 1)} {', '.join(extra)}: kept in the lake, loaded once contract "
                f"raw.{table.contract} names {'them' if len(extra) > 1 else 'it'}"
            )
        if not staged.rows:
            found.append("the file has no rows")
        if table.sampling:
            evidence = gather(self.connection, table.sampling, accepted)
            self.evidence[table.contract] = self.evidence.get(table.contract, Evidence()) + evidence
            text = contradiction(table.sampling, evidence)
            found += [text] if text else []
        return tuple(found)

    def fail(self, item: Item, error: IngestionError) -> BatchResult:
        """Write to the ledger that an item could not be loaded."""
        table = self.source.tables[item.table]
        now = ledger.next_instant(self.connection)
        location = relation_location(item) if isinstance(item, Relation) else item.location
        result = BatchResult(
            source=self.source.name,
            table=table.contract,
            file=item.name,
            status="failed",
            batch_id=batch_id(self.source.name, table.contract, location),
            location=location,
            contract_version=table.contract_class.terms().version,
            started_at=now,
            finished_at=now,
            message=str(error),
        )
        ledger.write_result(self.connection, result)
        return result


def relation_location(relation: Relation) -> str:
    """A relation's place without a password."""
    location = relation.location
    if is_postgres(location):
        scheme, _, rest = location.partition("://")
        location = f"{scheme}://{rest.rpartition('@')[2]}"
    return f"{location}#{relation.relation}"


@contextmanager
def _spool() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        yield Path(folder)
