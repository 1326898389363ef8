"""A server on a free port, run by an event loop in a thread of its own, so that every kind of client can be used."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlglot import exp

from semantic.sqlapi import types as pg
from semantic.sqlapi.kinds import Select
from semantic.sqlapi.portal import Planned
from semantic.sqlapi.server import SqlServer, SqlSettings, serve
from semantic.sqlapi.session import Bound, Caller, Planner
from tests.semantic.sqlapi.readers import Memory


class PassThrough:
    """A planner that hands SQL to DuckDB as it is: for tests of the protocol alone."""

    def __init__(self) -> None:
        self.database = Memory()

    def plan(self, select: Select, values: Sequence[Bound], caller: Caller) -> Planned:  # noqa: ARG002
        sql = select.tree.sql("duckdb")
        return Planned(sql, tuple(bound.value for bound in values), self.database)

    def explain(self, select: Select, caller: Caller) -> Sequence[str]:  # noqa: ARG002
        return [select.sql]

    def parameter_types(self, select: Select, declared: Sequence[int]) -> tuple[pg.PgType, ...]:
        count = max((int(found.name) for found in select.tree.find_all(exp.Parameter)), default=0)
        oids = [*declared, *([0] * count)][:count]
        return tuple(pg.BY_OID[oid] if oid else pg.TEXT for oid in oids)


class Running:
    """A server and the loop that it runs on."""

    def __init__(self, server: SqlServer, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.loop = loop

    @property
    def port(self) -> int:
        return self.server.port

    def dsn(self, **more: object) -> str:
        parts = {"host": "127.0.0.1", "port": self.port, "user": "ada", "dbname": "headrace", **more}
        return " ".join(f"{name}={value}" for name, value in parts.items())


@contextmanager
def running(planner: Planner, settings: SqlSettings) -> Iterator[Running]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve(planner, settings), loop).result(10)
    try:
        yield Running(server, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def plain() -> Iterator[Running]:
    """A server that passes SQL through to an empty DuckDB, and trusts everybody."""
    with running(PassThrough(), SqlSettings(port=0)) as server:
        yield server


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts a pass-through server with settings of the test's own."""
    opened = []

    def begin(**settings: object) -> Running:
        context = running(PassThrough(), SqlSettings(port=0, **settings))  # type: ignore[arg-type]
        opened.append(context)
        return context.__enter__()

    yield begin
    for context in opened:
        context.__exit__(None, None, None)
