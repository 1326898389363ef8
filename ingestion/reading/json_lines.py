"""Reads newline-delimited JSON: a record per line, of which nested values stay JSON text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb

from ingestion import sql
from ingestion.errors import UnreadableInput
from ingestion.fingerprint import line_count
from ingestion.reading.incoming import FAULT, FAULTY_TEXT, LINES, Incoming, column_names
from ingestion.reading.records import LONGEST_RECORD, Dialect, write_records

_NO_DELIMITER = "\x01"
"""A sign that JSON may not contain, so that every line is read as one field."""
_BYTE_ORDER_MARK = 0xFEFF
_OBJECT = "(CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END)"


def read_json_lines(
    path: Path, name: str, compression: str | None, spool: Path, connection: duckdb.DuckDBPyConnection
) -> Iterator[Incoming]:
    """The members of each line's object as text columns. Raises UnreadableInput when no line is an object.

    Two attempts: by the engine, and line by line for a file that has lines which are no text, or blank ones.
    """
    lines = (
        f"read_csv({sql.text(path)}, auto_detect = false, columns = {{'line': 'VARCHAR'}}, header = false, quote = '', "
        f"escape = '', delim = {sql.text(_NO_DELIMITER)}, compression = {sql.text(compression or 'none')}, "
        f"max_line_size = {LONGEST_RECORD}, buffer_size = {2 * LONGEST_RECORD})"
    )
    by_engine = (
        f"SELECT line, 1::BIGINT AS {LINES}, NULL::VARCHAR AS {FAULT}, NULL::VARCHAR AS {FAULTY_TEXT} FROM {lines} "
        "WHERE line IS NOT NULL"
    )
    expected = line_count(path, compression)
    with suppress(duckdb.InvalidInputException):  # some line is no text: the reader below sets it apart
        yield _parsed(by_engine, name, connection, expected)
    target = spool / "lines.parquet"
    write_records(path, compression, Dialect("\n", None), ("line",), 0, target)
    by_line = (
        f"SELECT ltrim(line, chr({_BYTE_ORDER_MARK})) AS line, {LINES}, {FAULT}, {FAULTY_TEXT} "
        f"FROM read_parquet({sql.text(target)})"
    )
    yield _parsed(by_line, name, connection, None)


def _parsed(lines: str, name: str, connection: duckdb.DuckDBPyConnection, expected_lines: int | None) -> Incoming:
    """The lines' members as columns; those that are no object are faulty. Raises duckdb.Error, UnreadableInput."""
    members = "unnest(CASE WHEN json_valid(line) THEN json_keys(line) END)"
    rows = connection.execute(f"SELECT DISTINCT {members} AS key FROM ({lines}) ORDER BY key").fetchall()
    if not rows:
        raise UnreadableInput(f"{name}: no line of it is a JSON object")
    keys = [str(row[0]) for row in rows]
    columns = column_names(keys, name)
    paths = ", ".join(sql.text(_path(key)) for key in keys)
    values = ", ".join(
        f"nullif(found[{place}], '') AS {sql.name(column)}" for place, column in enumerate(columns, start=1)
    )
    parsed = (
        f"SELECT *, {_OBJECT} AS is_object, CASE WHEN is_object THEN json_extract_string(line, [{paths}]) END AS found "
        f"FROM ({lines})"
    )
    fault = f"coalesce({FAULT}, CASE WHEN NOT is_object THEN 'not a JSON object' END)"
    return Incoming(
        f"SELECT {values}, {LINES}, {fault} AS {FAULT}, "
        f"coalesce({FAULTY_TEXT}, CASE WHEN NOT is_object THEN line END) AS {FAULTY_TEXT} FROM ({parsed})",
        columns,
        header_lines=0,
        expected_lines=expected_lines,
    )


def _path(key: str) -> str:
    return '$."' + key.replace('"', '\\"') + '"'
