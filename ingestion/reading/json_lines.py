"""Reads newline-delimited JSON: a record per line, of which nested values stay JSON text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from ingestion import sql
from ingestion.errors import UnreadableInput
from ingestion.reading.incoming import FAULT, FAULTY_TEXT, LINES, Incoming, column_names
from ingestion.reading.records import LONGEST_RECORD

_NO_DELIMITER = "\x01"
"""A sign that JSON may not contain, so that every line is read as one field."""
_OBJECT = "(CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END)"


def read_json_lines(
    path: Path, name: str, compression: str | None, connection: duckdb.DuckDBPyConnection
) -> Iterator[Incoming]:
    """The members of each line's object as text columns. Raises UnreadableInput when no line is an object."""
    lines = (
        f"read_csv({sql.text(path)}, auto_detect = false, columns = {{'line': 'VARCHAR'}}, header = false, quote = '', "
        f"escape = '', delim = {sql.text(_NO_DELIMITER)}, compression = {sql.text(compression or 'none')}, "
        f"max_line_size = {LONGEST_RECORD})"
    )
    try:
        rows = connection.execute(
            "SELECT DISTINCT unnest(CASE WHEN json_valid(line) THEN json_keys(line) END) AS key "
            f"FROM {lines} ORDER BY key"
        ).fetchall()
    except duckdb.Error as error:
        raise UnreadableInput(f"{name}: not lines of JSON: {error}") from error
    if not rows:
        raise UnreadableInput(f"{name}: no line of it is a JSON object")
    keys = [str(row[0]) for row in rows]
    columns = column_names(keys, name)
    paths = ", ".join(sql.text(_path(key)) for key in keys)
    values = ", ".join(
        f"nullif(found[{place}], '') AS {sql.name(column)}" for place, column in enumerate(columns, start=1)
    )
    parsed = (
        f"SELECT line, {_OBJECT} AS is_object, "
        f"CASE WHEN is_object THEN json_extract_string(line, [{paths}]) END AS found "
        f"FROM {lines} WHERE line IS NOT NULL"
    )
    yield Incoming(
        f"SELECT {values}, 1::BIGINT AS {LINES}, CASE WHEN NOT is_object THEN 'not a JSON object' END AS {FAULT}, "
        f"CASE WHEN NOT is_object THEN line END AS {FAULTY_TEXT} FROM ({parsed})",
        columns,
        header_lines=0,
    )


def _path(key: str) -> str:
    return '$."' + key.replace('"', '\\"') + '"'
