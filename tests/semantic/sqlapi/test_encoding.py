"""Wire formats: whatever Arrow kernels build, a plain decoder in Python reads back."""

from __future__ import annotations

import datetime as dt
import struct
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as some

from semantic.sqlapi import types as pg
from semantic.sqlapi.encoding import data_rows, many_rows
from semantic.sqlapi.parameters import parameter
from semantic.sqlapi.values import numeric_binary

TIMES = some.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31))  # noqa: DTZ001
VALUES: dict[pg.PgType, tuple[pa.DataType, some.SearchStrategy[Any]]] = {
    pg.BOOL: (pa.bool_(), some.booleans()),
    pg.INT2: (pa.int16(), some.integers(-(2**15), 2**15 - 1)),
    pg.INT4: (pa.int32(), some.integers(-(2**31), 2**31 - 1)),
    pg.INT8: (pa.int64(), some.integers(-(2**63), 2**63 - 1)),
    pg.FLOAT8: (pa.float64(), some.floats(allow_nan=False)),
    pg.NUMERIC: (pa.decimal128(38, 6), some.decimals(-(10**30), 10**30, places=6)),
    pg.TEXT: (pa.string(), some.text(some.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    pg.BYTEA: (pa.binary(), some.binary()),
    pg.DATE: (pa.date32(), some.dates()),
    pg.TIME: (pa.time64("us"), some.times()),
    pg.TIMESTAMP: (pa.timestamp("us"), TIMES),
    pg.TIMESTAMPTZ: (pa.timestamp("us", "UTC"), TIMES.map(lambda time: time.replace(tzinfo=dt.UTC))),
    pg.array_of(pg.INT8): (pa.list_(pa.int64()), some.lists(some.none() | some.integers(-9, 9))),
    pg.array_of(pg.TEXT): (pa.list_(pa.string()), some.lists(some.none() | some.text('a,{}"\\ N', max_size=4))),
}


def read_rows(data: bytes) -> list[list[bytes | None]]:
    """DataRow messages taken apart, the plain way."""
    rows, at = [], 0
    while at < len(data):
        tag, length, count = struct.unpack_from("!cih", data, at)
        assert tag == b"D"
        row: list[bytes | None] = []
        place = at + 7
        for _ in range(count):
            (size,) = struct.unpack_from("!i", data, place)
            place += 4
            row.append(None if size < 0 else data[place : place + size])
            place += max(size, 0)
        at += 1 + length
        assert place == at
        rows.append(row)
    return rows


@pytest.mark.parametrize("code", [0, 1], ids=["text", "binary"])
@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.name)
@given(data=some.data())
def test_values_come_back(kind: pg.PgType, code: int, data: some.DataObject) -> None:
    arrow, strategy = VALUES[kind]
    column = data.draw(some.lists(some.none() | strategy, max_size=8))
    batch = pa.RecordBatch.from_arrays([pa.array(column, arrow), pa.array(column, arrow)], ["a", "b"])
    encoded = bytes(many_rows(batch, [kind, kind], [code, 0]))
    assert kind is pg.FLOAT8 or bytes(data_rows(batch, [kind, kind], [code, 0])) == encoded
    rows = read_rows(bytes(data_rows(batch, [kind, kind], [code, 0])))
    assert len(rows) == len(read_rows(encoded))
    assert [parameter(row[0], kind, code) for row in read_rows(encoded)] == column
    assert [parameter(row[0], kind, code) for row in rows] == column
    assert [parameter(row[1], kind, 0) for row in rows] == column


@given(some.lists(some.integers(-(2**62), 2**62), min_size=1, max_size=50), some.data())
def test_a_slice_encodes_as_its_rows_alone(numbers: list[int], data: some.DataObject) -> None:
    start = data.draw(some.integers(0, len(numbers) - 1))
    batch = pa.RecordBatch.from_arrays([pa.array(numbers), pa.array([str(n) for n in numbers])], ["a", "b"])
    rows = read_rows(bytes(many_rows(batch.slice(start), [pg.INT8, pg.TEXT], [0, 1])))
    assert rows == [[str(n).encode(), str(n).encode()] for n in numbers[start:]]


@given(some.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=7))
def test_numeric_binary_comes_back_with_its_scale(number: Decimal) -> None:
    back = parameter(numeric_binary(number), pg.NUMERIC, 1)
    assert back == number
    assert back.as_tuple().exponent == number.as_tuple().exponent


@given(some.floats(width=32, allow_nan=False, allow_infinity=False))
def test_single_floats_come_back_in_their_own_precision(number: float) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([number], pa.float32())] * 2, ["a", "b"])
    ((text, binary),) = read_rows(bytes(data_rows(batch, [pg.FLOAT4] * 2, [0, 1])))
    assert binary == struct.pack("!f", number)
    assert struct.pack("!f", float(text or b"")) == binary


def test_special_floats() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([float("inf"), float("-inf"), float("nan"), 1.0, None])], ["a"])
    rows = read_rows(bytes(data_rows(batch, [pg.FLOAT8], [0])))
    assert [row[0] for row in rows[:3]] == [b"Infinity", b"-Infinity", b"NaN"]
    assert float(rows[3][0] or b"") == 1.0
    assert rows[4] == [None]


@pytest.mark.parametrize(("written", "value"), [(b"1e10", 10**10), (b"1.5E+3", 1500), (b"1e-2", 0.01), (b"0e5", 0)])
def test_a_number_with_an_exponent_is_that_number_to_the_engine(written: bytes, value: float) -> None:
    bound = parameter(written, pg.NUMERIC, 0)
    assert duckdb.execute("SELECT $1::DOUBLE", [bound]).fetchone() == (value,)
