"""One client's socket: startup, TLS, whole messages in, bytes out, with limits on all of them."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from semantic.sqlapi import messages
from semantic.sqlapi.errors import ProtocolViolation
from semantic.sqlapi.messages import Message

MAX_STARTUP = 10_000
MAX_BEFORE_AUTHENTICATION = 64 * 1024
MAX_MESSAGE = 16 * 1024 * 1024
AUTHENTICATION_SECONDS = 10.0
WRITE_BUFFER = 256 * 1024
"""Above it a session waits for its client: a stalled reader costs this much and no more."""


@dataclass(frozen=True)
class Startup:
    """What the client asked for. `minor` is the protocol's minor version, answered when it is not 0."""

    parameters: Mapping[str, str]
    minor: int


@dataclass(frozen=True)
class Cancel:
    process: int
    secret: int


class Connection:
    """Framing over an asyncio stream. Raises ProtocolViolation, and ConnectionError when the client is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._pending: list[bytes | memoryview] = []
        self._pending_size = 0
        self.limit = MAX_BEFORE_AUTHENTICATION
        self.is_encrypted = False
        writer.transport.set_write_buffer_limits(high=WRITE_BUFFER)

    @property
    def is_lost(self) -> bool:
        return self._reader.at_eof() or self._writer.is_closing()

    async def startup(self, tls: ssl.SSLContext | None) -> Startup | Cancel:
        """The startup message; requests for encryption before it are answered."""
        while True:
            body = await self._startup_packet()
            (code,) = struct.unpack_from("!I", body)
            if code == messages.CANCEL_REQUEST:
                if len(body) != 12:
                    raise ProtocolViolation("invalid length of a cancel request")
                return Cancel(*struct.unpack("!iI", body[4:]))
            if code in (messages.SSL_REQUEST, messages.GSS_REQUEST):
                await self._answer_encryption(tls if code == messages.SSL_REQUEST else None)
                continue
            if code >> 16 != 3:
                raise ProtocolViolation(
                    f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}: server supports 3.0", sqlstate="0A000"
                )
            return Startup(messages.decode_startup(body[4:]), code & 0xFFFF)

    async def _startup_packet(self) -> bytes:
        (size,) = struct.unpack("!i", await self._read(4))
        if not 8 <= size <= MAX_STARTUP:
            raise ProtocolViolation("invalid length of startup packet")
        return await self._read(size - 4)

    async def _answer_encryption(self, tls: ssl.SSLContext | None) -> None:
        if tls is None or self.is_encrypted:
            self._writer.write(b"N")
            await self._writer.drain()
            return
        self._writer.write(b"S")
        await self._writer.drain()
        await self._writer.start_tls(tls)
        self.is_encrypted = True

    async def packet(self) -> tuple[bytes, bytes]:
        """The next message's tag and body."""
        head = await self._read(5)
        size = int.from_bytes(head[1:], "big", signed=True) - 4
        if size < 0:
            raise ProtocolViolation("invalid message length")
        if size > self.limit:
            raise ProtocolViolation(
                f"a message of {size} bytes is too long: the limit is {self.limit}", sqlstate="54000"
            )
        return head[:1], await self._read(size)

    async def message(self) -> Message:
        return messages.decode(*await self.packet())

    async def _read(self, size: int) -> bytes:
        try:
            return await self._reader.readexactly(size)
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the client has closed the connection") from error

    def queue(self, data: bytes | memoryview) -> None:
        """Keep bytes for the next flush."""
        self._pending.append(data)
        self._pending_size += len(data)

    async def flush(self) -> None:
        """Send what is queued; waits while the client does not read."""
        if self._pending:
            self._writer.writelines(self._pending)
            self._pending = []
            self._pending_size = 0
        await self._writer.drain()

    async def flush_if_large(self) -> None:
        if self._pending_size >= WRITE_BUFFER:
            await self.flush()

    async def close(self) -> None:
        self._writer.close()
        try:
            await asyncio.wait_for(self._writer.wait_closed(), timeout=5)
        except (OSError, TimeoutError):
            self._writer.transport.abort()
