"""Stages a batch: reads and judges its rows, and writes them to a Parquet file that nobody else sees yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
from ibis.backends.duckdb import Backend

from contracts.violations import REASONS, RULES
from ingestion.batch import Identity
from ingestion.commit import Staged
from ingestion.declaration import Table
from ingestion.errors import SchemaDrift, UnreadableInput
from ingestion.judgement import judge_incoming
from ingestion.lake import stage, staging_path
from ingestion.reading.incoming import LINES, Incoming
from ingestion.tables import source_of

_ENOUGH_TO_TELL = 20
"""Rows from which a column that cannot be read in any of them is taken for retyped, and not for dirt."""


def stage_batch(backend: Backend, lake: Path, ways: Iterator[Incoming], table: Table, identity: Identity) -> Staged:
    """Stage a batch by the first way of reading that loses nothing. Raises UnreadableInput and SchemaDrift."""
    path = staging_path(lake, identity)
    trouble = "no reader"
    for incoming in ways:
        known = msgspec.structs.replace(identity, header_lines=incoming.header_lines)
        judged = judge_incoming(backend, table.contract_class, incoming, identity.file)
        try:
            stage(backend.con, judged.sql, known, path)
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            trouble = str(error)
            continue
        rows, rejected, lines = _counts(backend.con, path)
        expected = incoming.expected_lines
        if expected is None or lines + (incoming.header_lines or 0) == expected:
            staged = Staged(known, path, judged.extra, rows, rejected)
            _check_types(backend.con, staged)
            return staged
        trouble = "lines were lost in reading"
    raise UnreadableInput(f"{identity.file} cannot be read: {trouble}")


def reopen(connection: duckdb.DuckDBPyConnection, path: Path, identity: Identity, table: Table) -> Staged:
    """A batch that is in the lake already."""
    rows, rejected, _ = _counts(connection, path)
    present = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source_of(path)}").fetchall()]
    named = {column.name for column in table.contract_class.columns()}
    extra = tuple(
        name for name in present if name not in named and not name.startswith("_") and name not in (REASONS, RULES)
    )
    return Staged(identity, path, tuple(name for name in extra if name != "file_row_number"), rows, rejected)


def _counts(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[int, int, int]:
    row = connection.execute(
        f"SELECT count(*), count({REASONS}), coalesce(sum({LINES}), 0) FROM {source_of(path)}"
    ).fetchone()
    return row if row else (0, 0, 0)


def _check_types(connection: duckdb.DuckDBPyConnection, staged: Staged) -> None:
    """Refuse a file of which a column cannot be read in any row: its type has changed."""
    if staged.rejected < staged.rows or staged.rows < _ENOUGH_TO_TELL or staged.identity.retry_of:
        return
    retyped = connection.execute(
        f"SELECT rule FROM (SELECT unnest({RULES}) AS rule FROM {source_of(staged.path)}) "
        f"WHERE suffix(rule, '.type') GROUP BY rule HAVING count(*) = {staged.rows} ORDER BY rule"
    ).fetchall()
    if retyped:
        columns = ", ".join(rule.removesuffix(".type") for (rule,) in retyped)
        raise SchemaDrift(
            f"{staged.identity.file}: column {columns} has changed its type: not one of {staged.rows:,} rows can "
            f"be read as version {staged.identity.contract_version} of raw.{staged.identity.table} says"
        )
