"""Proves which columns of the warehouse hold no NULL: by DuckDB's own statistics, or by the contracts of BigQuery's."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import duckdb
from sqlglot import exp

from headrace.config import Settings
from headrace.errors import WarehouseError
from headrace.rollups import file_version
from headrace.views import plain_source
from headrace.warehouse import PRODUCTION, open_warehouse
from semantic.datamodel.types import DataModel
from semantic.never_null import NOTHING, NeverNull, Proof, all_key_columns, nothing_known

Place = tuple[str, str]
"""Schema and name."""
_NO_NULL = "[Has Null: false"
_COLUMNS = "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE NOT internal"
_VIEWS = "SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal"


def open_proof(settings: Settings, environment: str) -> Proof:
    """What is known of the gateway's columns."""
    return StatisticsProof(settings) if settings.bigquery is None else on_bigquery(environment)


def on_bigquery(environment: str) -> Proof:
    """BigQuery keeps no statistics, so production's contracts are taken at their word: each model is audited against
    its contract. Other environments may have models, and contracts, of their own."""
    return PromiseProof() if environment == PRODUCTION else nothing_known


class PromiseProof:
    """The key columns that contracts let hold no NULL: they stay the same for a data model."""

    def __init__(self) -> None:
        self._known: tuple[DataModel, NeverNull] | None = None

    def __call__(self, model: DataModel, places: Mapping[str, str]) -> NeverNull:
        if self._known is None or self._known[0] is not model:
            # Contracts take longer to import than a query on DuckDB's file takes.
            from semantic.promises import promised

            self._known = model, all_key_columns(model) & promised()
        return NOTHING if places else self._known[1]


class StatisticsProof:
    """The key columns of which DuckDB's statistics say that they hold no NULL, looked up again whenever the file has
    changed. Thread-safe.

    They err to one side only: a NULL that was deleted again is still counted with.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._known: tuple[object, NeverNull] | None = None

    def __call__(self, model: DataModel, places: Mapping[str, str]) -> NeverNull:
        version = (file_version(self._settings.warehouse), places)
        with self._lock:
            if self._known is not None and self._known[0] == version:
                return self._known[1]
            try:
                with open_warehouse(self._settings, read_only=True, wait_seconds=0) as backend:
                    found = frozenset(_without_null(backend.con, all_key_columns(model), places))
            except WarehouseError:
                # Somebody writes: the query itself will wait for the file, or say that it cannot be had.
                return NOTHING
            self._known = version, found
            return found


def _without_null(
    connection: duckdb.DuckDBPyConnection, columns: NeverNull, places: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    stored = _stored_columns(connection)
    for table in sorted({table for table, _ in columns}):
        place = _place(places.get(table, table))
        if place is None:
            continue
        names = sorted(name for owner, name in columns if owner == table and (*place, name) in stored)
        shown = ", ".join(f"stats({exp.column(name, quoted=True).sql('duckdb')})" for name in names)
        source = exp.table_(place[1], db=place[0], quoted=True).sql("duckdb")
        found = connection.execute(f"SELECT {shown} FROM {source} LIMIT 1").fetchone() if names else None
        yield from ((table, name) for name, text in zip(names, found or (), strict=False) if _NO_NULL in str(text))


def _stored_columns(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str, str]]:
    """The columns (schema, table, name) of tables, and of views that give a table as it is: others would be computed to
    be asked."""
    views = {(schema, name): sql for schema, name, sql in connection.execute(_VIEWS).fetchall()}
    sources = {place: plain_source(sql) for place, sql in views.items()}
    computed = {place for place, source in sources.items() if source is None or source in views}
    columns = connection.execute(_COLUMNS).fetchall()
    return {(schema, table, name) for schema, table, name in columns if (schema, table) not in computed}


def _place(table: str) -> Place | None:
    """None for a table of another database."""
    parsed = exp.to_table(table)
    return None if parsed.catalog else (parsed.db or "main", parsed.name)
