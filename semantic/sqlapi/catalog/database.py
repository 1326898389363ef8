"""The catalog's own DuckDB, in memory: it holds nothing but facts about the data model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from semantic.engine import Engine
from semantic.sqlapi.portal import Planned
from semantic.sqlapi.session import Bound, Caller
from semantic.sqlapi.statements import Select


class Catalog:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def has_table(self, _: str) -> bool:
        return False

    def plan(self, select: Select, values: Sequence[Bound], _: Caller) -> Planned:
        return Planned(select.tree.sql("duckdb"), tuple(bound.value for bound in values), self)
