"""The library that these tests ask about, and how they serve it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
from starlette.applications import Starlette

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
    payload = {"exp": datetime.now(UTC) + timedelta(minutes=5), **(claims or {})}
    return jwt.encode(payload, secret, algorithm="HS256")


@contextmanager
def serving(app: Starlette) -> Iterator[RestServer]:
    """The application on a free port, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(start_rest_server(app, port=0), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
