"""Gateways that are not DuckDB: compiled queries run there, the client's own SQL runs here over their rows.

The client's SQL is PostgreSQL's. DuckDB answers it as PostgreSQL would (types, functions, order of NULL), and on
every gateway alike; what the compiler writes is all that the gateway must understand. So that few rows travel, filters,
groups and limits are moved into the compiled queries where that changes nothing: see rewriting/moving.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from headrace.warehouse import Reader, Watch
from semantic.compiler import CompiledQuery

_SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET disabled_optimizers = 'common_subplan'",  # see headrace/warehouse.py
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


@dataclass(frozen=True)
class Input:
    """A compiled query whose rows the client's SQL reads as table `name`."""

    name: str
    compiled: CompiledQuery


class Stage:
    """Tables of the rows of compiled queries, for one statement."""

    def __init__(self, reader: Reader, inputs: Sequence[Input]) -> None:
        self._reader = reader
        self._inputs = inputs

    @contextmanager
    def filled(self, watch: Watch | None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Runs the queries; without `watch` only asks for their columns, which costs nothing.

        Raises WarehouseError and its kin.
        """
        with duckdb.connect() as connection:
            for setting in _SETTINGS:
                connection.execute(setting)
            for one in self._inputs:
                # Into a table, which DuckDB may write to disk, and not from Arrow, which could be read only once.
                connection.register("incoming", self._rows(one.compiled, watch))
                connection.execute(f'CREATE TABLE "{one.name}" AS SELECT * FROM incoming')
                connection.unregister("incoming")
            yield connection

    def _rows(self, compiled: CompiledQuery, watch: Watch | None) -> pa.Table:
        if watch is None:
            return self._reader.columns(compiled.sql, compiled.parameters).empty_table()
        return self._reader.fetch(compiled.sql, compiled.parameters, watch)
