"""Bound parameters: from PostgreSQL's text and binary formats to Python values."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from semantic.sqlapi import types as pg
from semantic.sqlapi.errors import BadParameter
from semantic.sqlapi.messages import decode_text
from semantic.sqlapi.types import PgType
from semantic.sqlapi.values import EPOCH, EPOCH_DATE, interval_text


def parameter(raw: bytes | None, kind: PgType, code: int) -> Any:
    """The Python value of a bound parameter: None, bool, int, float, Decimal, date, time, datetime, list, bytes or
    str. Raises BadParameter (SQLSTATE 22P02, or 22P03 for bytes that are no such binary value)."""
    if raw is None:
        return None
    try:
        return _from_binary(raw, kind) if code else _from_text(decode_text(raw), kind)
    except (ValueError, struct.error, OverflowError, InvalidOperation, IndexError) as error:
        if code:
            raise BadParameter(f"incorrect binary data format for type {kind.sql_name}", sqlstate="22P03") from error
        shown = raw[:80].decode("utf-8", "replace")
        raise BadParameter(f'invalid input syntax for type {kind.sql_name}: "{shown}"') from error


def _from_text(raw: str, kind: PgType) -> Any:
    if kind.element is not None:
        return parse_array(raw, kind.element)
    parse = _PARSE.get(kind)
    return raw if parse is None else parse(raw.strip())


def _parse_bool(raw: str) -> bool:
    lowered = raw.lower()
    if lowered in ("t", "true", "y", "yes", "on", "1"):
        return True
    if lowered in ("f", "false", "n", "no", "off", "0"):
        return False
    raise ValueError(raw)


def _parse_timestamp(raw: str) -> datetime:
    """Without a time zone: one that is written is ignored, as PostgreSQL does."""
    return datetime.fromisoformat(_iso(raw)).replace(tzinfo=None)


def _parse_timestamptz(raw: str) -> datetime:
    moment = datetime.fromisoformat(_iso(raw))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _iso(raw: str) -> str:
    return raw.replace(" +", "+").replace(" -", "-").removesuffix(" UTC")


def _parse_bytes(raw: str) -> bytes:
    if raw.startswith("\\x"):
        return bytes.fromhex(raw[2:])
    return raw.encode()


def _parse_numeric(raw: str) -> Decimal | float:
    """DuckDB takes a Decimal like 1E+10 for 1, so its zeros are written out."""
    number = Decimal(raw)
    if not number.is_finite() or number != number.to_integral_value() or "E" not in raw.upper():
        return number
    return Decimal(int(number)) if number.adjusted() < 38 else float(number)


_PARSE: Mapping[PgType, Callable[[str], Any]] = {
    pg.BOOL: _parse_bool,
    pg.INT2: int,
    pg.INT4: int,
    pg.INT8: int,
    pg.OID: int,
    pg.FLOAT4: float,
    pg.FLOAT8: float,
    pg.NUMERIC: _parse_numeric,
    pg.DATE: lambda raw: datetime.fromisoformat(_iso(raw)).date(),
    pg.TIMESTAMP: _parse_timestamp,
    pg.TIMESTAMPTZ: _parse_timestamptz,
    pg.TIME: time.fromisoformat,
    pg.UUID: uuid.UUID,
    pg.BYTEA: _parse_bytes,
}


def parse_array(raw: str, element: PgType) -> list[Any]:
    """The items of `{...}`. Raises ValueError."""
    items, end = _array_items(raw, 0, element)
    if raw[end:].strip():
        raise ValueError(raw)
    return items


def _array_items(raw: str, at: int, element: PgType) -> tuple[list[Any], int]:
    if raw[at : at + 1] != "{":
        raise ValueError(raw)
    items: list[Any] = []
    at += 1
    while raw[at] != "}":
        if raw[at] == "{":
            nested, at = _array_items(raw, at, element)
            items.append(nested)
        else:
            item, at = _array_item(raw, at, element)
            items.append(item)
        if raw[at] == ",":
            at += 1
        elif raw[at] != "}":
            raise ValueError(raw)
    return items, at + 1


def _array_item(raw: str, at: int, element: PgType) -> tuple[Any, int]:
    if raw[at] != '"':
        end = at
        while raw[end] not in ",}":
            end += 1
        word = raw[at:end].strip()
        return (None if word.upper() == "NULL" else _from_text(word, element)), end
    letters: list[str] = []
    at += 1
    while raw[at] != '"':
        at += raw[at] == "\\"
        letters.append(raw[at])
        at += 1
    return _from_text("".join(letters), element), at + 1


def _from_binary(raw: bytes, kind: PgType) -> Any:
    if kind.element is not None:
        return _array_from_binary(raw)
    decode = _DECODE.get(kind)
    if decode is not None:
        return decode(raw)
    return decode_text(raw[1:] if kind is pg.JSONB else raw)


def _numeric_from_binary(raw: bytes) -> Decimal:
    count, weight, sign, scale = struct.unpack_from("!hhHh", raw)
    if sign in (0xC000, 0xD000, 0xF000):
        return Decimal({0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}[sign])
    unscaled = 0
    for group in struct.unpack_from(f"!{count}h", raw, 8):
        unscaled = unscaled * 10_000 + group
    shift = 4 * (weight - count + 1) + scale
    unscaled = unscaled * 10**shift if shift >= 0 else unscaled // 10**-shift
    return Decimal((int(sign == 0x4000), tuple(map(int, str(unscaled))), -scale))


def _timestamp_from_binary(raw: bytes) -> datetime:
    (microseconds,) = struct.unpack("!q", raw)
    return EPOCH + timedelta(microseconds=microseconds)


def _time_from_binary(raw: bytes) -> time:
    (microseconds,) = struct.unpack("!q", raw)
    return (EPOCH + timedelta(microseconds=microseconds)).time()


def _interval_from_binary(raw: bytes) -> str:
    microseconds, days, months = struct.unpack("!qii", raw)
    return interval_text(months, days, microseconds * 1000)


def _array_from_binary(raw: bytes) -> list[Any]:
    dimensions, _, oid = struct.unpack_from("!iii", raw)
    if dimensions == 0:
        return []
    if dimensions != 1 or oid not in pg.BY_OID:
        raise ValueError("only arrays of one dimension")
    (size,) = struct.unpack_from("!i", raw, 12)
    items: list[Any] = []
    at = 20
    for _ in range(size):
        (length,) = struct.unpack_from("!i", raw, at)
        at += 4
        if length < 0:
            items.append(None)
            continue
        piece = raw[at : at + length]
        if len(piece) != length:
            raise ValueError("too short")
        items.append(_from_binary(piece, pg.BY_OID[oid]))
        at += length
    return items


def _unpack(layout: str) -> Callable[[bytes], Any]:
    decoder = struct.Struct(layout)
    return lambda raw: decoder.unpack(raw)[0]


_DECODE: Mapping[PgType, Callable[[bytes], Any]] = {
    pg.BOOL: _unpack("!?"),
    pg.INT2: _unpack("!h"),
    pg.INT4: _unpack("!i"),
    pg.INT8: _unpack("!q"),
    pg.OID: _unpack("!I"),
    pg.FLOAT4: _unpack("!f"),
    pg.FLOAT8: _unpack("!d"),
    pg.NUMERIC: _numeric_from_binary,
    pg.DATE: lambda raw: EPOCH_DATE + timedelta(days=_unpack("!i")(raw)),
    pg.TIMESTAMP: _timestamp_from_binary,
    pg.TIMESTAMPTZ: lambda raw: _timestamp_from_binary(raw).replace(tzinfo=UTC),
    pg.TIME: _time_from_binary,
    pg.INTERVAL: _interval_from_binary,
    pg.UUID: lambda raw: uuid.UUID(bytes=raw),
    pg.BYTEA: bytes,
}
