"""The messages of the PostgreSQL protocol, version 3: bytes to dataclasses, and answers to bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from semantic.sqlapi.errors import ProtocolViolation, SqlApiError
from semantic.sqlapi.types import PgType

PROTOCOL_3 = 196608
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102

AUTHENTICATION_OK = b"R\x00\x00\x00\x08\x00\x00\x00\x00"
PARSE_COMPLETE = b"1\x00\x00\x00\x04"
BIND_COMPLETE = b"2\x00\x00\x00\x04"
CLOSE_COMPLETE = b"3\x00\x00\x00\x04"
NO_DATA = b"n\x00\x00\x00\x04"
PORTAL_SUSPENDED = b"s\x00\x00\x00\x04"
EMPTY_QUERY = b"I\x00\x00\x00\x04"
COPY_DONE = b"c\x00\x00\x00\x04"

_INT2 = struct.Struct("!h")
_INT4 = struct.Struct("!i")


@dataclass(frozen=True)
class Query:
    sql: str


@dataclass(frozen=True)
class Parse:
    name: str
    sql: str
    oids: tuple[int, ...]


@dataclass(frozen=True)
class Bind:
    portal: str
    statement: str
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...]
    result_formats: tuple[int, ...]


@dataclass(frozen=True)
class Describe:
    kind: str
    """"S" for a prepared statement, "P" for a portal."""
    name: str


@dataclass(frozen=True)
class Execute:
    portal: str
    max_rows: int


@dataclass(frozen=True)
class Close:
    kind: str
    name: str


@dataclass(frozen=True)
class Sync:
    pass


@dataclass(frozen=True)
class Flush:
    pass


@dataclass(frozen=True)
class Terminate:
    pass


@dataclass(frozen=True)
class CopyInput:
    """CopyData, CopyDone or CopyFail: a client may still send them after COPY FROM was refused."""


@dataclass(frozen=True)
class FunctionCall:
    pass


Message = Query | Parse | Bind | Describe | Execute | Close | Sync | Flush | Terminate | CopyInput | FunctionCall


@dataclass(frozen=True)
class Column:
    """A column of a result: `modifier` is PostgreSQL's type modifier, -1 for none."""

    name: str
    type: PgType
    modifier: int = -1


class _Reader:
    """Reads a message's body; anything short, long or malformed is a ProtocolViolation."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def int2(self) -> int:
        return int(_INT2.unpack(self.take(2))[0])

    def int4(self) -> int:
        return int(_INT4.unpack(self.take(4))[0])

    def take(self, size: int) -> bytes:
        end = self._at + size
        if size < 0 or end > len(self._body):
            raise ProtocolViolation("invalid message format: the message ends too early")
        piece = self._body[self._at : end]
        self._at = end
        return piece

    def text(self) -> str:
        end = self._body.find(b"\x00", self._at)
        if end < 0:
            raise ProtocolViolation("invalid string in message: no terminating zero")
        piece = self._body[self._at : end]
        self._at = end + 1
        return decode_text(piece)

    def count(self) -> int:
        count = self.int2()
        if count < 0:
            raise ProtocolViolation("invalid message format: a negative count")
        return count

    def end(self) -> None:
        if self._at != len(self._body):
            raise ProtocolViolation("invalid message format: bytes after its end")


def decode_text(value: bytes) -> str:
    """UTF-8 text. Raises ProtocolViolation with SQLSTATE 22021 for other bytes."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProtocolViolation(
            f"invalid byte sequence for encoding UTF8 at byte {error.start}", sqlstate="22021"
        ) from error


def decode(tag: bytes, body: bytes) -> Message:
    """The message of a tag and its body. Raises ProtocolViolation."""
    reader = _Reader(body)
    message = _decode(tag, reader)
    if not isinstance(message, CopyInput | FunctionCall):
        reader.end()
    return message


