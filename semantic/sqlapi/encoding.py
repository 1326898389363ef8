"""Arrow batches to wire bytes: whole DataRow messages are built by Arrow kernels, column by column.

`binary_join_element_wise` joins the message head, each column's length and each column's value, so that the data
buffer of its result is what goes to the socket.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from semantic.sqlapi import values
from semantic.sqlapi.types import (
    BOOL,
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    OID,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    PgType,
)

TEXT_FORMAT = 0
BINARY_FORMAT = 1

SMALL_CELLS = 256
_INT2 = struct.Struct("!h")
_INT4 = struct.Struct("!i")
_NULL_LENGTH = _INT4.pack(-1)
_EPOCH_DAYS = 10957
"""From 1970-01-01 to 2000-01-01, where PostgreSQL counts from."""
_EPOCH_MICROSECONDS = _EPOCH_DAYS * 86_400_000_000
_NUMPY_BINARY = {INT2: ">i2", INT4: ">i4", OID: ">u4", INT8: ">i8", FLOAT4: ">f4", FLOAT8: ">f8"}


def data_rows(batch: pa.RecordBatch, types: Sequence[PgType], formats: Sequence[int]) -> bytes | memoryview:
    """The rows of a batch as DataRow messages."""
    if batch.num_rows * batch.num_columns <= SMALL_CELLS and FLOAT4 not in types:
        return _few_rows(batch, types, formats)
    return many_rows(batch, types, formats)


def _few_rows(batch: pa.RecordBatch, types: Sequence[PgType], formats: Sequence[int]) -> bytes:
    """Value by value: for a few, calling kernels takes longer than the work."""
    columns = [
        [_cell(value, kind, code) for value in column.to_pylist()]
        for column, kind, code in zip(batch.columns, types, formats, strict=True)
    ]
    messages = []
    for row in zip(*columns, strict=True):
        body = _INT2.pack(len(types)) + b"".join(row)
        messages.append(b"D" + _INT4.pack(len(body) + 4) + body)
    return b"".join(messages)


def _cell(value: Any, kind: PgType, code: int) -> bytes:
    if value is None:
        return _NULL_LENGTH
    encoded = values.binary(value, kind) if code else values.text(value, kind).encode()
    return _INT4.pack(len(encoded)) + encoded


def many_rows(batch: pa.RecordBatch, types: Sequence[PgType], formats: Sequence[int]) -> memoryview:
    """The rows of a batch as DataRow messages, column by column."""
    columns = [
        binary_column(column, kind) if code else text_column(column, kind)
        for column, kind, code in zip(batch.columns, types, formats, strict=True)
    ]
    return _frames(b"D", columns, batch.num_rows)


def copy_rows(batch: pa.RecordBatch, types: Sequence[PgType]) -> memoryview:
    """The rows of a batch as CopyData messages in COPY's binary format (without its header)."""
    columns = [binary_column(column, kind) for column, kind in zip(batch.columns, types, strict=True)]
    return _frames(b"d", columns, batch.num_rows)


def _frames(tag: bytes, columns: Sequence[pa.Array], rows: int) -> memoryview:
    if rows == 0:
        return memoryview(b"")
    total = np.full(rows, 6 + 4 * len(columns), dtype=np.int64)
    pieces: list[pa.Array] = []
    for column in columns:
        length = pc.binary_length(column)
        sizes = length.fill_null(0).to_numpy(zero_copy_only=False)
        total += sizes
        if column.null_count:
            sizes = np.where(column.is_null().to_numpy(zero_copy_only=False), -1, sizes)
            column = column.fill_null(b"")
        pieces += [_fixed(sizes.astype(">i4"), 4), column]
    if int(total.max()) > 0x3FFFFFFF:
        raise OverflowError("a row of more than 1 GiB cannot be sent")
    joined = pc.binary_join_element_wise(_heads(tag, total, len(columns)), *pieces, pa.scalar(b"", pieces[0].type))
    offsets = np.frombuffer(joined.buffers()[1], dtype=np.int64)[joined.offset : joined.offset + rows + 1]
    return memoryview(joined.buffers()[2])[int(offsets[0]) : int(offsets[-1])]


