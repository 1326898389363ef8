"""The connection to the warehouse: gateway -> Ibis backend, SQLMesh environment -> schema."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import ibis
from ibis.backends.duckdb import Backend as DuckDBBackend

from headrace.config import Settings
from headrace.errors import WarehouseBusy, WarehouseError

PRODUCTION = "prod"
LAYERS = ("staging", "core", "marts")
"""The schemas that SQLMesh's environments suffix; `raw` is the same in all of them."""

_SETTINGS = {"TimeZone": "UTC", "disabled_optimizers": "common_subplan"}
# DuckDB 1.5.6's optimizer common_subplan takes two sub-selects for one that group the same join but count other
# columns, and gives the first one's counts for both: tests/semantic/judge/test_duckdb.py shows it.
_LOCK_DOWN = {"enable_external_access": False}
"""A read-only database can still read and write the server's files: not for clients' queries."""
_RETRY_SECONDS = 0.05
_LOCKED = re.compile(r"Conflicting lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")


def schema_for(layer: str, environment: str = PRODUCTION) -> str:
    """The schema that holds a layer in a SQLMesh environment: ("core", "dev") -> "core__dev"."""
    return layer if environment == PRODUCTION else f"{layer}__{environment.lower()}"


@contextmanager
def open_warehouse(settings: Settings, *, read_only: bool, wait_seconds: float = 10.0) -> Iterator[DuckDBBackend]:
    """The warehouse as an Ibis backend (its native connection is `.con`), closed at the end.

    One process may write a DuckDB file, and then nobody else may read it: another holder is waited for, then
    WarehouseBusy names it. Raises WarehouseError where there is nothing to read.
    """
    connection = _connect(settings.warehouse, read_only=read_only, wait_seconds=wait_seconds)
    try:
        yield ibis.duckdb.from_connection(connection)
    finally:
        connection.close()


def _connect(path: Path, *, read_only: bool, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    if read_only and not path.is_file():
        raise WarehouseError(f"there is no warehouse at {path}: run `headrace build` first")
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only)
            _configure(connection, _SETTINGS)
            return connection
        except duckdb.Error as error:
            holder = _LOCKED.search(str(error))
            if holder is None:
                raise WarehouseError(f"the warehouse {path} cannot be opened: {error}") from error
            if time.monotonic() >= deadline:
                raise WarehouseBusy(
                    f"the warehouse {path} is held by process {holder['pid']} ({holder['program']}): "
                    f"waited {wait_seconds:g} s; let it finish or stop it, then try again"
                ) from error
            time.sleep(_RETRY_SECONDS)


def _configure(connection: duckdb.DuckDBPyConnection, settings: Mapping[str, str | bool]) -> None:
    """Set what is not so yet: connections of one process to one file share a configuration, some of it for good."""
    for name, value in settings.items():
        if connection.execute(f"SELECT current_setting('{name}')").fetchone() != (value,):
            connection.execute(f"SET GLOBAL {name} = '{value}'")


class WarehouseReader:
    """Read-only cursors for servers: the file is opened on demand and released when idle, so that a build can take it.

    Thread-safe. A cursor is for one thread at a time; `interrupt()` may be called from any.
    """

    def __init__(self, path: Path, *, idle_seconds: float = 0.5, wait_seconds: float = 10.0) -> None:
        self._path = path
        self._idle_seconds = idle_seconds
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._leases = 0
        self._idle_since = 0.0
        self._timer: threading.Timer | None = None

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own; the file stays open until it is given back.

        Raises WarehouseBusy while a build holds the file, WarehouseError where there is none.
        """
        with self._lock:
            connection = self._lease()
            cursor = connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()
            with self._lock:
                self._give_back()

    def close(self) -> None:
        """Release the file now; a later `cursor()` opens it again."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._release()

    def _lease(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = _connect(self._path, read_only=True, wait_seconds=self._wait_seconds)
            _configure(self._connection, _LOCK_DOWN)
        self._leases += 1
        return self._connection

    def _give_back(self) -> None:
        self._leases -= 1
        self._idle_since = time.monotonic()
        if self._leases == 0 and self._timer is None:
            self._start_timer(self._idle_seconds)

    def _start_timer(self, seconds: float) -> None:
        """One timer for many queries: a thread for each would cost more than a small query itself."""
        self._timer = threading.Timer(seconds, self._release_when_idle)
        self._timer.daemon = True
        self._timer.start()

    def _release_when_idle(self) -> None:
        with self._lock:
            if self._timer is not threading.current_thread():
                return
            self._timer = None
            remaining = self._idle_since + self._idle_seconds - time.monotonic()
            if self._leases == 0 and remaining > 0:
                self._start_timer(remaining)
            else:
                self._release()

    def _release(self) -> None:
        if self._leases == 0 and self._connection is not None:
            self._connection.close()
            self._connection = None


def environments(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The SQLMesh environments that have views in the warehouse, `prod` first."""
    rows = connection.execute("SELECT DISTINCT schema_name FROM duckdb_schemas() WHERE NOT internal").fetchall()
    names = {name.split("__", 1)[1] for (name,) in rows if name.split("__", 1)[0] in LAYERS and "__" in name}
    return (PRODUCTION, *sorted(names))


def resolve_tables(
    connection: duckdb.DuckDBPyConnection, environment: str = PRODUCTION
) -> Mapping[tuple[str, str], tuple[str, str]]:
    """(layer, table) -> (schema, table): the environment's own view where it has one, else production's.

    SQLMesh makes an environment's views only for what changed in it. Raises WarehouseError for an unknown environment.
    """
    known = environments(connection)
    if environment.lower() not in known:
        raise WarehouseError(f"there is no environment {environment!r} in the warehouse; known: {', '.join(known)}")
    schemas = {schema_for(layer, name): layer for name in (PRODUCTION, environment) for layer in LAYERS}
    rows = connection.execute(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE list_contains(?, table_schema)",
        [list(schemas)],
    ).fetchall()
    own_last = sorted(rows, key=lambda row: row[0] not in LAYERS)
    return {(schemas[schema], table): (schema, table) for schema, table in own_last}
