"""Runs compiled queries on the warehouse: the one engine behind REST, the SQL API, the command line and Python."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from headrace.errors import QueryFailed, QueryInterrupted
from headrace.warehouse import PRODUCTION, Interruptible, Reader
from semantic.compiler import CompiledQuery, Compiler, TableResolver, resolver
from semantic.datamodel.types import DataModel
from semantic.errors import EngineError, QueryFormatError
from semantic.never_null import NOTHING, NeverNull, Proof, nothing_known
from semantic.plan.composed import Built
from semantic.query.parse import DEFAULT_LIMIT, MAX_LIMIT, Request
from semantic.query.parser import Parser
from semantic.query.types import Query
from semantic.results import Rows, to_rows
from semantic.rollups import Stock, nothing_in_stock

SecurityContext = Mapping[str, Any]


class QueryCancelled(EngineError):
    """The query was stopped on purpose: its client went away, or it took too long."""


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
        self._running: Interruptible | None = None
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        """Interrupt the query; one that has not begun yet never begins. Never blocks, may be called again."""
        with self._lock:
            self._cancelled = True
            if self._running is not None:
                self._running.interrupt()

    @contextmanager
    def watch(self, running: Interruptible) -> Iterator[None]:
        """Lets `cancel()` reach a query while it runs. Raises QueryCancelled when it was called before."""
        with self._lock:
            if self._cancelled:
                running.interrupt()
                raise QueryCancelled("the query was cancelled before it began")
            self._running = running
        try:
            yield
        finally:
            with self._lock:
                self._running = None


class Engine:
    """A data model over a gateway, in one of its environments; SQL is that of the gateway's engine. Thread-safe.

    `clock` gives the time that relative date ranges are resolved against, `rollups` the tables that may stand in for
    others, `never_null` the columns that are proved to hold no NULL.
    """

    def __init__(
        self,
        model: DataModel,
        reader: Reader,
        *,
        environment: str = PRODUCTION,
        rollups: Stock | None = None,
        never_null: Proof = nothing_known,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.model = model
        self.reader = reader
        self.environment = environment
        self._clock = clock
        self._parser = Parser(model)
        self._lock = threading.Lock()
        self._compiler: Compiler | None = None
        self._rollups = rollups or nothing_in_stock("is not read here")
        self._never_null = never_null
        self._compiled_for: tuple[Mapping[str, str], Built, NeverNull] = {}, Built(), NOTHING

    def now(self) -> datetime:
        return self._clock()

    def parse(
        self, payload: object, *, default_limit: int | None = DEFAULT_LIMIT, max_limit: int | None = MAX_LIMIT
    ) -> Request:
        """REST's `query` (an object, or a list of them) as queries. Raises QueryError."""
        if not isinstance(payload, (Mapping, list)):
            raise QueryFormatError('Invalid query format: "value" must be of type object')
        return self._parser.request(payload, now=self._clock(), default_limit=default_limit, max_limit=max_limit)

    def compile(self, query: Query, security_context: SecurityContext | None = None) -> CompiledQuery:
        """The SQL for the gateway. Raises QueryError; WarehouseError for an environment that is not there."""
        return self.compiler().compile(query, security_context=security_context)

    def compiler(self) -> Compiler:
        """The compiler with its cache of plans; another one once the environment's tables or rollups have changed, or
        a key that was never NULL is."""
        places = self._places()
        built = self._rollups(self.model, places)
        known = self._never_null(self.model, places)
        with self._lock:
            if self._compiler is None or (places, built, known) != self._compiled_for:
                self._compiler = Compiler(
                    self.model,
                    dialect=self.reader.dialect,
                    tables=resolver(places),
                    pre_aggregations=built,
                    never_null=known,
                )
                self._compiled_for = places, built, known
            return self._compiler

    def tables(self) -> TableResolver | None:
        """Where the environment keeps a cube's table: `core.events` -> `core__dev.events`. None: where it says."""
        return resolver(self._places())

    def _places(self) -> Mapping[str, str]:
        """`layer.table` -> `schema.table`, empty for production. Read anew: a build may have changed it."""
        if self.environment == PRODUCTION:
            return {}
        found = self.reader.tables(self.environment)
        return {f"{layer}.{table}": ".".join(place) for (layer, table), place in found.items()}

    def run(self, compiled: CompiledQuery, cancellation: Cancellation | None = None) -> pa.Table:
        """The rows as the engine types them. Raises EngineError with its message, QueryCancelled, WarehouseError."""
        return self.fetch(compiled.sql, compiled.parameters, cancellation or Cancellation())

    def fetch(self, sql: str, parameters: Sequence[object], cancellation: Cancellation) -> pa.Table:
        """The same for SQL of our own making."""
        try:
            return self.reader.fetch(sql, parameters, cancellation.watch)
        except QueryInterrupted as error:
            raise QueryCancelled(str(error)) from error
        except QueryFailed as error:
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
