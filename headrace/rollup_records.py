"""What the warehouse keeps of its rollups, and in which state the tables are that they were made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import duckdb
import msgspec
import pyarrow as pa
import sqlglot
from sqlglot import exp

from headrace.errors import QueryFailed
from headrace.views import plain_source
from headrace.warehouse import PRODUCTION, fetch
from semantic.partition_keys import PartitionKey, Span, as_text, is_countable
from semantic.refresh import Partitions
from semantic.rollups import SCHEMA, Blueprint, Present, Record

RECORDS = "builds"
"""The table of what was built, beside the rollups. None of them is called so: theirs have `__` in their names."""
_STORED = """
    SELECT schema_name, table_name, estimated_size AS row_count, NULL AS sql FROM duckdb_tables()
    UNION ALL
    SELECT schema_name, view_name, NULL, sql FROM duckdb_views() WHERE NOT internal
"""
_COLUMNS = """
    name VARCHAR NOT NULL, table_name VARCHAR NOT NULL, definition VARCHAR NOT NULL, states JSON NOT NULL,
    row_count BIGINT NOT NULL, built_at TIMESTAMPTZ NOT NULL, is_outdated BOOLEAN NOT NULL
"""
Ask = Callable[[str], pa.Table]
Place = tuple[str, str]
"""Schema and name, in small letters: DuckDB takes them for the same."""


def asking(connection: duckdb.DuckDBPyConnection) -> Ask:
    """Asks over a connection. Raises QueryFailed."""
    return lambda sql: fetch(connection, sql, (), lambda _: nullcontext())


def schema_of(environment: str) -> str:
    """The schema of an environment's rollups."""
    return SCHEMA if environment == PRODUCTION else f"{SCHEMA}__{environment.lower()}"


@dataclass(frozen=True)
class Stored:
    """What is stored: the records of rollups by name, and tables (their rows) and views (their SQL) by place."""

    records: Mapping[str, Record]
    tables: Mapping[Place, tuple[int | None, str | None]]
    ask: Ask

    @classmethod
    def read(cls, ask: Ask, schema: str) -> Stored:
        tables = {
            (row["schema_name"].lower(), row["table_name"].lower()): (row["row_count"], row["sql"])
            for row in ask(_STORED).to_pylist()
        }
        rows = ask(f"FROM {place_sql(schema, RECORDS)}").to_pylist() if (schema, RECORDS) in tables else []
        found = [_record(row) for row in rows if (schema, row["table_name"].lower()) in tables]
        return cls({record.name: record for record in found}, tables, ask)

    def present(self, plan: Blueprint, now: datetime) -> Present:
        """How things are with a rollup. A refresh key that cannot be computed has no value."""
        return Present(now, self.states(plan.reads), self._key(plan))

    def states(self, tables: Sequence[str]) -> dict[str, str]:
        """The state of each table that is there: what stands behind its name, and how many rows were ever in it."""
        found = {table: self._state(parts(table), ()) for table in tables}
        return {table: state for table, state in found.items() if state}

    def shape(self, table: str) -> str:
        """What stands behind a table's name, however many rows it has."""
        return self._state(parts(table), (), counted=False)

    def sources(self, table: str) -> dict[Place, int | None]:
        """The tables that a name stands for in the end, and how many rows were ever in them."""
        return dict(self._sources(parts(table), ()))

    def is_plain(self, table: str) -> bool:
        """Whether a name stands for a table as it is: no view on the way to it computes anything."""
        place: Place | None = parts(table)
        seen: set[Place] = set()
        while place is not None and place in self.tables and place not in seen:
            seen.add(place)
            sql = self.tables[place][1]
            if sql is None:
                return True
            found = plain_source(sql)
            place = (found[0].lower(), found[1].lower()) if found else None
        return False

    def _key(self, plan: Blueprint) -> str | None:
        try:
            if plan.refresh.by_partition is not None and plan.partitions is not None:
                return self._partition_keys(plan.refresh.by_partition, plan.partitions)
            return str(self.ask(plan.refresh.sql).to_pylist()) if plan.refresh.sql else None
        except QueryFailed:
            return None

    def _partition_keys(self, key: PartitionKey, partitions: Partitions) -> str | None:
        """The values of the partitions from the first row's to the last one's; None where they are too many to ask."""
        if partitions.source is None:
            return None
        table, column = partitions.source
        time = exp.column(column, quoted=True).sql("duckdb")
        (ends,) = self.ask(
            f"SELECT min({time})::TIMESTAMP AS first, max({time})::TIMESTAMP AS last FROM {place_sql(*parts(table))}"
        ).to_pylist()
        spans = partitions.between(ends["first"], ends["last"]) if ends["first"] is not None else ()
        if not is_countable(spans):
            return None
        rows = self.ask(key.of_all(spans)).to_pylist() if spans else []
        return as_text({row["start"]: row["value"] for row in rows})

    def _state(self, place: Place, above: tuple[Place, ...], *, counted: bool = True) -> str:
        if place not in self.tables or place in above:
            return ""
        rows, sql = self.tables[place]
        if sql is None:
            return f"{'.'.join(place)}: {rows}" if counted else ".".join(place)
        inner = [self._state(one, (*above, place), counted=counted) for one in _read_by(sql) if one != place]
        return "; ".join([hashlib.sha256(sql.encode()).hexdigest()[:12], *inner])

    def _sources(self, place: Place, above: tuple[Place, ...]) -> list[tuple[Place, int | None]]:
        if place not in self.tables or place in above:
            return []
        rows, sql = self.tables[place]
        if sql is None:
            return [(place, rows)]
        return [found for one in _read_by(sql) for found in self._sources(one, (*above, place))]


