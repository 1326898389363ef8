"""COPY ... TO STDOUT: rows as text, csv or PostgreSQL's binary format."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from semantic.sqlapi import messages
from semantic.sqlapi.encoding import copy_rows, text_column
from semantic.sqlapi.kinds import Copy
from semantic.sqlapi.messages import Column
from semantic.sqlapi.portal import Encoder

BINARY_HEADER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8
BINARY_END = b"\xff\xff"


class CopyEncoder:
    """What a COPY sends before, for and after its rows. The columns are known once the query has started."""

    def __init__(self, statement: Copy, columns: Sequence[Column]) -> None:
        self._statement = statement
        self._columns = columns
        self._is_first = True

    @property
    def is_binary(self) -> bool:
        return self._statement.format == "binary"

    def start(self) -> bytes:
        head = messages.copy_out(len(self._columns), int(self.is_binary))
        if self._statement.format == "csv" and self._statement.header:
            names = self._statement.delimiter.join(_quoted(column.name) for column in self._columns)
            head += messages.frame(b"d", f"{names}\n".encode())
        return head

    def rows(self) -> Encoder:
        types = [column.type for column in self._columns]
        if not self.is_binary:
            return self._lines

        def encode(batch: pa.RecordBatch) -> bytes | memoryview:
            rows = copy_rows(batch, types)
            if not self._is_first:
                return rows
            self._is_first = False
            # Clients expect the header in the same message as the first tuple.
            first = int.from_bytes(rows[1:5], "big") + 1
            return messages.frame(b"d", BINARY_HEADER + bytes(rows[5:first])) + bytes(rows[first:])

        return encode

    def end(self) -> bytes:
        if not self.is_binary:
            return messages.COPY_DONE
        trailer = BINARY_HEADER + BINARY_END if self._is_first else BINARY_END
        return messages.frame(b"d", trailer) + messages.COPY_DONE

    def _lines(self, batch: pa.RecordBatch) -> bytes:
        """One CopyData message with all lines of a batch."""
        columns = [
            self._escaped(text_column(column, known.type).cast(pa.large_string()))
            for column, known in zip(batch.columns, self._columns, strict=True)
        ]
        lines = pc.binary_join_element_wise(*columns, _large(self._statement.delimiter))
        ended = pc.binary_join_element_wise(lines, _large(""), _large("\n"))
        # The data buffer of the lines is the text of them all.
        offsets = np.frombuffer(ended.buffers()[1], dtype=np.int64)[ended.offset : ended.offset + len(ended) + 1]
        return messages.frame(b"d", bytes(memoryview(ended.buffers()[2])[int(offsets[0]) : int(offsets[-1])]))

    def _escaped(self, column: pa.Array) -> pa.Array:
        if self._statement.format == "text":
            column = pc.replace_substring(column, "\\", "\\\\")
            for raw, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
                column = pc.replace_substring(column, raw, escape)
            return column.fill_null(self._statement.null)
        special = pc.match_substring_regex(column, f'["\\n\\r{_in_class(self._statement.delimiter)}]')
        needs_quotes = pc.or_(special, pc.equal(column, self._statement.null))
        quoted = pc.binary_join_element_wise(
            _large('"'), pc.replace_substring(column, '"', '""'), _large('"'), _large("")
        )
        return pc.if_else(needs_quotes, quoted, column).fill_null(self._statement.null)


def _large(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def _in_class(delimiter: str) -> str:
    return "\\" + delimiter if delimiter in "]^-\\" else delimiter


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if any(char in name for char in '",\n\r') else name
