"""Quarantine: rejected rows with their reasons and original text, listed, shown, and tried again after a fix."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from contracts.violations import REASONS, RULES
from ingestion import sql
from ingestion.batch import Identity
from ingestion.declaration import Table
from ingestion.judgement import ORIGINAL
from ingestion.reading.incoming import LINES
from ingestion.tables import source_of

SCHEMA = "quarantine"

_COLUMNS = {
    "batch_id": "VARCHAR NOT NULL",
    "source_file": "VARCHAR NOT NULL",
    "row_number": "BIGINT NOT NULL",
    "line_number": "BIGINT",
    "reasons": "VARCHAR[] NOT NULL",
    "rules": "VARCHAR[] NOT NULL",
    "original": "VARCHAR NOT NULL",
    "contract_version": "VARCHAR NOT NULL",
    "quarantined_at": "TIMESTAMPTZ NOT NULL",
    "resolved_at": "TIMESTAMPTZ",
    "resolved_by": "VARCHAR",
}


@dataclass(frozen=True)
class RuleCount:
    """Open rows of a table that broke a rule; a row that broke several counts for each."""

    table: str
    rule: str
    file: str
    rows: int
    first_row: int
    latest_at: datetime


@dataclass(frozen=True)
class Rejected:
    """One rejected row. `original` is a JSON object of the texts that were read."""

    table: str
    batch_id: str
    file: str
    row_number: int
    line_number: int | None
    reasons: tuple[str, ...]
    rules: tuple[str, ...]
    original: str
    contract_version: str
    quarantined_at: datetime


def quarantine_name(table: Table) -> str:
    return f"{SCHEMA}.{sql.name(table.contract)}"


def ensure_quarantine(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    columns = ", ".join(f"{name} {type_}" for name, type_ in _COLUMNS.items())
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {quarantine_name(table)} ({columns})")


def quarantine(connection: duckdb.DuckDBPyConnection, table: Table, identity: Identity, file: Path) -> int:
    """Write the rejected rows of a lake file; returns how many. Runs within the caller's transaction.

    A relation's rows at its cursor are read again every time: those that wait in quarantine already are left alone.
    """
    lines = "NULL" if identity.header_lines is None else f"{identity.header_lines} + 1 + lines_before"
    again = (
        f"WHERE NOT EXISTS (SELECT 1 FROM {quarantine_name(table)} AS held WHERE held.original = bad.{ORIGINAL} "
        f"AND held.source_file = {sql.text(identity.file)} AND held.resolved_at IS NULL)"
        if identity.cursor_after is not None
        else ""
    )
    connection.execute(
        f"INSERT INTO {quarantine_name(table)} BY NAME "
        f"WITH numbered AS (SELECT file_row_number + 1 AS place, {REASONS}, {RULES}, {ORIGINAL}, "
        f"coalesce(sum({LINES}) OVER (ROWS UNBOUNDED PRECEDING) - {LINES}, 0) AS lines_before FROM {source_of(file)}), "
        f"bad AS (SELECT * FROM numbered WHERE {REASONS} IS NOT NULL) "
        f"SELECT {sql.text(identity.batch_id)} AS batch_id, {sql.text(identity.file)} AS source_file, "
        f"place AS row_number, {lines} AS line_number, "
        f"{REASONS} AS reasons, {RULES} AS rules, {ORIGINAL} AS original, "
        f"{sql.text(identity.contract_version)} AS contract_version, "
        f"TIMESTAMPTZ {sql.text(identity.loaded_at.isoformat())} AS quarantined_at FROM bad {again}"
    )
    row = connection.execute(
        f"SELECT count(*) FROM {quarantine_name(table)} WHERE batch_id = ?", [identity.batch_id]
    ).fetchone()
    return int(row[0]) if row else 0


def settle(connection: duckdb.DuckDBPyConnection, table: Table, identity: Identity, file: Path) -> int:
    """Mark the rows of a retried batch that were let in, renew the reasons of the others; returns how many of these.

    Runs within the caller's transaction.
    """
    at = f"TIMESTAMPTZ {sql.text(identity.loaded_at.isoformat())}"
    same = f"held.batch_id = {sql.text(identity.retry_of or '')} AND held.row_number = tried._row_number"
    held, tried = f"{quarantine_name(table)} AS held", f"{source_of(file)} AS tried"
    connection.execute(
        f"UPDATE {held} SET resolved_at = {at}, resolved_by = {sql.text(identity.batch_id)} FROM {tried} "
        f"WHERE {same} AND tried.{REASONS} IS NULL"
    )
    row = connection.execute(
        f"UPDATE {held} SET reasons = tried.{REASONS}, rules = tried.{RULES}, "
        f"contract_version = {sql.text(identity.contract_version)} FROM {tried} "
        f"WHERE {same} AND tried.{REASONS} IS NOT NULL"
    ).fetchone()
    return int(row[0]) if row else 0


def quarantined_tables(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY 1", [SCHEMA]
    ).fetchall()
    return tuple(row[0] for row in rows)
