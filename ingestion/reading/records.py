"""Reads delimited text record by record, for files that the engine's reader refuses or may have lost rows of.

Every line is accounted for: it belongs to a record, is blank, or is a faulty record of its own. After a quote that is
never closed, or closes in the wrong place, only the line where it opened is faulty: reading goes on with the next line.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.reading.incoming import FAULT, FAULTY_TEXT, LINES

LONGEST_RECORD = 16 << 20
"""Bytes after which an open quote is taken to be a stray one."""
_ROWS_AT_ONCE = 20_000
_SHOWN = 2_000


@dataclass(frozen=True)
class Dialect:
    """How fields are told apart; without `quote` every line is a record."""

    delimiter: str
    quote: str | None


@dataclass(frozen=True)
class Record:
    """Fields, or the fault that kept a line from being one; `lines` includes blank lines that follow."""

    fields: tuple[str | None, ...]
    lines: int
    fault: str | None = None
    text: str | None = None


def write_records(
    path: Path, compression: str | None, dialect: Dialect, columns: tuple[str, ...], header_lines: int, target: Path
) -> None:
    """Write the records of a file to Parquet at `target`: the columns as text, then _lines, _fault, _faulty_text."""
    schema = pa.schema(
        [
            *((name, pa.string()) for name in columns),
            (LINES, pa.int64()),
            (FAULT, pa.string()),
            (FAULTY_TEXT, pa.string()),
        ]
    )
    with (
        pa.input_stream(str(path), compression=compression) as stream,
        pq.ParquetWriter(str(target), schema, compression="zstd") as writer,
    ):
        lines = Lines(cast("BinaryIO", stream))
        for _ in range(header_lines):
            lines.next()
        rows: list[Record] = []
        for record in read_records(lines, dialect, len(columns)):
            rows.append(record)
            if len(rows) == _ROWS_AT_ONCE:
                writer.write_table(_table(rows, schema))
                rows = []
        writer.write_table(_table(rows, schema))


def _table(rows: list[Record], schema: pa.Schema) -> pa.Table:
    width = len(schema) - 3
    values: list[list[object]] = [[row.fields[place] if row.fields else None for row in rows] for place in range(width)]
    values += [[row.lines for row in rows], [row.fault for row in rows], [row.text for row in rows]]
    return pa.table([pa.array(column, type=field.type) for column, field in zip(values, schema, strict=True)], schema)


class Lines:
    """Lines of a stream, with the ends they have, that can be put back."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._returned: deque[bytes] = deque()
        self._rest = b""
        self._pending: deque[bytes] = deque()
        self._ended = False

    def next(self) -> bytes | None:
        if self._returned:
            return self._returned.popleft()
        while not self._pending and not self._ended:
            self._fill()
        return self._pending.popleft() if self._pending else None

    def put_back(self, lines: list[bytes]) -> None:
        self._returned.extendleft(reversed(lines))

    def _fill(self) -> None:
        chunk = self._stream.read(1 << 20)
        if not chunk:
            self._ended = True
            if self._rest:
                self._pending.append(self._rest)
            return
        pieces = (self._rest + chunk).split(b"\n")
        self._rest = pieces.pop()
        self._pending.extend(piece + b"\n" for piece in pieces)


def read_records(lines: Lines, dialect: Dialect, width: int) -> Iterator[Record]:
    """Records of `width` fields, in order, faulty lines among them."""
    held: Record | None = None
    while (first := lines.next()) is not None:
        if not first.strip(b"\r\n"):
            if held:
                held = Record(held.fields, held.lines + 1, held.fault, held.text)
            continue
        if held:
            yield held
        held = _record(first, lines, dialect, width)
    if held:
        yield held


def _record(first: bytes, lines: Lines, dialect: Dialect, width: int) -> Record:
    taken = [first]
    if dialect.quote:
        quote = dialect.quote.encode()
        is_open = first.count(quote) % 2 == 1
        size = len(first)
        while is_open and size < LONGEST_RECORD and (following := lines.next()) is not None:
            taken.append(following)
            size += len(following)
            is_open ^= following.count(quote) % 2 == 1
        if is_open:
            return _faulty(taken, lines, "a quote is opened and never closed")
    try:
        text = b"".join(taken).decode("utf-8")
    except UnicodeDecodeError as error:
        return _faulty(taken, lines, f"not UTF-8: {error.reason} at byte {error.start + 1}")
    return _parsed(text.rstrip("\r\n"), taken, lines, dialect, width)


def _parsed(text: str, taken: list[bytes], lines: Lines, dialect: Dialect, width: int) -> Record:
    try:
        fields = _fields(text, dialect)
    except csv.Error as error:
        return _faulty(taken, lines, f"not a CSV record: {error}")
    if len(fields) == width + 1 and fields[-1] == "":
        fields.pop()  # a delimiter at the end of the line, which the engine's reader lets pass as well
    if len(fields) != width:
        return _faulty(taken, lines, f"{len(fields)} fields where the header has {width}")
    return Record(tuple(field or None for field in fields), len(taken))


def _fields(text: str, dialect: Dialect) -> list[str]:
    if not dialect.quote:
        return text.split(dialect.delimiter)
    reader = csv.reader(
        text.splitlines(keepends=True), delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True
    )
    rows = list(reader)
    return rows[0] if len(rows) == 1 else [field for row in rows for field in row]


def _faulty(taken: list[bytes], lines: Lines, fault: str) -> Record:
    """Only the first line is faulty; those taken after it are read again as records of their own."""
    lines.put_back(taken[1:])
    text = taken[0].rstrip(b"\r\n").decode("utf-8", errors="replace")
    return Record((), 1, fault, text[:_SHOWN])
