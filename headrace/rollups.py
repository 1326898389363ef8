"""The data model's rollups in the warehouse: built all or none, listed, and found by servers while they are fresh."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import sqlglot
from sqlglot import exp

from headrace.config import Settings
from headrace.errors import BuildError
from headrace.warehouse import PRODUCTION, Reader, fetch, open_warehouse, resolve_tables
from semantic.compiler import Compiler, resolver
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import DataModel
from semantic.errors import SemanticError
from semantic.plan.composed import Built
from semantic.rollups import (
    SCHEMA,
    Blueprint,
    Record,
    Stock,
    blueprints,
    fault,
    in_stock,
    is_due,
    nothing_in_stock,
)

RECORDS = "builds"
"""The table of what was built, beside the rollups. None of them is called so: theirs have `__` in their names."""
_STORED = """
    SELECT schema_name, table_name, estimated_size AS row_count, NULL AS sql FROM duckdb_tables()
    UNION ALL
    SELECT schema_name, view_name, NULL, sql FROM duckdb_views() WHERE NOT internal
"""
Ask = Callable[[str], pa.Table]
Place = tuple[str, str]
"""Schema and name, in small letters: DuckDB takes them for the same."""


@dataclass(frozen=True)
class Standing:
    """A rollup of the data model and its table: "" is wrong with one that servers read."""

    name: str
    table: str
    record: Record | None
    wrong: str


def build_rollups(
    settings: Settings, environment: str, only: str | None = None, now: datetime | None = None
) -> tuple[Record, ...]:
    """Build what is not there, not fresh or due by its refresh key; `only` one of them, in any case.

    All in one transaction: after a BuildError, which names the rollup, the tables are as before. Without `only`, tables
    of rollups that are declared no longer are dropped.
    """
    _require_duckdb(settings)
    now = now or datetime.now(UTC)
    schema = schema_of(environment)
    with open_warehouse(settings, read_only=False) as backend:
        connection = backend.con
        plans = _plans(settings, connection, environment)
        warehouse = _Warehouse.read(_asking(connection), schema)
        due = _chosen(plans, only) or [
            plan for plan in plans if is_due(plan, warehouse.records.get(plan.name), warehouse.states(plan.reads), now)
        ]
        gone = [] if only else list(set(warehouse.records) - {plan.name for plan in plans})
        connection.begin()
        try:
            _create_records(connection, schema)
            built = tuple(_build(connection, schema, plan, warehouse.states(plan.reads), now) for plan in due)
            for name in gone:
                _drop(connection, schema, warehouse.records[name])
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
    return built


def list_rollups(settings: Settings, environment: str) -> tuple[Standing, ...]:
    """Every rollup that is declared, and whether its table is there and fresh."""
    _require_duckdb(settings)
    with open_warehouse(settings, read_only=True) as backend:
        plans = _plans(settings, backend.con, environment)
        warehouse = _Warehouse.read(_asking(backend.con), schema_of(environment))
    return tuple(
        Standing(
            plan.name,
            f"{schema_of(environment)}.{plan.table}",
            record := warehouse.records.get(plan.name),
            fault(plan, record, warehouse.states(plan.reads)),
        )
        for plan in plans
    )


def outdate_rollups(settings: Settings) -> None:
    """Let nobody read a rollup until it is built again: a build of the models is about to change what they were made
    of."""
    with open_warehouse(settings, read_only=False) as backend:
        found = backend.con.execute(
            f"SELECT schema_name FROM duckdb_tables() WHERE table_name = '{RECORDS}' AND starts_with(schema_name, ?)",
            [SCHEMA],
        ).fetchall()
        for (schema,) in found:
            backend.con.execute(f"UPDATE {_place(schema, RECORDS)} SET is_outdated = true")


def open_stock(settings: Settings, reader: Reader, environment: str) -> Stock:
    """Which rollups servers may read: none where the setting is off."""
    if settings.bigquery is not None:
        return nothing_in_stock("is not read: rollups are built on gateway duckdb only")
    if not settings.semantic.rollups:
        return nothing_in_stock("is not read: `semantic.rollups` is off in config.yaml")
    return WarehouseStock(reader, settings.warehouse, environment)


class WarehouseStock:
    """The rollups of DuckDB's file that may be read, looked up again whenever the file has changed. Thread-safe."""

    def __init__(self, reader: Reader, path: Path, environment: str) -> None:
        self._reader = reader
        self._path = path
        self._schema = schema_of(environment)
        self._lock = threading.Lock()
        self._known: tuple[object, Built] | None = None

    def __call__(self, model: DataModel, places: Mapping[str, str]) -> Built:
        version = (file_version(self._path), places)
        with self._lock:
            if self._known is None or self._known[0] != version:
                self._known = version, self._find(model, places)
            return self._known[1]

    def _find(self, model: DataModel, places: Mapping[str, str]) -> Built:
        def ask(sql: str) -> pa.Table:
            return self._reader.fetch(sql, (), lambda _: nullcontext())

        warehouse = _Warehouse.read(ask, self._schema)
        return in_stock(model, "duckdb", places, self._schema, warehouse.records, warehouse.states)


def schema_of(environment: str) -> str:
    """The schema of an environment's rollups."""
    return SCHEMA if environment == PRODUCTION else f"{SCHEMA}__{environment.lower()}"


def _require_duckdb(settings: Settings) -> None:
    if settings.bigquery is not None:
        raise BuildError(f"rollups are built on gateway duckdb only, and the gateway is {settings.gateway}")


