"""Running queries on threads, and their rows on the way to the client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa

from semantic.sqlapi import encoding, messages
from semantic.sqlapi.connection import Connection
from semantic.sqlapi.errors import SqlApiError
from semantic.sqlapi.portal import Chunk, Encoder, Portal
from semantic.sqlapi.variables import Variables

T = TypeVar("T")

_POLL_SECONDS = 0.5
"""How often to look whether the client of a running query is still there."""


class Delivery:
    """One session's queries: one runs at a time. `timeout` is the longest that a step of one may take, in seconds."""

    def __init__(self, connection: Connection, pool: ThreadPoolExecutor, variables: Variables, timeout: float) -> None:
        self._connection = connection
        self._pool = pool
        self._variables = variables
        self._timeout = timeout
        self._running: Portal | None = None

    def cancel(self) -> None:
        """End the running query, if there is one."""
        if self._running is not None:
            self._running.interrupt("user request")

    async def start(self, portal: Portal) -> None:
        """Run a query up to its first rows, if that has not been done."""
        if not portal.is_started:
            await self._call(portal, portal.start)

    async def _call(self, portal: Portal, work: Callable[[], T]) -> T:
        """Run a portal's blocking method on a thread, within the time limit, for as long as the client is there."""
        loop = asyncio.get_running_loop()
        seconds = min(self._timeout, self._variables.statement_timeout or self._timeout)
        timer = loop.call_later(seconds, portal.interrupt, "statement timeout")
        self._running = portal
        future = loop.run_in_executor(self._pool, work)
        try:
            while True:
                done, _ = await asyncio.wait((future,), timeout=_POLL_SECONDS)
                if done:
                    return future.result()
                if self._connection.is_lost:
                    portal.interrupt("a lost connection")
        except SqlApiError as error:
            raise portal.stopped(error) from error
        finally:
            timer.cancel()
            self._running = None

    async def send(self, portal: Portal, codes: Sequence[int], limit: int | None) -> None:
        """Rows, and how it ended: complete, or suspended at the limit."""
        types = [column.type for column in portal.columns]

        def encode(batch: pa.RecordBatch) -> bytes | memoryview:
            return encoding.data_rows(batch, types, codes)

        sent, is_complete = await self.stream(portal, encode, limit)
        self._connection.queue(
            messages.command_complete(f"SELECT {sent}") if is_complete else messages.PORTAL_SUSPENDED
        )

    async def stream(self, portal: Portal, encode: Encoder, limit: int | None) -> tuple[int, bool]:
        """How many rows were sent, and whether there are no more. One chunk is encoded while another is sent."""
        sent = 0
        if portal.is_finished or limit == 0:
            return sent, portal.is_finished
        if portal.is_buffered:
            chunk = portal.fetch(limit, encode)
            self._connection.queue(chunk.data)
            return chunk.rows, chunk.is_last
        ahead = asyncio.create_task(self._fetch_chunk(portal, encode, limit))
        try:
            while True:
                chunk = await ahead
                sent += chunk.rows
                self._connection.queue(chunk.data)
                if chunk.is_last or sent == limit:
                    return sent, chunk.is_last
                left = None if limit is None else limit - sent
                ahead = asyncio.create_task(self._fetch_chunk(portal, encode, left))
                await self._connection.flush_if_large()
        finally:
            if not ahead.done():
                portal.interrupt("a lost connection")
            await asyncio.gather(ahead, return_exceptions=True)

    async def _fetch_chunk(self, portal: Portal, encode: Encoder, limit: int | None) -> Chunk:
        return await self._call(portal, lambda: portal.fetch(limit, encode))

    async def close(self, portal: Portal) -> None:
        """Closing waits for a query that runs, so that it is done on a thread then."""
        if portal.is_finished:
            portal.close()
        else:
            await asyncio.get_running_loop().run_in_executor(self._pool, portal.close)
