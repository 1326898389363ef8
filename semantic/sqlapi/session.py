"""One client's session: messages in, statements run, answers out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from semantic.sqlapi import encoding, messages
from semantic.sqlapi import kinds as st
from semantic.sqlapi.commands import Commands, Outcome
from semantic.sqlapi.connection import Connection
from semantic.sqlapi.copying import CopyEncoder
from semantic.sqlapi.delivery import Delivery
from semantic.sqlapi.errors import (
    NotSupported,
    ProtocolViolation,
    SqlApiError,
    TransactionError,
    UnknownCursor,
    UnknownStatement,
)
from semantic.sqlapi.messages import Column
from semantic.sqlapi.parameters import parameter
from semantic.sqlapi.portal import Planned, Portal, describe, format_codes
from semantic.sqlapi.statements import parse_statements
from semantic.sqlapi.types import BY_NAME, TEXT, PgType
from semantic.sqlapi.variables import Transaction, Variables

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bound:
    """A parameter's value and type."""

    value: object
    type: PgType


@dataclass(frozen=True)
class Caller:
    """Who asks: what the planner needs to know of a session."""

    user: str
    database: str
    process: int
    variables: Variables = field(compare=False)


class Planner(Protocol):
    """Turns a client's query into DuckDB's SQL. Both block; both raise SqlApiError and SemanticError."""

    def plan(self, select: st.Select, values: Sequence[Bound], caller: Caller) -> Planned: ...

    def explain(self, select: st.Select, caller: Caller) -> Sequence[str]: ...

    def parameter_types(self, select: st.Select, declared: Sequence[int]) -> tuple[PgType, ...]: ...


@dataclass(frozen=True)
class Prepared:
    """A prepared statement; None for an empty one."""

    statement: st.Statement | None
    types: tuple[PgType, ...] = ()


@dataclass
class Bind:
    """A bound portal: a query with its cursor, or a command that runs when it is executed."""

    statement: st.Statement | None
    result_formats: tuple[int, ...] = ()
    portal: Portal | None = None
    outcome: Outcome | None = None
    shown: int = 0


@dataclass
class Cursor:
    """A cursor made by DECLARE."""

    portal: Portal
    is_binary: bool
    holds: bool