def _heads(tag: bytes, total: np.ndarray[Any, Any], columns: int) -> pa.Array:
    """Tag, length and column count of each row's message."""
    heads = np.empty(len(total), dtype=[("tag", "S1"), ("length", ">i4"), ("columns", ">i2")])
    heads["tag"] = tag
    heads["length"] = total
    heads["columns"] = columns
    return _fixed(heads, 7)


def _fixed(array: np.ndarray[Any, Any], width: int) -> pa.Array:
    """Numbers as binary values of a fixed width, without copying them one by one."""
    count = len(array)
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int64)[: count + 1]
    data = np.ascontiguousarray(array)
    return pa.Array.from_buffers(pa.large_binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def text_column(column: pa.Array, kind: PgType) -> pa.Array:
    """A column as PostgreSQL's text, as large binary; NULL stays NULL."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return _text(column, kind).cast(pa.large_binary())


def _text(column: pa.Array, kind: PgType) -> pa.Array:
    source = column.type
    if pa.types.is_string(source) or pa.types.is_large_string(source):
        return column
    if pa.types.is_boolean(source):
        return pc.if_else(column, "t", "f")
    if pa.types.is_integer(source) or pa.types.is_decimal(source) or pa.types.is_date(source):
        return column.cast(pa.string())
    if pa.types.is_floating(source):
        return _float_text(column)
    if pa.types.is_timestamp(source):
        return _timestamp_text(column, "+00" if kind is TIMESTAMPTZ else "")
    if pa.types.is_time(source):
        return _without_zero_fraction(column.cast(pa.time64("us")).cast(pa.string()))
    return _each(column, lambda value: values.text(value, kind))


def _float_text(column: pa.Array) -> pa.Array:
    finite = pc.is_finite(column).fill_null(True)
    text = column.cast(pa.string())
    if not pc.all(finite).as_py():
        for found, name in (("inf", "Infinity"), ("-inf", "-Infinity"), ("nan", "NaN"), ("-nan", "NaN")):
            text = pc.if_else(pc.equal(text, found), name, text)
    return text


def _timestamp_text(column: pa.Array, zone: str) -> pa.Array:
    """ISO 8601 with a space; the fraction only as long as it must be, as PostgreSQL writes it."""
    column = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.timestamp("us"))
    try:
        text = column.cast(pa.timestamp("s")).cast(pa.string())
    except pa.ArrowInvalid:
        text = _without_zero_fraction(column.cast(pa.string()))
    if zone:
        text = pc.binary_join_element_wise(text, zone, "")
    return text


def _without_zero_fraction(text: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(text, pattern=r"\.?0+$", replacement="")


def _each(column: pa.Array, encode: Callable[[Any], str | bytes]) -> pa.Array:
    encoded = [None if value is None else encode(value) for value in column.to_pylist()]
    return pa.array([value.encode() if isinstance(value, str) else value for value in encoded], pa.large_binary())


def binary_column(column: pa.Array, kind: PgType) -> pa.Array:
    """A column in PostgreSQL's binary format, as large binary; NULL stays NULL."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if layout := _NUMPY_BINARY.get(kind):
        return _numbers(column, layout)
    if kind is BOOL:
        return _numbers(column.cast(pa.uint8()), "u1")
    if kind is DATE:
        return _numbers(column.cast(pa.date32()).cast(pa.int32()), ">i4", -_EPOCH_DAYS)
    if kind in (TIMESTAMP, TIMESTAMPTZ):
        microseconds = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        return _numbers(microseconds.cast(pa.int64()), ">i8", -_EPOCH_MICROSECONDS)
    if kind is TIME:
        return _numbers(column.cast(pa.time64("us")).cast(pa.int64()), ">i8")
    if pa.types.is_string(column.type) and kind.binary_is_text:
        return column.cast(pa.large_binary())
    return _each(column, lambda value: values.binary(value, kind))


def _numbers(column: pa.Array, layout: str, shift: int = 0) -> pa.Array:
    """Numbers in network byte order; a NULL keeps its place in the validity bitmap."""
    numbers = column.fill_null(0).to_numpy(zero_copy_only=False)
    if shift:
        numbers = numbers + shift
    encoded = numbers.astype(layout)
    plain = _fixed(encoded, encoded.dtype.itemsize)
    if not column.null_count:
        return plain
    return pc.if_else(column.is_valid(), plain, pa.scalar(None, pa.large_binary()))
