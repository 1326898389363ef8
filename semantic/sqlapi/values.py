"""Single values in PostgreSQL's text and binary formats: what no Arrow kernel encodes."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from semantic.sqlapi import types as pg
from semantic.sqlapi.errors import NotSupported
from semantic.sqlapi.types import PgType

EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 -- timestamps without time zone have none
EPOCH_DATE = date(2000, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_NEEDS_QUOTES = frozenset('{},"\\ \t\n\r\v\f')


def text(value: Any, kind: PgType) -> str:
    """A value, as Arrow gives it to Python, in PostgreSQL's text format."""
    if kind.element is not None:
        return array_text(value, kind.element)
    match value:
        case bool():
            return "t" if value else "f"
        case float():
            return float_text(value)
        case bytes():
            return "\\x" + value.hex()
        case datetime():
            return _datetime_text(value)
        case time():
            whole = value.isoformat()
            return whole.rstrip("0") if value.microsecond else whole
        case Decimal():
            return format(value, "f")
        case tuple() if kind is pg.INTERVAL:
            return interval_text(*value)
        case dict() | list() | tuple():
            return json.dumps(_plain(value), ensure_ascii=False)
        case _:
            return str(value)


def float_text(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    shortest = repr(value)
    return shortest.removesuffix(".0")


def _datetime_text(value: datetime) -> str:
    suffix = "" if value.tzinfo is None else "+00"
    plain = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    whole = plain.isoformat(sep=" ")
    return (whole.rstrip("0") if plain.microsecond else whole) + suffix


def interval_text(months: int, days: int, nanoseconds: int) -> str:
    """PostgreSQL's style: `1 year 2 mons 3 days 04:05:06.7`."""
    years, months = int(months / 12), months - 12 * int(months / 12)
    parts = [f"{years} year{'s' * (years != 1)}"] if years else []
    parts += [f"{months} mon{'s' * (months != 1)}"] if months else []
    parts += [f"{days} day{'s' * (days != 1)}"] if days else []
    microseconds = nanoseconds // 1000
    if microseconds or not parts:
        sign = "-" if microseconds < 0 else ""
        seconds, fraction = divmod(abs(microseconds), 1_000_000)
        clock = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        parts.append(clock + (f".{fraction:06}".rstrip("0") if fraction else ""))
    return " ".join(parts)


def array_text(items: list[Any], element: PgType) -> str:
    """`{1,2,NULL,"a b"}`; elements are quoted where PostgreSQL would."""
    return "{" + ",".join(_element_text(item, element) for item in items) + "}"


def _element_text(item: Any, element: PgType) -> str:
    if item is None:
        return "NULL"
    if isinstance(item, list):
        return array_text(item, element)
    written = text(item, element)
    if not written or written.upper() == "NULL" or not _NEEDS_QUOTES.isdisjoint(written):
        escaped = written.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return written


def _plain(value: Any) -> Any:
    """What JSON can hold."""
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case None | bool() | int() | str() | float():
            return value
        case Decimal():
            return float(value)
        case _:
            return text(value, pg.TEXT)


def binary(value: Any, kind: PgType) -> bytes:
    """A value, as Arrow gives it to Python, in PostgreSQL's binary format."""
    if kind.element is not None:
        return _array_binary(value, kind.element)
    encode = _BINARY.get(kind)
    if encode is not None:
        return encode(value)
    written = text(value, kind).encode()
    return b"\x01" + written if kind is pg.JSONB else written


def numeric_binary(value: Decimal | int) -> bytes:
    """Base-10000 digits: count, weight of the first, sign, digits behind the point, digits (numeric_send)."""
    number = Decimal(value)
    if not number.is_finite():
        return struct.pack("!hhHh", 0, 0, 0xC000 if number.is_nan() else 0xD000 if number > 0 else 0xF000, 0)
    sign, digits, exponent = number.as_tuple()
    scale = max(0, -int(exponent))
    unscaled = int("".join(map(str, digits))) * 10 ** max(0, int(exponent)) * 10 ** (-scale % 4)
    groups: list[int] = []
    while unscaled:
        unscaled, group = divmod(unscaled, 10_000)
        groups.append(group)
    weight = len(groups) - (scale + 3) // 4 - 1
    while groups and groups[0] == 0:
        del groups[0]
    groups.reverse()
    head = struct.pack("!hhHh", len(groups), weight if groups else 0, 0x4000 if sign else 0, scale)
    return head + struct.pack(f"!{len(groups)}h", *groups)


def _timestamp_binary(value: datetime) -> bytes:
    plain = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return struct.pack("!q", (plain - EPOCH) // _MICROSECOND)


def _time_binary(value: time) -> bytes:
    seconds = value.hour * 3600 + value.minute * 60 + value.second
    return struct.pack("!q", seconds * 1_000_000 + value.microsecond)


def _interval_binary(value: tuple[int, int, int]) -> bytes:
    months, days, nanoseconds = value
    return struct.pack("!qii", nanoseconds // 1000, days, months)


def _uuid_binary(value: Any) -> bytes:
    return value if isinstance(value, bytes) else uuid.UUID(str(value)).bytes


def _array_binary(items: list[Any], element: PgType) -> bytes:
    if not items:
        return struct.pack("!iii", 0, 0, element.oid)
    shape: list[int] = []
    level: list[Any] = items
    while True:
        shape.append(len(level))
        if not level or not isinstance(level[0], list):
            break
        if any(not isinstance(item, list) or len(item) != len(level[0]) for item in level):
            raise NotSupported("nested lists of unequal lengths have no binary format: cast them to text")
        level = [inner for item in level for inner in item]
    head = struct.pack("!iii", len(shape), int(None in level), element.oid)
    return (
        head
        + b"".join(struct.pack("!ii", size, 1) for size in shape)
        + b"".join(struct.pack("!i", -1) if item is None else _sized(binary(item, element)) for item in level)
    )


def _sized(piece: bytes) -> bytes:
    return struct.pack("!i", len(piece)) + piece


_BINARY: Mapping[PgType, Callable[[Any], bytes]] = {
    pg.BOOL: lambda value: b"\x01" if value else b"\x00",
    pg.INT2: struct.Struct("!h").pack,
    pg.INT4: struct.Struct("!i").pack,
    pg.INT8: struct.Struct("!q").pack,
    pg.OID: struct.Struct("!I").pack,
    pg.FLOAT4: struct.Struct("!f").pack,
    pg.FLOAT8: struct.Struct("!d").pack,
    pg.NUMERIC: numeric_binary,
    pg.BYTEA: bytes,
    pg.DATE: lambda value: struct.pack("!i", (value - EPOCH_DATE).days),
    pg.TIMESTAMP: _timestamp_binary,
    pg.TIMESTAMPTZ: _timestamp_binary,
    pg.TIME: _time_binary,
    pg.INTERVAL: _interval_binary,
    pg.UUID: _uuid_binary,
}
