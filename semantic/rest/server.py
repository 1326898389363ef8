"""Serves the application over HTTP with uvicorn, inside an event loop that others may use too."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

GRACE_SECONDS = 5
"""How long requests under way may take after the server was asked to stop."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the caller's business: it serves more than this API."""
        yield


@dataclass(frozen=True)
class RestServer:
    """A running server. `port` is the real one, also where port 0 was asked for."""

    host: str
    port: int
    _server: _Server
    _task: asyncio.Task[None]
    is_encrypted: bool = False

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_encrypted else 'http'}://{host}:{self.port}/cubejs-api/v1"

    async def close(self) -> None:
        """Stop listening, let the requests under way finish, then return."""
        self._server.should_exit = True
        await self._task

    async def wait(self) -> None:
        """Returns when the server has stopped."""
        await asyncio.shield(self._task)


async def start_rest_server(
    app: Starlette, host: str = "127.0.0.1", port: int = 4000, tls: ssl.SSLContext | None = None
) -> RestServer:
    """Listens before it returns, with `tls` for https only. Raises OSError when the address is taken."""
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )
    config.load()
    config.ssl = tls
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    if task.done():
        await task
    return RestServer(host, listener.getsockname()[1], server, task, tls is not None)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio disables Nagle for TCP only
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(2048)
    listener.setblocking(False)
    return listener