def parts(table: str) -> Place:
    """`schema.table` as a place."""
    schema, _, name = table.lower().partition(".")
    return schema, name


@lru_cache(maxsize=4096)
def _read_by(view: str) -> tuple[Place, ...]:
    """The tables that the text of a view mentions."""
    tables = sqlglot.parse_one(view, read="duckdb").find_all(exp.Table)
    return tuple(sorted({((table.db or "main").lower(), table.name.lower()) for table in tables}))


def _record(row: Mapping[str, object]) -> Record:
    states = msgspec.json.decode(str(row["states"]), type=dict[str, str])
    stale = msgspec.json.decode(str(row.get("stale") or "[]"), type=tuple[Span, ...])
    renamed = {"table": row["table_name"], "rows": row["row_count"], "key": row.get("refresh_key")}
    return msgspec.convert({**row, **renamed, "states": states, "stale": stale}, Record)


def create_records(connection: duckdb.DuckDBPyConnection, schema: str) -> None:
    """Make the table of records where it is missing, and what it lacks of columns."""
    records = place_sql(schema, RECORDS)
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    connection.execute(f"CREATE TABLE IF NOT EXISTS {records} ({_COLUMNS})")
    for name, kind in (("stale", "JSON"), ("refresh_key", "VARCHAR")):
        connection.execute(f"ALTER TABLE {records} ADD COLUMN IF NOT EXISTS {name} {kind}")


def write_record(connection: duckdb.DuckDBPyConnection, schema: str, record: Record) -> None:
    """Keep a record in place of the one before."""
    records = place_sql(schema, RECORDS)
    connection.execute(f"DELETE FROM {records} WHERE name = ?", [record.name])
    connection.execute(
        f"INSERT INTO {records} (name, table_name, definition, states, row_count, built_at, is_outdated, stale, "
        "refresh_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [record.name, record.table, record.definition, msgspec.json.encode(dict(record.states)).decode(), record.rows,
         record.built_at, record.is_outdated, msgspec.json.encode(record.stale).decode(), record.key],
    )  # fmt: skip


def place_sql(schema: str, table: str) -> str:
    """A table as DuckDB's SQL names it."""
    return exp.table_(table, db=schema, quoted=True).sql("duckdb")
