"""Raw tables: made and widened after their contracts, and filled from the lake by append, upsert or snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
from sqlglot import exp

from contracts.base import Column, Contract
from contracts.violations import REASONS
from ingestion import sql
from ingestion.batch import Identity
from ingestion.declaration import Table
from ingestion.errors import SchemaDrift

ROWS_AT_ONCE = 8_000_000
"""Keys compared in one pass: bounds the memory that finding duplicates takes."""

_PLACE = "_place"
_DROPPED = "_dropped"
_ENDANGERED = "_endangered"


@dataclass(frozen=True)
class Merged:
    """Rows that a batch added or changed, and rows that were there already (or came again within the batch)."""

    loaded: int
    duplicate: int


def type_of(column: Column) -> str:
    """The column's type in DuckDB."""
    return _engine_type(column.type.sql_name)


@cache
def _engine_type(name: str) -> str:
    return exp.DataType.build(name, dialect="bigquery").sql("duckdb")


def table_name(table: Table) -> str:
    return f"raw.{sql.name(table.contract)}"


def ensure_table(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make the raw table, or add columns that its contract has gained. Raises SchemaDrift for a retyped one."""
    contract = table.contract_class
    columns = ", ".join(f"{sql.name(column.name)} {type_of(column)}" for column in contract.columns())
    connection.execute("CREATE SCHEMA IF NOT EXISTS raw")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {table_name(table)} ({columns})")
    present = dict(
        connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'raw' AND table_name = ?",
            [table.contract],
        ).fetchall()
    )
    wanted = _spelled(connection, [type_of(column) for column in contract.columns()])
    for column, type_ in zip(contract.columns(), wanted, strict=True):
        if column.name not in present:
            connection.execute(f"ALTER TABLE {table_name(table)} ADD COLUMN {sql.name(column.name)} {type_of(column)}")
        elif present[column.name] != type_:
            raise SchemaDrift(
                f"raw.{table.contract}.{column.name} is {present[column.name]}, its contract "
                f"{contract.terms().version} says {type_of(column)}: "
                "rebuild the raw tables with `headrace ingest --replay`"
            )


def _spelled(connection: duckdb.DuckDBPyConnection, types: list[str]) -> tuple[str, ...]:
    """Types as the catalog spells them."""
    row = connection.execute(f"SELECT {', '.join(f'typeof(NULL::{type_})' for type_ in types)}").fetchone()
    return row or ()


def accepted_rows(connection: duckdb.DuckDBPyConnection, contract: type[Contract], file: Path) -> str:
    """A SELECT of the accepted rows of a lake file in the contract's present columns, and `_place` in the file.

    What an older batch lacks is NULL; what it has in another type is cast where that is possible.
    """
    present = dict(row[:2] for row in connection.execute(f"DESCRIBE SELECT * FROM {source_of(file)}").fetchall())
    values = []
    for column in contract.columns():
        if column.is_metadata:
            continue
        quoted, type_ = sql.name(column.name), type_of(column)
        if column.name not in present:
            values.append(f"NULL::{type_} AS {quoted}")
        elif present[column.name] == type_:
            values.append(quoted)
        else:
            values.append(f"TRY_CAST({quoted} AS {type_}) AS {quoted}")
    return f"SELECT {', '.join(values)}, {place_in(present)} AS {_PLACE} FROM {source_of(file)} WHERE {REASONS} IS NULL"


def source_of(file: Path) -> str:
    return f"read_parquet({sql.text(file)}, file_row_number = true, hive_partitioning = false)"


def place_in(present: dict[str, str]) -> str:
    """The row's number in the file it came from; rows out of quarantine bring theirs along."""
    return "_row_number" if "_row_number" in present else "file_row_number + 1"


def merge(connection: duckdb.DuckDBPyConnection, table: Table, identity: Identity, accepted: str, rows: int) -> Merged:
    """Put accepted rows into the raw table. Runs within the caller's transaction."""
    _find_dropped(connection, table, accepted, rows)
    dropped = _count(connection, f"SELECT count(*) FROM {_DROPPED}")
    kept = kept_rows(accepted) if dropped else accepted
    if table.mode == "snapshot":
        connection.execute(f"DELETE FROM {table_name(table)}")
    elif table.mode == "upsert":
        _delete_replaced(connection, table, kept)
    columns = [column.name for column in table.contract_class.columns() if not column.is_metadata]
    metadata = {
        "_batch_id": sql.text(identity.batch_id),
        "_source_file": sql.text(identity.file),
        "_row_number": _PLACE,
        "_loaded_at": f"TIMESTAMPTZ {sql.text(identity.loaded_at.isoformat())}",
    }
    connection.execute(
        f"INSERT INTO {table_name(table)} BY NAME SELECT {sql.names(columns)}, "
        + ", ".join(f"{value} AS {sql.name(name)}" for name, value in metadata.items())
        + f" FROM ({kept})"
    )
    if _is_indexed(connection, table):
        key = list(table.contract_class.terms().key)
        connection.execute(f"INSERT INTO {_index(table)} {_hashes(key, kept)}")
    return Merged(rows - dropped, dropped)


def kept_rows(accepted: str) -> str:
    """The accepted rows that the latest `merge` loaded."""
    return f"SELECT * FROM ({accepted}) WHERE {_PLACE} NOT IN (SELECT {_PLACE} FROM {_DROPPED})"


def _find_dropped(connection: duckdb.DuckDBPyConnection, table: Table, accepted: str, rows: int) -> None:
    """Fill `_dropped` with the places of rows not to load: keys that came before, or rows that change nothing.

    Keys are compared by hash first, a part of them at a time, so that memory stays flat; only rows whose hash occurs
    twice are compared by key.
    """
    key = list(table.contract_class.terms().key)
    _find_endangered(connection, table, accepted, key, rows)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_DROPPED} ({_PLACE} BIGINT)")
    if not _count(connection, f"SELECT count(*) FROM {_ENDANGERED}"):
        return
    suspects = f"SELECT * FROM ({accepted}) WHERE hash({sql.names(key)}) IN (SELECT value FROM {_ENDANGERED})"
    order = _PLACE if table.mode == "append" else f"{_newest(table)}{_PLACE} DESC"
    connection.execute(
        f"INSERT INTO {_DROPPED} SELECT {_PLACE} FROM ({suspects}) "
        f"QUALIFY row_number() OVER (PARTITION BY {sql.names(key)} ORDER BY {order}) > 1"
    )
    if table.mode == "snapshot":
        return
    stored = f"SELECT * FROM {table_name(table)} WHERE hash({sql.names(key)}) IN (SELECT value FROM {_ENDANGERED})"
    connection.execute(
        f"INSERT INTO {_DROPPED} SELECT new.{_PLACE} FROM ({suspects}) AS new JOIN ({stored}) AS old "
        f"USING ({sql.names(key)}) WHERE {_is_no_news(table)} AND new.{_PLACE} NOT IN (SELECT {_PLACE} FROM {_DROPPED})"
    )


