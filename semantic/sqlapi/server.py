"""The server: listens, authenticates, keeps count of its sessions, and passes cancel requests on."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from semantic.sqlapi import messages
from semantic.sqlapi.auth import MECHANISM, ScramExchange, Users
from semantic.sqlapi.connection import AUTHENTICATION_SECONDS, MAX_MESSAGE, Cancel, Connection, Startup
from semantic.sqlapi.errors import AuthenticationFailed, ProtocolViolation, SqlApiError, Unavailable
from semantic.sqlapi.messages import decode_text
from semantic.sqlapi.session import Caller, Planner, Session
from semantic.sqlapi.variables import Variables

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SqlSettings:
    """Where to listen and whom to let in. Without users everybody is trusted, which only loopback hosts allow."""

    host: str = "127.0.0.1"
    port: int = 15432
    users: Mapping[str, str] = field(default_factory=dict)
    """User -> password, or SCRAM verifier as PostgreSQL stores it."""
    query_timeout_seconds: float = 600.0
    max_sessions: int = 100
    threads: int = 16
    """Queries that run at the same time."""
    tls: ssl.SSLContext | None = None


class SqlServer:
    """A listening server. `port` is the real one where 0 was asked for."""

    def __init__(self, planner: Planner, settings: SqlSettings) -> None:
        if not settings.users and not is_loopback(settings.host):
            raise SqlApiError(
                f"the SQL API would let everybody in on {settings.host}: set HEADRACE_SQL_USER and "
                "HEADRACE_SQL_PASSWORD, or listen on 127.0.0.1"
            )
        self._planner = planner
        self._settings = settings
        self._users = Users(settings.users)
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="sqlapi")
        self._sessions: dict[int, tuple[int, Session]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_process = 1
        self._server: asyncio.Server | None = None
        self.port = settings.port

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, self._settings.host, self._settings.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening, end the running queries, close all sessions."""
        if self._server is not None:
            self._server.close()
        for _, session in list(self._sessions.values()):
            session.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = Connection(reader, writer)
        try:
            await self._serve(connection)
        except (ConnectionError, ssl.SSLError) as error:
            logger.debug("a client has gone: %s", error)
        except asyncio.CancelledError:
            logger.debug("a session ends with its server")
        finally:
            self._tasks.discard(task)
            await connection.close()

    async def _serve(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(AUTHENTICATION_SECONDS):
                startup = await connection.startup(self._settings.tls)
                if isinstance(startup, Cancel):
                    self._cancel(startup)
                    return
                user = await self._authenticate(connection, startup)
            connection.limit = MAX_MESSAGE
            await self._run_session(connection, startup, user)
        except TimeoutError:
            logger.debug("a client took too long to log in")
        except SqlApiError as error:
            if not isinstance(error, ProtocolViolation | AuthenticationFailed | Unavailable):
                error.severity = "FATAL"
            connection.queue(messages.error_response(error))
            await connection.flush()

    def _cancel(self, request: Cancel) -> None:
        secret, session = self._sessions.get(request.process, (None, None))
        if session is not None and secret == request.secret:
            session.cancel()

    async def _authenticate(self, connection: Connection, startup: Startup) -> str:
        """The user's name, once proven. Raises AuthenticationFailed."""
        user = startup.parameters.get("user", "")
        if not user:
            raise ProtocolViolation("no PostgreSQL user name specified in startup packet", sqlstate="28000")
        if startup.minor or any(name.startswith("_pq_.") for name in startup.parameters):
            unknown = [name for name in startup.parameters if name.startswith("_pq_.")]
            connection.queue(messages.negotiate_version(0, unknown))
        if not self._users.are_trusted:
            await self._scram(connection, user)
        connection.queue(messages.AUTHENTICATION_OK)
        return user

    async def _scram(self, connection: Connection, user: str) -> None:
        verifier, is_known = await asyncio.get_running_loop().run_in_executor(self._pool, self._users.verifier, user)
        exchange = ScramExchange(verifier, is_known=is_known)
        connection.queue(messages.authentication(10, MECHANISM.encode() + b"\x00\x00"))
        await connection.flush()
        mechanism, _, rest = (await self._password(connection)).partition(b"\x00")
        if decode_text(mechanism) != MECHANISM:
            raise ProtocolViolation("client selected an invalid SASL authentication mechanism")
        if len(rest) < 4 or int.from_bytes(rest[:4], "big") != len(rest) - 4:
            raise ProtocolViolation("malformed SASL message")
        connection.queue(messages.authentication(11, exchange.challenge(rest[4:])))
        await connection.flush()
        try:
            signature = exchange.finish(await self._password(connection))
        except AuthenticationFailed:
            raise AuthenticationFailed(f'password authentication failed for user "{user}"') from None
        connection.queue(messages.authentication(12, signature))

    async def _password(self, connection: Connection) -> bytes:
        tag, body = await connection.packet()
        if tag != b"p":
            raise ProtocolViolation("expected a password message")
        return body

    async def _run_session(self, connection: Connection, startup: Startup, user: str) -> None:
        if len(self._sessions) >= self._settings.max_sessions:
            raise Unavailable("sorry, too many clients already", sqlstate="53300")
        variables = Variables(user, startup.parameters)
        process, secret = self._next_process, secrets.randbits(32)
        self._next_process = self._next_process % 0x7FFFFFFF + 1
        caller = Caller(user, startup.parameters.get("database") or user, process, variables)
        session = Session(connection, self._planner, self._pool, caller, self._settings.query_timeout_seconds)
        for name, value in variables.reported().items():
            connection.queue(messages.parameter_status(name, value))
        connection.queue(messages.backend_key(process, secret))
        self._sessions[process] = (secret, session)
        try:
            await session.run()
        finally:
            del self._sessions[process]


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def serve(planner: Planner, settings: SqlSettings) -> SqlServer:
    """A server that listens; `close()` ends it."""
    server = SqlServer(planner, settings)
    await server.start()
    return server
