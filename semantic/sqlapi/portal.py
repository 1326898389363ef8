"""A running query: a DuckDB cursor of its own, read in Arrow batches and encoded for its client.

All methods but `interrupt` block and belong on a worker thread, one at a time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import duckdb
import pyarrow as pa

from headrace.warehouse import Interruptible, Reader, Watch
from semantic.compiler import CompiledQuery
from semantic.sqlapi.errors import QueryCanceled, SqlApiError
from semantic.sqlapi.failures import translated
from semantic.sqlapi.messages import Column
from semantic.sqlapi.staging import Input, Stage
from semantic.sqlapi.types import from_duckdb

BATCH_ROWS = 32_768
"""Rows that are encoded at a time: enough to keep kernels busy, little enough to keep memory flat."""

FEW_ROWS = 100
"""So few rows are encoded right away, without a thread."""

Encoder = Callable[[pa.RecordBatch], "bytes | memoryview"]


@runtime_checkable
class Database(Protocol):
    """Where SQL is run: DuckDB's warehouse, or the catalog."""

    def cursor(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]: ...


@dataclass(frozen=True)
class Planned:
    """DuckDB's SQL for a client's statement, with the values of its `$n`, and where it is to run."""

    sql: str
    parameters: tuple[object, ...]
    database: Database | Stage

    def cursor(self, watch: Watch | None) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Where it runs; without `watch` it can be described only."""
        return self.database.filled(watch) if isinstance(self.database, Stage) else self.database.cursor()


def of_compiled(reader: Reader, compiled: CompiledQuery) -> Planned:
    """A compiled query by itself."""
    if isinstance(reader, Database):
        return Planned(compiled.sql, compiled.parameters, reader)
    table = Input("compiled", compiled)
    return Planned(f'SELECT * FROM "{table.name}"', (), Stage(reader, (table,)))


@dataclass(frozen=True)
class Chunk:
    """Encoded rows. `is_last` is true when there are no more."""

    data: bytes | memoryview
    rows: int
    is_last: bool


class Portal:
    """`plan` is called at the start, on the worker thread: it may compile."""

    def __init__(self, plan: Callable[[], Planned]) -> None:
        self._plan = plan
        self._resources = ExitStack()
        self._running: Interruptible | None = None
        self._reader: pa.RecordBatchReader | None = None
        self._ahead: deque[pa.RecordBatch] = deque()
        self._is_exhausted = False
        self._stop: SqlApiError | None = None
        self._lock = threading.Lock()
        self.columns: tuple[Column, ...] = ()
        self.is_started = False
        self.is_finished = False

    def start(self) -> None:
        """Run the query up to its first rows; afterwards `columns` are known. Raises SqlApiError."""
        with translated():
            planned = self._plan()
            cursor = self._resources.enter_context(planned.cursor(self._watch))
            self._resources.enter_context(self._watch(cursor))
            cursor.execute(planned.sql, list(planned.parameters))
            self.columns = columns_of(cursor)
            self._reader = cursor.to_arrow_reader(BATCH_ROWS)
            self._read_ahead()
            self.is_started = True
            self.is_finished = self._is_exhausted and not self._ahead

    @contextmanager
    def _watch(self, running: Interruptible) -> Iterator[None]:
        """Lets `interrupt` reach what runs. Raises QueryCanceled where it came first."""
        with self._lock:
            if self._stop is not None:
                running.interrupt()
            self._check()
            self._running = running
        try:
            yield
        finally:
            with self._lock:
                self._running = None

    @property
    def is_buffered(self) -> bool:
        """Whether all rows that are left are few and here already: `fetch` will not block."""
        return self._is_exhausted and sum(batch.num_rows for batch in self._ahead) <= FEW_ROWS

    def fetch(self, limit: int | None, encode: Encoder) -> Chunk:
        """The next rows, at most `limit` of them, and at most a batch."""
        with translated():
            self._check()
            if not self._ahead:
                self._read_ahead()
            if not self._ahead:
                self.is_finished = True
                return Chunk(b"", 0, True)
            batch = self._ahead.popleft()
            if limit is not None and batch.num_rows > limit:
                self._ahead.appendleft(batch.slice(limit))
                batch = batch.slice(0, limit)
            self.is_finished = self._is_exhausted and not self._ahead
            return Chunk(encode(batch), batch.num_rows, self.is_finished)

    def _read_ahead(self) -> None:
        """One batch; after a short one, which most likely is the last, look whether it is: that saves a round trip."""
        batch = self._read()
        if batch is not None:
            self._ahead.append(batch)
        if batch is not None and batch.num_rows < BATCH_ROWS:
            following = self._read()
            if following is not None:
                self._ahead.append(following)
                return
            self._is_exhausted = True
        elif batch is None:
            self._is_exhausted = True

    def _read(self) -> pa.RecordBatch | None:
        while self._reader is not None:
            try:
                batch = self._reader.read_next_batch()
            except StopIteration:
                return None
            if batch.num_rows:
                return batch
        return None

    def interrupt(self, reason: str) -> None:
        """End the query from any thread; the call that runs raises QueryCanceled with the reason."""
        with self._lock:
            self._stop = QueryCanceled(f"canceling statement due to {reason}")
            if self._running is not None:
                self._running.interrupt()

    def _check(self) -> None:
        if self._stop is not None:
            raise self._stop

    def stopped(self, error: SqlApiError) -> SqlApiError:
        """The reason of an interrupt instead of DuckDB's words for it."""
        return self._stop if isinstance(error, QueryCanceled) and self._stop is not None else error

    def close(self) -> None:
        """Give the cursor back. A query that still runs is interrupted first: closing would wait for it."""
        with self._lock:
            if self._running is not None and not self.is_finished:
                self._running.interrupt()
        self._reader = None
        self._ahead.clear()
        self._resources.close()


def columns_of(cursor: duckdb.DuckDBPyConnection) -> tuple[Column, ...]:
    """The result's columns in PostgreSQL's types."""
    return tuple(Column(str(name), *from_duckdb(str(kind))) for name, kind, *_ in cursor.description or ())


def describe(planned: Planned) -> tuple[Column, ...]:
    """The columns that a query would return, without running it. Raises SqlApiError."""
    with translated(), planned.cursor(None) as cursor:
        rows = cursor.execute(f"DESCRIBE {planned.sql}", list(planned.parameters)).fetchall()
    return tuple(Column(str(row[0]), *from_duckdb(str(row[1]))) for row in rows)


def format_codes(codes: Sequence[int], count: int) -> tuple[int, ...]:
    """One format code a column: none given is text for all, one given is for all. Raises SqlApiError."""
    if len(codes) <= 1:
        return tuple(codes or (0,)) * count
    if len(codes) != count:
        raise SqlApiError(
            f"bind message has {len(codes)} result formats but query has {count} columns", sqlstate="08P01"
        )
    return tuple(codes)