def _find_endangered(
    connection: duckdb.DuckDBPyConnection, table: Table, accepted: str, key: list[str], rows: int
) -> None:
    """Fill `_endangered` with hashes of keys that occur twice in the batch, or in the batch and in the raw table."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_ENDANGERED} (value UBIGINT)")
    parts = 1 + rows // ROWS_AT_ONCE
    old = _stored_hashes(connection, table, key)
    for part in range(parts):
        within = f" WHERE value % {parts} = {part}" if parts > 1 else ""
        new = f"SELECT value FROM ({_hashes(key, accepted)}){within}"
        connection.execute(f"INSERT INTO {_ENDANGERED} SELECT value FROM ({new}) GROUP BY value HAVING count(*) > 1")
        if old:
            connection.execute(
                f"INSERT INTO {_ENDANGERED} SELECT value FROM ({new}) SEMI JOIN ({old}{within}) USING (value)"
            )


def _stored_hashes(connection: duckdb.DuckDBPyConnection, table: Table, key: list[str]) -> str | None:
    """A SELECT of the hashes of all keys in the raw table; None when it is empty, or is replaced as a whole.

    They are computed once for a connection and kept up by `merge`, so that many small files into a big table do not
    each read all of it. Keys that were replaced stay among them, which makes rows suspects and not duplicates.
    """
    if table.mode == "snapshot" or not _count(connection, f"SELECT count(*) FROM {table_name(table)}"):
        return None
    if not _is_indexed(connection, table):
        connection.execute(f"CREATE TEMP TABLE {_index(table)} AS {_hashes(key, f'FROM {table_name(table)}')}")
    return f"SELECT value FROM {_index(table)}"


def _index(table: Table) -> str:
    return sql.name(f"_hashes_{table.contract}")


def _is_indexed(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    query = f"SELECT count(*) FROM duckdb_tables() WHERE temporary AND table_name = '_hashes_{table.contract}'"
    return bool(_count(connection, query))


def _hashes(key: list[str], rows: str) -> str:
    return f"SELECT hash({sql.names(key)}) AS value FROM ({rows})"


def _newest(table: Table) -> str:
    return f"{sql.name(table.cursor)} DESC NULLS LAST, " if table.cursor else ""


def _is_no_news(table: Table) -> str:
    """Whether a row of a known key leaves what is loaded as it is."""
    if table.mode == "append":
        return "true"
    compared = [column.name for column in table.contract_class.columns() if not column.is_metadata]
    same = " AND ".join(f"new.{sql.name(one)} IS NOT DISTINCT FROM old.{sql.name(one)}" for one in compared)
    older = f" OR new.{sql.name(table.cursor)} < old.{sql.name(table.cursor)}" if table.cursor else ""
    return f"(({same}){older})"


def _delete_replaced(connection: duckdb.DuckDBPyConnection, table: Table, kept: str) -> None:
    key = table.contract_class.terms().key
    same = " AND ".join(f"old.{sql.name(one)} = new.{sql.name(one)}" for one in key)
    connection.execute(f"DELETE FROM {table_name(table)} AS old USING ({kept}) AS new WHERE {same}")


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
