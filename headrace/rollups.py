"""The data model's rollups in the warehouse: built all or none, listed, and found by servers while they are fresh."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlglot import exp

from headrace.config import Settings
from headrace.errors import BuildError
from headrace.rollup_records import RECORDS, Stored, asking, create_records, place_sql, schema_of, write_record
from headrace.warehouse import PRODUCTION, Reader, open_warehouse, resolve_tables
from semantic.compiler import Compiler, resolver
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import DataModel
from semantic.errors import SemanticError
from semantic.partition_keys import Span
from semantic.plan.composed import Built
from semantic.rollups import (
    Blueprint,
    Present,
    Record,
    Stock,
    blueprints,
    due_spans,
    fault,
    in_stock,
    is_current,
    is_due,
    nothing_in_stock,
    part_sql,
)


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
    """Build what is not there, not fresh or due by its refresh key, of partitioned tables the partitions that can have
    changed; `only` one of them, whole and in any case.

    All in one transaction: after a BuildError, which names the rollup, the tables are as before. Without `only`, tables
    of rollups that are declared no longer are dropped.
    """
    _require_duckdb(settings)
    now = now or datetime.now(UTC)
    schema = schema_of(environment)
    with open_warehouse(settings, read_only=False) as backend:
        connection = backend.con
        compiler, plans = plans_of(settings, connection, environment)
        stored = Stored.read(asking(connection), schema)
        todo = [_Todo(plan, stored.present(plan, now), None) for plan in _chosen(plans, only)] or [
            _Todo(plan, present, due_spans(plan, record, present))
            for plan in plans
            for present, record in [(stored.present(plan, now), stored.records.get(plan.name))]
            if is_due(plan, record, present)
        ]
        gone = [] if only else list(set(stored.records) - {plan.name for plan in plans})
        connection.begin()
        try:
            create_records(connection, schema)
            built = tuple(_build(connection, schema, compiler, stored, one) for one in todo)
            for name in gone:
                _drop(connection, schema, stored.records[name])
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
    return built


def list_rollups(settings: Settings, environment: str) -> tuple[Standing, ...]:
    """Every rollup that is declared, and whether its table is there and fresh."""
    _require_duckdb(settings)
    now, schema = datetime.now(UTC), schema_of(environment)
    with open_warehouse(settings, read_only=True) as backend:
        _, plans = plans_of(settings, backend.con, environment)
        stored = Stored.read(asking(backend.con), schema)
        return tuple(
            Standing(plan.name, f"{schema}.{plan.table}", record, fault(plan, record, stored.present(plan, now)))
            for plan in plans
            for record in [stored.records.get(plan.name)]
        )


def open_stock(settings: Settings, reader: Reader, environment: str) -> Stock:
    """Which rollups servers may read: none where the setting is off."""
    if settings.bigquery is not None:
        return nothing_in_stock("is not read: rollups are built on gateway duckdb only")
    if not settings.semantic.rollups:
        return nothing_in_stock("is not read: `semantic.rollups` is off in config.yaml")
    return WarehouseStock(reader, settings.warehouse, environment)


class WarehouseStock:
    """The rollups of DuckDB's file that may be read, looked up again whenever the file has changed, or the time of a
    refresh key is over. Thread-safe."""

    def __init__(self, reader: Reader, path: Path, environment: str) -> None:
        self._reader = reader
        self._path = path
        self._schema = schema_of(environment)
        self._lock = threading.Lock()
        self._known: tuple[object, datetime | None, Built] | None = None

    def __call__(self, model: DataModel, places: Mapping[str, str]) -> Built:
        version, now = (file_version(self._path), places), datetime.now(UTC)
        with self._lock:
            known = self._known
            if known is None or known[0] != version or (known[1] is not None and now >= known[1]):
                built, until = self._find(model, places, now)
                self._known = version, until, built
                return built
            return known[2]

    def _find(self, model: DataModel, places: Mapping[str, str], now: datetime) -> tuple[Built, datetime | None]:
        def ask(sql: str) -> pa.Table:
            return self._reader.fetch(sql, (), lambda _: nullcontext())

        stored = Stored.read(ask, self._schema)
        return in_stock(model, "duckdb", places, self._schema, stored.records, lambda plan: stored.present(plan, now))


def _require_duckdb(settings: Settings) -> None:
    if settings.bigquery is not None:
        raise BuildError(f"rollups are built on gateway duckdb only, and the gateway is {settings.gateway}")


def file_version(path: Path) -> object:
    """Another one whenever the file was written to: DuckDB writes the file itself or the log beside it."""
    return _stamp(str(path)), _stamp(f"{path}.wal")


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked for every query, and quicker so
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def plans_of(
    settings: Settings, connection: duckdb.DuckDBPyConnection, environment: str
) -> tuple[Compiler, tuple[Blueprint, ...]]:
    """How an environment's rollups are built, and what compiles their parts. Raises BuildError, DataModelError."""
    found = resolve_tables(connection, environment)
    places = {} if environment == PRODUCTION else {".".join(key): ".".join(place) for key, place in found.items()}
    compiler = Compiler(load_data_model(settings.data_model), tables=resolver(places), visible_only=False)
    try:
        return compiler, blueprints(compiler)
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
class _Todo:
    """A rollup to build: all of it, or the partitions in `spans`."""

    plan: Blueprint
    present: Present
    spans: tuple[Span, ...] | None


def _build(
    connection: duckdb.DuckDBPyConnection, schema: str, compiler: Compiler, stored: Stored, todo: _Todo
) -> Record:
    plan, place = todo.plan, place_sql(schema, todo.plan.table)
    states = todo.present.states
    try:
        if todo.spans is None or plan.partitions is None:
            connection.execute(f"CREATE OR REPLACE TABLE {place} AS {plan.sql}")
        else:
            column = exp.column(plan.partitions.column, quoted=True).sql("duckdb")
            for span in todo.spans:
                connection.execute(f"DELETE FROM {place} WHERE {column} >= ? AND {column} < ?", list(span))
                connection.execute(f"INSERT INTO {place} {part_sql(compiler, plan, span)}")
            if not is_current(plan, stored.records[plan.name], todo.present):
                # Its author says that the other partitions have not changed; nobody knows.
                states = {}
    except duckdb.Error as error:
        raise BuildError(f"rollup {plan.name} could not be built, and none was: {error}") from error
    if plan.refresh.is_asked and todo.present.key is None:
        raise BuildError(f"rollup {plan.name} could not be built, and none was: the SQL of its refresh key fails")
    counted = connection.execute(f"SELECT count(*) FROM {place}").fetchone()
    rows = int(counted[0]) if counted else 0
    at = todo.present.at
    record = Record(plan.name, plan.table, plan.definition, states, rows, at, False, (), todo.present.key)
    write_record(connection, schema, record)
    return record


def _drop(connection: duckdb.DuckDBPyConnection, schema: str, record: Record) -> None:
    connection.execute(f"DROP TABLE IF EXISTS {place_sql(schema, record.table)}")
    connection.execute(f"DELETE FROM {place_sql(schema, RECORDS)} WHERE name = ?", [record.name])
