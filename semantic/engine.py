"""Runs compiled queries on the warehouse: the one engine behind REST, the SQL API, the command line and Python."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from headrace.warehouse import PRODUCTION, resolve_tables
from semantic.compiler import CompiledQuery, Compiler, TableResolver
from semantic.datamodel.types import DataModel
from semantic.errors import EngineError, QueryFormatError
from semantic.query.parse import DEFAULT_LIMIT, MAX_LIMIT, Request, parse_request
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
    """The answer to one query, as access policies admitted it.

    `total` counts the rows without limit and offset, where the query asked for it.
    """

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
        self._lock = threading.Lock()
        self._compiler: Compiler | None = None
        self._compiled_places: Mapping[str, str] = {}

    def now(self) -> datetime:
        return self._clock()

    def parse(
        self, payload: object, *, default_limit: int | None = DEFAULT_LIMIT, max_limit: int | None = MAX_LIMIT
    ) -> Request:
        """REST's `query` (an object, or a list of them) as queries. Raises QueryError."""
        if not isinstance(payload, (Mapping, list)):
            raise QueryFormatError('Invalid query format: "value" must be of type object')
        return parse_request(payload, self.model, now=self._clock(), default_limit=default_limit, max_limit=max_limit)

    def compile(self, query: Query, security_context: SecurityContext | None = None) -> CompiledQuery:
        """The SQL for DuckDB. Raises QueryError; WarehouseError for an environment that is not there."""
        return self.compiler().compile(query, security_context=security_context)

    def compiler(self) -> Compiler:
        """The compiler with its cache of plans; another one once the environment's tables have changed."""
        places = self._places()
        with self._lock:
            if self._compiler is None or places != self._compiled_places:
                self._compiler = Compiler(self.model, dialect="duckdb", tables=_resolver(places))
                self._compiled_places = places
            return self._compiler

    def tables(self) -> TableResolver | None:
        """Where the environment keeps a cube's table: `core.events` -> `core__dev.events`. None: where it says."""
        return _resolver(self._places())

    def _places(self) -> Mapping[str, str]:
        """`layer.table` -> `schema.table`, empty for production. Read anew: a build may have changed it."""
        if self.environment == PRODUCTION:
            return {}
        with self.reader.cursor() as cursor:
            found = resolve_tables(cursor, self.environment)
        return {f"{layer}.{table}": ".".join(place) for (layer, table), place in found.items()}

    def run(self, compiled: CompiledQuery, cancellation: Cancellation | None = None) -> pa.Table:
        """The rows as DuckDB types them. Raises EngineError with DuckDB's message, QueryCancelled, WarehouseError."""
        return self.fetch(compiled.sql, compiled.parameters, cancellation or Cancellation())

    def fetch(self, sql: str, parameters: Sequence[object], cancellation: Cancellation) -> pa.Table:
        """The same for SQL of our own making, such as the SQL API's, which wraps compiled queries."""
        with self.reader.cursor() as cursor, cancellation.watch(cursor):
            try:
                return cursor.execute(sql, list(parameters)).to_arrow_table()
            except duckdb.InterruptException:
                raise
            except duckdb.Error as error:
                raise EngineError(str(error)) from error

    def load(
        self,
        query: Query,
        security_context: SecurityContext | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """Compile and run `query`; values are those of Cube's REST API (see semantic.results)."""
        cancellation = cancellation or Cancellation()
        compiler = self.compiler()
        compiled = compiler.compile(query, security_context=security_context)
        table = self.run(compiled, cancellation)
        rows = to_rows(table, [one.key for one in compiled.columns], [one.type for one in compiled.columns])
        total = None
        if query.total:
            count = compiler.count(query, security_context=security_context)
            total = int(self.run(count, cancellation).column(0)[0].as_py())
        admitted = compiler.admit(query, security_context=security_context)
        return Result(admitted, compiled, rows, total, self._clock())


def _resolver(places: Mapping[str, str]) -> TableResolver | None:
    return (lambda table: places.get(table, table)) if places else None