class Session:
    """Answers one authenticated client until it leaves. `timeout` is the longest that one statement may take."""

    def __init__(
        self, connection: Connection, planner: Planner, pool: ThreadPoolExecutor, caller: Caller, timeout: float
    ) -> None:
        self._connection = connection
        self._planner = planner
        self._pool = pool
        self._caller = caller
        self._variables = caller.variables
        self._delivery = Delivery(connection, pool, caller.variables, timeout)
        self._transaction = Transaction(self._variables)
        self._commands = Commands(self._variables, self._transaction, self._forget, self._close_cursors)
        self._prepared: dict[str, Prepared] = {}
        self._portals: dict[str, Bind] = {}
        self._cursors: dict[str, Cursor] = {}
        self._closing: list[Portal] = []
        self._reported = dict(self._variables.reported())

    def cancel(self) -> None:
        """What another connection's cancel request does: end the running query, if there is one."""
        self._delivery.cancel()

    async def run(self) -> None:
        """Until the client says goodbye. Raises ConnectionError when it just leaves, ProtocolViolation."""
        try:
            await self._ready()
            while True:
                message = await self._connection.message()
                if isinstance(message, messages.Terminate):
                    return
                await self._answer(message)
        finally:
            await self._close_all()

    async def _answer(self, message: messages.Message) -> None:
        match message:
            case messages.Query():
                await self._guarded(self._simple(message.sql))
                await self._end_implicit()
                await self._ready()
            case messages.Sync():
                await self._end_implicit()
                await self._ready()
            case messages.Flush():
                await self._connection.flush()
            case messages.CopyInput():
                pass
            case messages.FunctionCall():
                self._fail(NotSupported("function calls are not supported: use SELECT"))
                await self._ready()
            case _:
                if not await self._guarded(self._extended(message)):
                    await self._skip_to_sync()

    async def _guarded(self, work: Awaitable[None]) -> bool:
        """Whether it went well; an error is sent, and fails the transaction."""
        try:
            await work
        except SqlApiError as error:
            if isinstance(error, ProtocolViolation):
                raise
            self._fail(error)
            return False
        except ConnectionError:
            raise
        except Exception as error:
            logger.exception("a statement ended in an error that nobody foresaw")
            self._fail(SqlApiError(f"internal error: {error}", hint="The server's log has the details."))
            return False
        finally:
            await self._release()
        return True

    def _fail(self, error: SqlApiError) -> None:
        self._connection.queue(messages.error_response(error))
        self._transaction.fail()

    async def _skip_to_sync(self) -> None:
        await self._connection.flush()
        while True:
            message = await self._connection.message()
            if isinstance(message, messages.Sync):
                await self._answer(message)
                return
            if isinstance(message, messages.Terminate):
                raise ConnectionResetError("the client has left")

    async def _ready(self) -> None:
        self._report()
        self._connection.queue(messages.ready(self._transaction.status))
        await self._connection.flush()

    def _report(self) -> None:
        """Tell the client of changed variables."""
        for name, value in self._variables.reported().items():
            if self._reported.get(name) != value:
                self._connection.queue(messages.parameter_status(name, value))
                self._reported[name] = value

    # The simple protocol.

    async def _simple(self, sql: str) -> None:
        found = parse_statements(sql)
        if not found:
            self._connection.queue(messages.EMPTY_QUERY)
        for statement in found:
            self._check_transaction(statement)
            await self._run_simple(statement)
            await self._after(statement)

    async def _run_simple(self, statement: st.Statement) -> None:
        match statement:
            case st.Select() | st.Execute():
                await self._select(self._open(*self._bound(statement, ())))
            case st.Copy():
                await self._copy(statement)
            case _:
                outcome = await self._outcome(statement, None)
                self._show(outcome, (), with_description=True)

    async def _select(self, portal: Portal) -> None:
        try:
            await self._delivery.start(portal)
            codes = (encoding.TEXT_FORMAT,) * len(portal.columns)
            self._connection.queue(messages.row_description(portal.columns, codes))
            await self._delivery.send(portal, codes, None)
        finally:
            await self._delivery.close(portal)

    def _check_transaction(self, statement: st.Statement | None) -> None:
        if self._transaction.is_failed and not isinstance(statement, st.Commit | st.Rollback):
            raise TransactionError(
                "current transaction is aborted, commands ignored until end of transaction block", sqlstate="25P02"
            )

    async def _after(self, statement: st.Statement) -> None:
        """A transaction's end closes what lives in it."""
        if isinstance(statement, st.Commit | st.Rollback) and not self._transaction.is_open:
            await self._close_transaction()

    # The extended protocol.

    async def _extended(self, message: messages.Message) -> None:
        match message:
            case messages.Parse():
                self._parse(message)
                self._connection.queue(messages.PARSE_COMPLETE)
            case messages.Bind():
                await self._bind(message)
                self._connection.queue(messages.BIND_COMPLETE)
            case messages.Describe(kind="S"):
                await self._describe_statement(self._find_prepared(message.name))
            case messages.Describe() if message.name in self._cursors:
                self._queue_description(self._cursors[message.name].portal.columns, ())
            case messages.Describe():
                await self._describe_portal(self._find_portal(message.name))
            case messages.Execute():
                await self._execute(self._find_portal(message.portal), message.max_rows)
            case messages.Close():
                await self._close_target(message)
                self._connection.queue(messages.CLOSE_COMPLETE)
        await self._connection.flush_if_large()

    def _parse(self, message: messages.Parse) -> None:
        found = parse_statements(message.sql)
        if len(found) > 1:
            raise SqlApiError("cannot insert multiple commands into a prepared statement", sqlstate="42601")
        statement = found[0] if found else None
        self._check_transaction(statement)
        self._keep(message.name, statement, message.oids)

    def _keep(self, name: str, statement: st.Statement | None, declared: Sequence[int]) -> None:
        if name and name in self._prepared:
            raise SqlApiError(f'prepared statement "{name}" already exists', sqlstate="42P05")
        types = self._planner.parameter_types(statement, declared) if isinstance(statement, st.Select) else ()
        self._prepared[name] = Prepared(statement, types)

    async def _bind(self, message: messages.Bind) -> None:
        prepared = self._find_prepared(message.statement)
        self._check_transaction(prepared.statement)
        if len(message.values) != len(prepared.types):
            raise SqlApiError(
                f"bind message supplies {len(message.values)} parameters, "
                f'but prepared statement "{message.statement}" requires {len(prepared.types)}',
                sqlstate="08P01",
            )
        if message.portal and message.portal in self._portals:
            raise SqlApiError(f'cursor "{message.portal}" already exists', sqlstate="42P03")
        codes = format_codes(message.formats, len(prepared.types))
        values = tuple(
            Bound(parameter(raw, kind, code), kind)
            for raw, kind, code in zip(message.values, prepared.types, codes, strict=True)
        )
        await self._drop_portal(message.portal)
        statement = prepared.statement
        runs = isinstance(statement, st.Select | st.Execute)
        portal = self._open(*self._bound(statement, values)) if runs else None
        self._portals[message.portal] = Bind(statement, message.result_formats, portal)

    async def _describe_statement(self, prepared: Prepared) -> None:
        self._connection.queue(messages.parameter_description([known.oid for known in prepared.types]))
        statement = prepared.statement
        if isinstance(statement, st.Select | st.Execute):
            select, values = self._bound(statement, [Bound(None, known) for known in prepared.types])
            columns: tuple[Column, ...] | None = await self._describe_select(select, values)
        else:
            columns = self._columns_of(statement)
        self._queue_description(columns, ())

    async def _describe_select(self, select: st.Select, values: Sequence[Bound]) -> tuple[Column, ...]:
        def work() -> tuple[Column, ...]:
            return describe(self._planner.plan(select, values, self._caller))

        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def _describe_portal(self, bound: Bind) -> None:
        if bound.portal is None:
            self._queue_description(self._columns_of(bound.statement), bound.result_formats)
            return
        await self._delivery.start(bound.portal)
        self._queue_description(bound.portal.columns, bound.result_formats)

    def _columns_of(self, statement: st.Statement | None) -> tuple[Column, ...] | None:
        """What a command will show, before it has run."""
        match statement:
            case st.Show():
                return self._commands.run(statement).columns
            case st.Explain():
                return (Column("QUERY PLAN", TEXT),)
            case st.Fetch(is_move=False):
                return self._find_cursor(statement.cursor).portal.columns
            case _:
                return None

    def _queue_description(self, columns: tuple[Column, ...] | None, formats: Sequence[int]) -> None:
        if columns is None:
            self._connection.queue(messages.NO_DATA)
        else:
            self._connection.queue(messages.row_description(columns, format_codes(formats, len(columns))))

    async def _execute(self, bound: Bind, max_rows: int) -> None:
        self._check_transaction(bound.statement)
        limit = max_rows if max_rows > 0 else None
        if bound.portal is not None:
            await self._delivery.start(bound.portal)
            codes = format_codes(bound.result_formats, len(bound.portal.columns))
            await self._delivery.send(bound.portal, codes, limit)
            return
        if bound.statement is None:
            self._connection.queue(messages.EMPTY_QUERY)
            return
        if isinstance(bound.statement, st.Copy):
            await self._copy(bound.statement)
            return
        outcome = await self._outcome(bound.statement, bound.result_formats)
        self._show(outcome, bound.result_formats, with_description=False)
        await self._after(bound.statement)

    async def _close_target(self, message: messages.Close) -> None:
        if message.kind == "S":
            self._prepared.pop(message.name, None)
        else:
            await self._drop_portal(message.name)

    # Running things.

    def _open(self, select: st.Select, values: Sequence[Bound]) -> Portal:
        return Portal(lambda: self._planner.plan(select, values, self._caller))

    def _bound(self, statement: st.Statement | None, values: Sequence[Bound]) -> tuple[st.Select, Sequence[Bound]]:
        """The query that a statement runs, with its values: its own, or the one that EXECUTE names."""
        if isinstance(statement, st.Select):
            return statement, values
        if not isinstance(statement, st.Execute):
            raise TypeError(f"{statement} runs no query")
        prepared = self._find_prepared(statement.name)
        if not isinstance(prepared.statement, st.Select):
            raise NotSupported(f'prepared statement "{statement.name}" is no query')
        wanted, given = len(prepared.types), len(statement.values)
        if wanted != given:
            raise SqlApiError(
                f'wrong number of parameters for prepared statement "{statement.name}"',
                detail=f"Expected {wanted} parameters but got {given}.",
                sqlstate="42601",
            )
        pairs = zip(statement.values, prepared.types, strict=True)
        return prepared.statement, [
            Bound(parameter(None if text is None else text.encode(), kind, encoding.TEXT_FORMAT), kind)
            for text, kind in pairs
        ]

    async def _copy(self, statement: st.Copy) -> None:
        portal = self._open(statement.select, ())
        try:
            await self._delivery.start(portal)
            encoder = CopyEncoder(statement, portal.columns)
            self._connection.queue(encoder.start())
            sent, _ = await self._delivery.stream(portal, encoder.rows(), None)
            self._connection.queue(encoder.end())
            self._connection.queue(messages.command_complete(f"COPY {sent}"))
        finally:
            await self._delivery.close(portal)

    async def _outcome(self, statement: st.Statement, formats: Sequence[int] | None) -> Outcome:
        match statement:
            case st.Declare():
                return await self._declare(statement)
            case st.Fetch():
                return await self._fetch(statement, formats)
            case st.Explain():
                return await self._explain(statement)
            case st.Prepare():
                return self._prepare(statement)
            case _:
                return self._commands.run(statement)

    def _prepare(self, statement: st.Prepare) -> Outcome:
        declared = [_type_named(name).oid for name in statement.types]
        self._keep(statement.name, statement.select, declared)
        return Outcome("PREPARE")

    async def _declare(self, statement: st.Declare) -> Outcome:
        if not self._transaction.is_open and not statement.hold:
            raise TransactionError("DECLARE CURSOR can only be used in transaction blocks")
        if statement.cursor in self._cursors:
            raise SqlApiError(f'cursor "{statement.cursor}" already exists', sqlstate="42P03")
        portal = self._open(statement.select, ())
        await self._delivery.start(portal)
        self._cursors[statement.cursor] = Cursor(portal, statement.binary, statement.hold)
        return Outcome("DECLARE CURSOR")

    async def _fetch(self, statement: st.Fetch, formats: Sequence[int] | None) -> Outcome:
        """Sends its rows itself: they are encoded as they are read."""
        cursor = self._find_cursor(statement.cursor)
        columns = cursor.portal.columns
        if statement.is_move:
            moved, _ = await self._delivery.stream(cursor.portal, lambda _: b"", statement.count)
            return Outcome(f"MOVE {moved}")
        simple = (int(cursor.is_binary),) * len(columns)
        codes = simple if formats is None else format_codes(formats, len(columns))
        if formats is None:
            self._connection.queue(messages.row_description(columns, codes))
        types = [column.type for column in columns]
        sent, _ = await self._delivery.stream(
            cursor.portal, lambda batch: encoding.data_rows(batch, types, codes), statement.count
        )
        return Outcome(f"FETCH {sent}")

    async def _explain(self, statement: st.Explain) -> Outcome:
        loop = asyncio.get_running_loop()
        lines = await loop.run_in_executor(self._pool, self._planner.explain, statement.select, self._caller)
        return Outcome("EXPLAIN", (Column("QUERY PLAN", TEXT),), tuple((line,) for line in lines))

    def _show(self, outcome: Outcome, formats: Sequence[int], *, with_description: bool) -> None:
        if outcome.warning is not None:
            self._connection.queue(messages.notice(*outcome.warning))
        if outcome.columns is not None:
            if with_description:
                self._queue_description(outcome.columns, formats)
            columns = [pa.array([row[at] for row in outcome.rows], pa.string()) for at in range(len(outcome.columns))]
            batch = pa.RecordBatch.from_arrays(columns, [column.name for column in outcome.columns])
            types = [column.type for column in outcome.columns]
            self._connection.queue(encoding.data_rows(batch, types, format_codes(formats, len(types))))
        self._connection.queue(messages.command_complete(outcome.tag))

    # What the session keeps.

    def _find_prepared(self, name: str) -> Prepared:
        try:
            return self._prepared[name]
        except KeyError:
            shown = f'prepared statement "{name}"' if name else "unnamed prepared statement"
            raise UnknownStatement(f"{shown} does not exist") from None

    def _find_portal(self, name: str) -> Bind:
        try:
            return self._portals[name]
        except KeyError:
            raise UnknownCursor(f'portal "{name}" does not exist') from None

    def _find_cursor(self, name: str) -> Cursor:
        try:
            return self._cursors[name]
        except KeyError:
            raise UnknownCursor(f'cursor "{name}" does not exist') from None

    def _forget(self, name: str | None) -> bool:
        if name is None:
            self._prepared.clear()
            return True
        return self._prepared.pop(name, None) is not None

    def _close_cursors(self, name: str | None) -> bool:
        names = list(self._cursors) if name is None else [name]
        found = [self._cursors.pop(known) for known in names if known in self._cursors]
        self._closing += [cursor.portal for cursor in found]
        return bool(found)

    async def _release(self) -> None:
        """Close what commands have let go of: closing blocks, so it is done on a thread."""
        while self._closing:
            await self._delivery.close(self._closing.pop())

    async def _drop_portal(self, name: str) -> None:
        bound = self._portals.pop(name, None)
        if bound is not None and bound.portal is not None:
            await self._delivery.close(bound.portal)

    async def _end_implicit(self) -> None:
        """Outside of a transaction block, portals live until Sync: the warehouse is given back."""
        if not self._transaction.is_open and self._portals:
            await self._close_transaction()

    async def _close_transaction(self) -> None:
        for name in list(self._portals):
            await self._drop_portal(name)
        for name in [name for name, cursor in self._cursors.items() if not cursor.holds]:
            await self._delivery.close(self._cursors.pop(name).portal)

    async def _close_all(self) -> None:
        for cursor in self._cursors.values():
            cursor.holds = False
        await self._release()
        await self._close_transaction()


def _type_named(name: str) -> PgType:
    try:
        return BY_NAME[name.partition("(")[0].strip()]
    except KeyError:
        raise SqlApiError(f'type "{name}" does not exist', sqlstate="42704") from None
