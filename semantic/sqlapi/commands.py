"""The statements that manage a session: what each one changes, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from semantic.sqlapi import kinds as st
from semantic.sqlapi.errors import SqlApiError, TransactionError, UnknownCursor, UnknownStatement
from semantic.sqlapi.messages import Column
from semantic.sqlapi.types import TEXT
from semantic.sqlapi.variables import REPORTED, Transaction, Variables


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
        match statement:
            case st.Begin():
                return self._begin()
            case st.Commit():
                return self._end(commit=True)
            case st.Rollback():
                return self._rollback(statement)
            case st.Savepoint():
                self._transaction.save(statement.name)
                return Outcome("SAVEPOINT")
            case st.Release():
                self._transaction.release(statement.savepoint)
                return Outcome("RELEASE")
            case st.SetVariable():
                return self._set(statement)
            case st.SetTransaction():
                # Every transaction here is read only and reads what is committed: nothing to change.
                return Outcome("SET")
            case st.Reset():
                self._variables.reset(statement.name)
                return Outcome("RESET")
            case st.Show():
                return self._show(statement)
            case st.CloseCursor():
                return self._close_cursor(statement)
            case st.Deallocate():
                return self._deallocate(statement)
            case st.Discard():
                return self._discard(statement)
            case _:
                return Outcome("UNLISTEN")

    def _begin(self) -> Outcome:
        if self._transaction.begin():
            return Outcome("BEGIN")
        return Outcome("BEGIN", warning=("there is already a transaction in progress", "25001"))

    def _end(self, *, commit: bool) -> Outcome:
        was_open = self._transaction.is_open
        tag = self._transaction.end(commit=commit)
        if was_open:
            return Outcome(tag)
        return Outcome("COMMIT" if commit else "ROLLBACK", warning=("there is no transaction in progress", "25P01"))

    def _rollback(self, statement: st.Rollback) -> Outcome:
        if statement.savepoint is None:
            return self._end(commit=False)
        self._transaction.rollback_to(statement.savepoint)
        return Outcome("ROLLBACK")

    def _set(self, statement: st.SetVariable) -> Outcome:
        if statement.is_local and not self._transaction.is_open:
            return Outcome("SET", warning=("SET LOCAL can only be used in transaction blocks", "25P01"))
        self._variables.set(statement.name, statement.value)
        if statement.is_local:
            self._transaction.set_local(statement.name)
        return Outcome("SET")

    def _show(self, statement: st.Show) -> Outcome:
        if statement.name == "all":
            columns = tuple(Column(name, TEXT) for name in ("name", "setting", "description"))
            settings = sorted(self._variables.all().items())
            return Outcome("SHOW", columns, tuple((name, value, "") for name, value in settings))
        value = self._variables.show(statement.name)
        return Outcome("SHOW", (Column(REPORTED.get(statement.name, statement.name), TEXT),), ((value,),))

    def _close_cursor(self, statement: st.CloseCursor) -> Outcome:
        if not self._close(statement.name) and statement.name is not None:
            raise UnknownCursor(f'cursor "{statement.name}" does not exist')
        return Outcome("CLOSE CURSOR" if statement.name else "CLOSE CURSOR ALL")

    def _deallocate(self, statement: st.Deallocate) -> Outcome:
        if not self._forget(statement.name) and statement.name is not None:
            raise UnknownStatement(f'prepared statement "{statement.name}" does not exist')
        return Outcome("DEALLOCATE" if statement.name else "DEALLOCATE ALL")

    def _discard(self, statement: st.Discard) -> Outcome:
        if statement.what not in ("ALL", "PLANS", "SEQUENCES", "TEMP", "TEMPORARY"):
            raise SqlApiError(f"DISCARD {statement.what} is not known", sqlstate="42601")
        if statement.what == "ALL":
            if self._transaction.is_open:
                raise TransactionError("DISCARD ALL cannot run inside a transaction block", sqlstate="25001")
            self._close(None)
            self._forget(None)
            self._variables.reset(None)
        return Outcome(f"DISCARD {statement.what}")
