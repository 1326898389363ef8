"""`headrace serve`: the REST API and the SQL API in one process, over one engine."""

from __future__ import annotations

import asyncio
import gc
import signal
import ssl
import warnings
from collections.abc import Callable

import jwt
import uvloop

from headrace.config import ServeSettings, Settings
from headrace.errors import HeadraceError
from headrace.semantics import open_engine
from headrace.terminal import Terminal
from semantic.engine import Engine
from semantic.rest.app import create_app
from semantic.rest.server import RestServer, start_rest_server
from semantic.sqlapi.planner import SqlPlanner
from semantic.sqlapi.server import SqlServer, SqlSettings, is_loopback

SECURE_SECRET_BYTES = 32
"""Shortest key for HS256 (RFC 7518, section 3.2)."""
Ready = Callable[[str, str], None]
"""Hears the URL of the REST API and of the SQL API once both listen."""


def serve(settings: Settings, terminal: Terminal, environment: str) -> None:
    """Serve until interrupted or terminated.

    Raises HeadraceError where it would let everybody in, and when a port is taken.
    """
    if settings.serve.api_secret is None and not is_loopback(settings.serve.host):
        raise HeadraceError(
            f"the REST API would let everybody in on {settings.serve.host}: "
            "set HEADRACE_API_SECRET, or listen on 127.0.0.1"
        )
    if settings.serve.api_secret is not None and len(settings.serve.api_secret) < SECURE_SECRET_BYTES:
        terminal.warn(
            f"HEADRACE_API_SECRET is shorter than {SECURE_SECRET_BYTES} bytes: tokens can be forged by guessing it"
        )
        warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)
    tls = tls_of(settings.serve)
    engine = open_engine(settings, environment, on_broken=terminal.warn)

    def ready(rest: str, sql: str) -> None:
        terminal.out.print(f"REST API  {rest}\nSQL API   {sql}", soft_wrap=True)
        terminal.say("Press Ctrl-C to stop.")

    # What is loaded by now stays: a collection that looked at all of it would hold every answer up for tens of
    # milliseconds.
    gc.collect()
    gc.freeze()
    uvloop.run(_serve(engine, settings.serve, tls, ready))


def tls_of(settings: ServeSettings) -> ssl.SSLContext | None:
    """What the servers encrypt with; None where no certificate is set. Raises HeadraceError for one that is none."""
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        message = f"serve.tls_certificate {settings.tls_certificate} cannot be used: {error}"
        raise HeadraceError(message) from error
    return context


async def _serve(engine: Engine, settings: ServeSettings, tls: ssl.SSLContext | None, ready: Ready) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    rest = await _listen_rest(engine, settings, tls)
    try:
        sql = await _listen_sql(engine, settings, tls)
        try:
            user = f"{settings.sql_user}@" if settings.sql_user else ""
            ready(rest.url, f"postgresql://{user}{settings.host}:{sql.port}/headrace")
            await stopped.wait()
        finally:
            await sql.close()
    finally:
        await rest.close()


async def _listen_rest(engine: Engine, settings: ServeSettings, tls: ssl.SSLContext | None) -> RestServer:
    try:
        return await start_rest_server(create_app(engine, settings), settings.host, settings.rest_port, tls)
    except OSError as error:
        raise _port_taken("REST", settings.host, settings.rest_port, error) from error


async def _listen_sql(engine: Engine, settings: ServeSettings, tls: ssl.SSLContext | None) -> SqlServer:
    users = {settings.sql_user: settings.sql_password} if settings.sql_user and settings.sql_password else {}
    timeout = settings.query_timeout_seconds
    served = SqlSettings(settings.host, settings.sql_port, users, query_timeout_seconds=timeout, tls=tls)
    server = SqlServer(SqlPlanner(engine), served)
    try:
        await server.start()
    except OSError as error:
        raise _port_taken("SQL", settings.host, settings.sql_port, error) from error
    return server


def _port_taken(api: str, host: str, port: int, error: OSError) -> HeadraceError:
    option = f"--{api.lower()}-port"
    return HeadraceError(
        f"the {api} API cannot listen on {host}:{port}: {error.strerror}; choose another with {option}"
    )
