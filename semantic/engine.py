"""Runs compiled queries on the warehouse: the one engine behind REST, the SQL API, the command line and Python."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from headrace.warehouse import PRODUCTION, resolve_tables
from semantic.compiler import CompiledQuery, TableResolver, compile_query
from semantic.datamodel.types import DataModel
from semantic.errors import EngineError
from semantic.query.parse import parse_queries
from semantic.query.types import Query
from semantic.results import Rows, to_rows

SecurityContext = Mapping[str, Any]


class QueryCancelled(EngineError):
    """The query was stopped on purpose: its client went away, or it took too long."""


class Reader(Protocol):
    """What the engine asks of the warehouse; `headrace.warehouse.WarehouseReader` is the real one."""

    def cursor(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]: ...


@dataclass(frozen=True)
class Result:
    """The answer to one query. `total` counts the rows without limit and offset, where the query asked for it."""

    query: Query
    compiled: CompiledQuery
    rows: Rows
    total: int | None
    refreshed_at: datetime


class Cancellation:
    """Stops a running query from another thread. One for each run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        """Interrupt the query; one that has not begun yet never begins. Never blocks, may be called again."""
        with self._lock:
            self._cancelled = True
            if self._cursor is not None:
                self._cursor.interrupt()

    @contextmanager
    def watch(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Lets `cancel()` reach what runs on `cursor`. Raises QueryCancelled when it was called."""
        with self._lock:
            if self._cancelled:
                raise QueryCancelled("the query was cancelled before it began")
            self._cursor = cursor
        try:
            yield
        except duckdb.InterruptException as error:
            raise QueryCancelled("the query was cancelled") from error
        finally:
            with self._lock:
                self._cursor = None


class Engine:
    """A data model over a warehouse, in one of its environments. Thread-safe.

    `clock` gives the time that relative date ranges are resolved against.
    """

    def __init__(
        self,
        model: DataModel,
        reader: Reader,
        *,
        environment: str = PRODUCTION,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.model = model
        self.reader = reader
        self.environment = environment
        self._clock = clock

    def parse(self, payload: object) -> tuple[Query, ...]:
        """REST's `query` (an object, or a list of them) as queries. Raises QueryError."""
        return parse_queries(payload, self.model, now=self._clock())

    def compile(self, query: Query, security_context: SecurityContext | None = None) -> CompiledQuery:
        """The SQL for DuckDB. Raises QueryError; WarehouseError for an environment that is not there."""
        return compile_query(
            self.model, query, dialect="duckdb", security_context=security_context, tables=self.tables()
        )

    def tables(self) -> TableResolver | None:
        """Where the environment keeps a cube's table: `core.events` -> `core__dev.events`. None: where it says."""
        if self.environment == PRODUCTION:
            return None
        with self.reader.cursor() as cursor:
            found = resolve_tables(cursor, self.environment)
        named = {f"{layer}.{table}": ".".join(place) for (layer, table), place in found.items()}
        return lambda table: named.get(table, table)

    def run(self, compiled: CompiledQuery, cancellation: Cancellation | None = None) -> pa.Table:
        """The rows as DuckDB types them. Raises EngineError with DuckDB's message, QueryCancelled, WarehouseError."""
        return self._fetch(compiled.sql, compiled.parameters, cancellation or Cancellation())

    def load(
        self,
        query: Query,
        security_context: SecurityContext | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """Compile and run `query`; values are those of Cube's REST API (see semantic.results)."""
        cancellation = cancellation or Cancellation()
        compiled = self.compile(query, security_context)
        table = self.run(compiled, cancellation)
        rows = to_rows(table, [one.key for one in compiled.columns], [one.type for one in compiled.columns])
        total = self._total(query, security_context, cancellation) if query.total else None
        return Result(query, compiled, rows, total, self._clock())

    def _total(self, query: Query, security_context: SecurityContext | None, cancellation: Cancellation) -> int:
        everything = self.compile(replace(query, limit=None, offset=0, order=(), total=False), security_context)
        table = self._fetch(f"SELECT COUNT(*) FROM ({everything.sql})", everything.parameters, cancellation)
        return int(table.column(0)[0].as_py())

    def _fetch(self, sql: str, parameters: tuple[Any, ...], cancellation: Cancellation) -> pa.Table:
        with self.reader.cursor() as cursor, cancellation.watch(cursor):
            try:
                return cursor.execute(sql, list(parameters)).to_arrow_table()
            except duckdb.InterruptException:
                raise
            except duckdb.Error as error:
                raise EngineError(str(error)) from error
