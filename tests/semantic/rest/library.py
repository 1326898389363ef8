"""The library that these tests ask about, and how they serve it."""

from __future__ import annotations

import asyncio
import json
import queue
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Scope

from semantic.rest.server import RestServer, start_rest_server

MODEL = Path(__file__).parent / "model"
SECRET = "a secret that only this test knows"
NOW = datetime(2024, 5, 6, 12, 0, tzinfo=UTC)

LIBRARY = """
CREATE TABLE readers (id INTEGER, name VARCHAR, town VARCHAR);
INSERT INTO readers VALUES (1, 'Ida', 'Bern'), (2, 'Max', 'Graz'), (3, 'Zoe', NULL);
CREATE TABLE loans (id INTEGER, reader_id INTEGER, genre VARCHAR, fee DECIMAL(8, 2), days INTEGER, lent_at TIMESTAMP);
INSERT INTO loans VALUES
    (1, 1, 'novel', 1.50, 10, '2024-01-03 09:00:00'), (2, 1, 'novel', 0.25, 20, '2024-01-31 23:30:00'),
    (3, 2, 'comic', 2.00, 14, '2024-02-10 08:00:00'), (4, 3, 'novel', 4.00, 3, '2024-03-01 00:00:00'),
    (5, NULL, NULL, 0.00, 30, '2023-12-31 23:59:59');
"""


@dataclass(frozen=True)
class Serving:
    """What `create_app` reads of the settings."""

    api_secret: str | None = None
    query_timeout_seconds: float = 60.0


def token(claims: dict[str, object] | None = None, secret: str = SECRET) -> str:
    payload = {"exp": datetime.now(UTC) + timedelta(hours=1), **(claims or {})}
    return jwt.encode(payload, secret, algorithm="HS256")


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class SocketTalk:
    """The client's end of a WebSocket that an application serves in this process."""

    def __init__(self, loop: asyncio.AbstractEventLoop, app: ASGIApp) -> None:
        self._loop = loop
        self._heard: queue.Queue[Message] = queue.Queue()
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._said.put_nowait({"type": "websocket.connect"})
        scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b"", "subprotocols": []}
        self._task = asyncio.run_coroutine_threadsafe(self._serve(app, scope), loop)
        assert self._heard.get(timeout=10)["type"] == "websocket.accept"

    async def _serve(self, app: ASGIApp, scope: Scope) -> None:
        async def send(message: Message) -> None:
            self._heard.put(message)

        await app(scope, self._said.get, send)

    def send_text(self, text: str) -> None:
        self._loop.call_soon_threadsafe(self._said.put_nowait, {"type": "websocket.receive", "text": text})

    def send_json(self, content: object) -> None:
        self.send_text(json.dumps(content))

    def receive_json(self) -> Any:
        return json.loads(self._heard.get(timeout=10)["text"])

    def close(self) -> None:
        """Leave; raises what the application raised."""
        leave = {"type": "websocket.disconnect", "code": 1000}
        self._loop.call_soon_threadsafe(self._said.put_nowait, leave)
        self._task.result(10)


@contextmanager
def serving(app: Starlette, tls: ssl.SSLContext | None = None) -> Iterator[RestServer]:
    """The application on a free port, in a thread of its own."""
    with event_loop() as loop:
        server = asyncio.run_coroutine_threadsafe(start_rest_server(app, port=0, tls=tls), loop).result(10)
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(20)
