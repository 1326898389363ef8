"""Gateways of the tests: a DuckDB in memory that runs whole statements, and one that takes compiled queries only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from headrace.warehouse import Dialect, DuckDBReader, Places, Watch


class Memory(DuckDBReader):
    """A DuckDB in memory, made by statements."""

    def __init__(self, statements: str = "") -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.execute(statements)

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self.connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def close(self) -> None:
        self.connection.close()


class Elsewhere:
    """The same, of which nobody gets a cursor: clients' SQL has to run over the rows of compiled queries."""

    dialect: Dialect = "duckdb"

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.fetched = 0
        """Rows that have travelled."""

    def fetch(self, sql: str, parameters: Sequence[object], watch: Watch) -> pa.Table:
        rows = self.memory.fetch(sql, parameters, watch)
        self.fetched += rows.num_rows
        return rows

    def columns(self, sql: str, parameters: Sequence[object]) -> pa.Schema:
        return self.memory.columns(sql, parameters)

    def tables(self, environment: str) -> Places:
        return self.memory.tables(environment)

    def close(self) -> None:
        self.memory.close()