def file_version(path: Path) -> object:
    """Another one whenever the file was written to: DuckDB writes the file itself or the log beside it."""
    log = path.with_name(f"{path.name}.wal")
    found = [one.stat() for one in (path, log) if one.exists()]
    return [(one.st_ino, one.st_mtime_ns, one.st_size) for one in found]


def _asking(connection: duckdb.DuckDBPyConnection) -> Ask:
    return lambda sql: fetch(connection, sql, (), lambda _: nullcontext())


def _plans(settings: Settings, connection: duckdb.DuckDBPyConnection, environment: str) -> tuple[Blueprint, ...]:
    found = resolve_tables(connection, environment)
    places = {} if environment == PRODUCTION else {".".join(key): ".".join(place) for key, place in found.items()}
    model = load_data_model(settings.data_model)
    try:
        return blueprints(Compiler(model, tables=resolver(places), visible_only=False))
    except SemanticError as error:
        raise BuildError(f"a rollup cannot be built: {error}; {getattr(error, 'advice', '')}") from error


def _chosen(plans: Sequence[Blueprint], only: str | None) -> list[Blueprint]:
    if only is None:
        return []
    chosen = [plan for plan in plans if plan.name == only]
    if not chosen:
        known = ", ".join(plan.name for plan in plans) or "none"
        raise BuildError(f"the data model has no rollup {only!r}; it has {known}")
    return chosen


@dataclass(frozen=True)
class _Warehouse:
    """What is stored: the records of rollups by name, and tables and views by (schema, name)."""

    records: Mapping[str, Record]
    stored: Mapping[Place, tuple[int | None, str | None]]

    @classmethod
    def read(cls, ask: Ask, schema: str) -> _Warehouse:
        stored = {
            (row["schema_name"].lower(), row["table_name"].lower()): (row["row_count"], row["sql"])
            for row in ask(_STORED).to_pylist()
        }
        rows = ask(f"FROM {_place(schema, RECORDS)}").to_pylist() if (schema, RECORDS) in stored else []
        found = [_record(row) for row in rows if (schema, row["table_name"].lower()) in stored]
        return cls({record.name: record for record in found}, stored)

    def states(self, tables: Sequence[str]) -> dict[str, str]:
        """The state of each table that is there: what stands behind its name, and how many rows were ever in it."""
        found = {table: self._state(_parts(table), ()) for table in tables}
        return {table: state for table, state in found.items() if state}

    def _state(self, place: Place, above: tuple[Place, ...]) -> str:
        if place not in self.stored or place in above:
            return ""
        rows, sql = self.stored[place]
        if sql is None:
            return f"{'.'.join(place)}: {rows}"
        inner = [self._state(one, (*above, place)) for one in _read_by(sql) if one != place]
        return "; ".join([hashlib.sha256(sql.encode()).hexdigest()[:12], *inner])


def _parts(table: str) -> Place:
    schema, _, name = table.lower().partition(".")
    return schema, name


@lru_cache(maxsize=4096)
def _read_by(view: str) -> tuple[Place, ...]:
    """The tables that the text of a view mentions."""
    tables = sqlglot.parse_one(view, read="duckdb").find_all(exp.Table)
    return tuple(sorted({((table.db or "main").lower(), table.name.lower()) for table in tables}))


def _record(row: Mapping[str, object]) -> Record:
    states = msgspec.json.decode(str(row["states"]), type=dict[str, str])
    return msgspec.convert({**row, "table": row["table_name"], "rows": row["row_count"], "states": states}, Record)


def _create_records(connection: duckdb.DuckDBPyConnection, schema: str) -> None:
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {_place(schema, RECORDS)} (name VARCHAR NOT NULL, table_name VARCHAR NOT NULL, "
        "definition VARCHAR NOT NULL, states JSON NOT NULL, row_count BIGINT NOT NULL, built_at TIMESTAMPTZ NOT NULL, "
        "is_outdated BOOLEAN NOT NULL)"
    )


def _build(
    connection: duckdb.DuckDBPyConnection, schema: str, plan: Blueprint, states: Mapping[str, str], now: datetime
) -> Record:
    place = _place(schema, plan.table)
    try:
        connection.execute(f"CREATE OR REPLACE TABLE {place} AS {plan.sql}")
    except duckdb.Error as error:
        raise BuildError(f"rollup {plan.name} could not be built, and none was: {error}") from error
    counted = connection.execute(f"SELECT count(*) FROM {place}").fetchone()
    record = Record(plan.name, plan.table, plan.definition, states, int(counted[0]) if counted else 0, now, False)
    records = _place(schema, RECORDS)
    connection.execute(f"DELETE FROM {records} WHERE name = ?", [plan.name])
    connection.execute(
        f"INSERT INTO {records} VALUES (?, ?, ?, ?, ?, ?, ?)",
        [record.name, record.table, record.definition, msgspec.json.encode(dict(states)).decode(), record.rows, now,
         False],
    )  # fmt: skip
    return record


def _drop(connection: duckdb.DuckDBPyConnection, schema: str, record: Record) -> None:
    connection.execute(f"DROP TABLE IF EXISTS {_place(schema, record.table)}")
    connection.execute(f"DELETE FROM {_place(schema, RECORDS)} WHERE name = ?", [record.name])


def _place(schema: str, table: str) -> str:
    return exp.table_(table, db=schema, quoted=True).sql("duckdb")
