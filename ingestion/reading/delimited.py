"""Reads CSV and TSV: by the engine's reader, or record by record where that one fails or lines do not add up."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ingestion import sql
from ingestion.errors import UnreadableInput
from ingestion.fingerprint import line_count
from ingestion.reading.incoming import FAULT, FAULTY_TEXT, LINES, Incoming, column_names
from ingestion.reading.records import LONGEST_RECORD, Dialect, write_records

_BUFFER = 2 * LONGEST_RECORD
"""Bytes that a thread reads at once. The engine would take 16 of the longest records, which few files have: then one
thread reads alone, and holds a quarter of a gigabyte."""

csv.field_size_limit(LONGEST_RECORD)


def read_delimited(path: Path, name: str, compression: str | None, dialect: Dialect, spool: Path) -> Iterator[Incoming]:
    """Two attempts at the same rows: a fast one, and one that is right for every file."""
    columns, header_lines = _header(path, name, compression, dialect)
    yield attempt_by_engine(path, columns, compression, dialect, header_lines)
    yield attempt_by_record(path, columns, compression, dialect, header_lines, spool)


def attempt_by_engine(
    path: Path, columns: tuple[str, ...], compression: str | None, dialect: Dialect, header_lines: int
) -> Incoming:
    """DuckDB's reader at its strictest; that it lost nothing is seen from the lines."""
    options = {
        "auto_detect": "false",
        "columns": sql.struct(dict.fromkeys(columns, "VARCHAR")),
        "header": "false",
        "skip": str(header_lines),
        "delim": sql.text(dialect.delimiter),
        "quote": sql.text(dialect.quote or ""),
        "escape": sql.text(dialect.quote or ""),
        "compression": sql.text(compression or "none"),
        "strict_mode": "true",
        "max_line_size": str(LONGEST_RECORD),
        "buffer_size": str(_BUFFER),
    }
    source = f"read_csv({sql.text(path)}, {', '.join(f'{key} = {value}' for key, value in options.items())})"
    select = (
        f"SELECT {sql.names(columns)}, {_lines(columns) if dialect.quote else '1::BIGINT'} AS {LINES}, "
        f"NULL::VARCHAR AS {FAULT}, NULL::VARCHAR AS {FAULTY_TEXT} FROM {source}"
    )
    return Incoming(select, columns, header_lines, line_count(path, compression), is_text=True)


def attempt_by_record(
    path: Path, columns: tuple[str, ...], compression: str | None, dialect: Dialect, header_lines: int, spool: Path
) -> Incoming:
    """Our own reader, slower, which sets faulty lines apart."""
    target = spool / "records.parquet"
    write_records(path, compression, dialect, columns, header_lines, target)
    select = f"SELECT {sql.names((*columns, LINES, FAULT, FAULTY_TEXT))} FROM read_parquet({sql.text(target)})"
    return Incoming(select, columns, header_lines, is_text=True)


def _lines(columns: tuple[str, ...]) -> str:
    """Lines that a record spans: one, and one more for every line end within its fields."""
    ends = [
        f"CASE WHEN contains({column}, chr(10)) "
        f"THEN strlen({column}) - strlen(replace({column}, chr(10), '')) ELSE 0 END"
        for column in map(sql.name, columns)
    ]
    return f"(1 + {' + '.join(ends)})::BIGINT"


def _header(path: Path, name: str, compression: str | None, dialect: Dialect) -> tuple[tuple[str, ...], int]:
    """The columns that the header names, and the lines that it takes up. Raises UnreadableInput for an empty file."""
    taken = b""
    try:
        with pa.input_stream(str(path), compression=compression) as stream:
            while chunk := stream.read(1 << 16):
                taken += chunk
                if _is_whole(taken, dialect) or len(taken) > LONGEST_RECORD:
                    break
    except OSError as error:
        raise UnreadableInput(f"{name} cannot be read: {error}") from error
    if taken.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableInput(f"{name}: it is UTF-16: convert it to UTF-8")
    if b"\r" in taken and b"\n" not in taken:
        raise UnreadableInput(f"{name}: its lines end with CR alone: convert them to LF or CRLF")
    if not taken.strip():
        raise UnreadableInput(f"{name}: the file is empty: it has no header")
    try:
        text = taken.decode("utf-8-sig", errors="strict" if len(taken) < 1 << 16 else "ignore")
    except UnicodeDecodeError:
        text = taken.split(b"\n")[0].decode("utf-8-sig", errors="replace")
    reader = csv.reader(text.splitlines(keepends=True), delimiter=dialect.delimiter, quotechar=dialect.quote or '"')
    try:
        fields = next(row for row in reader if row)
    except csv.Error as error:
        raise UnreadableInput(f"{name}: line 1: the header is no CSV record: {error}") from error
    return column_names(fields, name), reader.line_num


def _is_whole(taken: bytes, dialect: Dialect) -> bool:
    """Whether a line end stands outside of quotes."""
    quote = (dialect.quote or '"').encode()
    place = taken.find(b"\n")
    while place >= 0:
        if taken[:place].count(quote) % 2 == 0 and taken[:place].strip():
            return True
        place = taken.find(b"\n", place + 1)
    return False
