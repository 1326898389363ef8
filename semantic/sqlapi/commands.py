"""The statements that manage a session: what each one changes, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from semantic.sqlapi import statements as st
from semantic.sqlapi.errors import SqlApiError, TransactionError, UnknownCursor, UnknownStatement
from semantic.sqlapi.messages import Column
from semantic.sqlapi.types import TEXT
from semantic.sqlapi.variables import Transaction, Variables


@dataclass(frozen=True)
class Outcome:
    """A command's tag, and the rows it shows, if it shows any. `warning` is a text and its SQLSTATE."""

    tag: str
    columns: tuple[Column, ...] | None = None
    rows: tuple[tuple[str, ...], ...] = ()
    warning: tuple[str, str] | None = None


class Commands:
    """The state of one session that its commands change. `forget` drops prepared statements, `close` cursors; None
    means all of them."""

    def __init__(
        self,
        variables: Variables,
        transaction: Transaction,
        forget: Callable[[str | None], bool],
        close: Callable[[str | None], bool],
    ) -> None:
        self._variables = variables
        self._transaction = transaction
        self._forget = forget
        self._close = close

    def run(self, statement: st.Statement) -> Outcome:
        """Raises SqlApiError; the caller has checked that the transaction may go on."""
        return _RUN[type(statement)](self, statement)

    def begin(self, _: st.Statement) -> Outcome:
        if self._transaction.begin():
            return Outcome("BEGIN")
        return Outcome("BEGIN", warning=("there is already a transaction in progress", "25001"))

    def commit(self, _: st.Statement) -> Outcome:
        return self._end(commit=True)

    def _end(self, *, commit: bool) -> Outcome:
        was_open = self._transaction.is_open
        tag = self._transaction.end(commit=commit)
        if was_open:
            return Outcome(tag)
        return Outcome("COMMIT" if commit else "ROLLBACK", warning=("there is no transaction in progress", "25P01"))

    def rollback(self, statement: st.Statement) -> Outcome:
        assert isinstance(statement, st.Rollback)
        if statement.savepoint is None:
            return self._end(commit=False)
        self._transaction.rollback_to(statement.savepoint)
        return Outcome("ROLLBACK")

    def savepoint(self, statement: st.Statement) -> Outcome:
        assert isinstance(statement, st.Savepoint)
        self._transaction.save(statement.name)
        return Outcome("SAVEPOINT")

    def release(self, statement: st.Statement) -> Outcome:
        assert isinstance(statement, st.Release)
        self._transaction.release(statement.savepoint)
        return Outcome("RELEASE")

    def set(self, statement: st.Statement) -> Outcome:
        assert isinstance(statement, st.SetVariable)
        if statement.is_local and not self._transaction.is_open:
            return Outcome("SET", warning=("SET LOCAL can only be used in transaction blocks", "25P01"))
        self._variables.set(statement.name, statement.value)
        if statement.is_local:
            self._transaction.set_local(statement.name)
        return Outcome("SET")

    def set_transaction(self, _: st.Statement) -> Outcome:
        """Every transaction here is read only and reads what is committed: nothing to change."""
        return Outcome("SET")

    def reset(self, statement: st.Statement) -> Outcome:
        assert isinstance(statement, st.Reset)
        self._variables.reset(statement.name)
        return Outcome("RESET")

    def show(self, statement: st.Statement) -> Outcome:
        assert isinstance(statement, st.Show)
        if statement.name == "all":
            columns = tuple(Column(name, TEXT) for name in ("name", "setting", "description"))
            settings = sorted(self._variables.all().items())
            return Outcome("SHOW", columns, tuple((name, value, "") for name, value in settings))
        value = self._variables.show(statement.name)
        return Outcome("SHOW", (Column(statement.name, TEXT),), ((value,),))

    def close_cursor(self, statement: st.Statement) -> Outcome:
        assert isinstance(statement, st.CloseCursor)
        if not self._close(statement.name) and statement.name is not None:
            raise UnknownCursor(f'cursor "{statement.name}" does not exist')
        return Outcome("CLOSE CURSOR" if statement.name else "CLOSE CURSOR ALL")

    def deallocate(self, statement: st.Statement) -> Outcome:
        assert isinstance(statement, st.Deallocate)
        if not self._forget(statement.name) and statement.name is not None:
            raise UnknownStatement(f'prepared statement "{statement.name}" does not exist')
        return Outcome("DEALLOCATE" if statement.name else "DEALLOCATE ALL")

    def discard(self, statement: st.Statement) -> Outcome:
        assert isinstance(statement, st.Discard)
        if statement.what not in ("ALL", "PLANS", "SEQUENCES", "TEMP", "TEMPORARY"):
            raise SqlApiError(f"DISCARD {statement.what} is not known", sqlstate="42601")
        if statement.what == "ALL":
            if self._transaction.is_open:
                raise TransactionError("DISCARD ALL cannot run inside a transaction block", sqlstate="25001")
            self._close(None)
            self._forget(None)
            self._variables.reset(None)
        return Outcome(f"DISCARD {statement.what}")

    def unlisten(self, _: st.Statement) -> Outcome:
        return Outcome("UNLISTEN")


_RUN: Mapping[type, Callable[[Commands, st.Statement], Outcome]] = {
    st.Begin: Commands.begin,
    st.Commit: Commands.commit,
    st.Rollback: Commands.rollback,
    st.Savepoint: Commands.savepoint,
    st.Release: Commands.release,
    st.SetVariable: Commands.set,
    st.SetTransaction: Commands.set_transaction,
    st.Reset: Commands.reset,
    st.Show: Commands.show,
    st.CloseCursor: Commands.close_cursor,
    st.Deallocate: Commands.deallocate,
    st.Discard: Commands.discard,
    st.Unlisten: Commands.unlisten,
}