def _decode(tag: bytes, reader: _Reader) -> Message:
    match tag:
        case b"Q":
            return Query(reader.text())
        case b"P":
            return Parse(reader.text(), reader.text(), tuple(reader.int4() for _ in range(reader.count())))
        case b"B":
            return _decode_bind(reader)
        case b"D":
            return Describe(*_decode_target(reader))
        case b"E":
            return Execute(reader.text(), reader.int4())
        case b"C":
            return Close(*_decode_target(reader))
        case b"S":
            return Sync()
        case b"H":
            return Flush()
        case b"X":
            return Terminate()
        case b"d" | b"c" | b"f":
            return CopyInput()
        case b"F":
            return FunctionCall()
        case _:
            raise ProtocolViolation(f"invalid frontend message type {tag[0]}")


def _decode_bind(reader: _Reader) -> Bind:
    portal, statement = reader.text(), reader.text()
    formats = tuple(reader.int2() for _ in range(reader.count()))
    values = tuple(_decode_value(reader) for _ in range(reader.count()))
    result_formats = tuple(reader.int2() for _ in range(reader.count()))
    if not set(formats + result_formats) <= {0, 1}:
        raise ProtocolViolation("invalid format code: only 0 (text) and 1 (binary) exist")
    if len(formats) not in (0, 1, len(values)):
        raise ProtocolViolation(f"bind message has {len(formats)} parameter formats but {len(values)} parameters")
    return Bind(portal, statement, formats, values, result_formats)


def _decode_value(reader: _Reader) -> bytes | None:
    size = reader.int4()
    return None if size == -1 else reader.take(size)


def _decode_target(reader: _Reader) -> tuple[str, str]:
    kind = reader.take(1).decode("latin-1")
    if kind not in ("S", "P"):
        raise ProtocolViolation(f"invalid subtype {kind!r}: expected S or P")
    return kind, reader.text()


def decode_startup(body: bytes) -> dict[str, str]:
    """The parameters of a startup message (behind its protocol version). Raises ProtocolViolation."""
    reader = _Reader(body)
    parameters: dict[str, str] = {}
    while name := reader.text():
        parameters[name] = reader.text()
    reader.end()
    return parameters


def frame(tag: bytes, body: bytes) -> bytes:
    return tag + _INT4.pack(len(body) + 4) + body


def authentication(kind: int, body: bytes = b"") -> bytes:
    return frame(b"R", _INT4.pack(kind) + body)


def negotiate_version(minor: int, unknown: Sequence[str]) -> bytes:
    names = b"".join(_text(name) for name in unknown)
    return frame(b"v", struct.pack("!ii", minor, len(unknown)) + names)


def parameter_status(name: str, value: str) -> bytes:
    return frame(b"S", _text(name) + _text(value))


def backend_key(process: int, secret: int) -> bytes:
    return frame(b"K", struct.pack("!iI", process, secret))


def ready(status: bytes) -> bytes:
    return b"Z\x00\x00\x00\x05" + status


def command_complete(tag: str) -> bytes:
    return frame(b"C", _text(tag))


def row_description(columns: Sequence[Column], formats: Sequence[int]) -> bytes:
    """RowDescription; `formats` has one code per column."""
    parts = [_INT2.pack(len(columns))]
    for column, code in zip(columns, formats, strict=True):
        parts.append(_text(column.name))
        parts.append(struct.pack("!ihihih", 0, 0, column.type.oid, column.type.size, column.modifier, code))
    return frame(b"T", b"".join(parts))


def parameter_description(types: Sequence[int]) -> bytes:
    return frame(b"t", _INT2.pack(len(types)) + b"".join(_INT4.pack(oid) for oid in types))


def copy_out(columns: int, code: int) -> bytes:
    return frame(b"H", struct.pack("!bh", code, columns) + _INT2.pack(code) * columns)


def error_response(error: SqlApiError) -> bytes:
    return frame(b"E", _fields(error.severity, error))


def notice(message: str, sqlstate: str) -> bytes:
    return frame(b"N", _fields("WARNING", SqlApiError(message, sqlstate=sqlstate)))


def _fields(severity: str, error: SqlApiError) -> bytes:
    fields = {
        b"S": severity,
        b"V": severity,
        b"C": error.sqlstate,
        b"M": error.message,
        b"D": error.detail,
        b"H": error.hint,
        b"P": str(error.position) if error.position else None,
    }
    return b"".join(code + _text(value) for code, value in fields.items() if value) + b"\x00"


def _text(value: str) -> bytes:
    return value.replace("\x00", "").encode("utf-8", "replace") + b"\x00"
