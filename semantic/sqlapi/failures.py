"""DuckDB's and the compiler's errors in PostgreSQL's terms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from headrace.errors import QueryInterrupted, WarehouseBusy, WarehouseError
from semantic.errors import EngineError, HiddenMemberError, QueryError, SemanticError, UnknownMemberError
from semantic.sqlapi.errors import DatabaseError, QueryCanceled, SqlApiError, Unavailable

_SQLSTATES: tuple[tuple[type[Exception], str], ...] = (
    (duckdb.ParserException, "42601"),
    (duckdb.SyntaxException, "42601"),
    (duckdb.CatalogException, "42883"),
    (duckdb.BinderException, "42804"),
    (duckdb.ConversionException, "22P02"),
    (duckdb.TypeMismatchException, "42804"),
    (duckdb.OutOfRangeException, "22003"),
    (duckdb.InvalidInputException, "22023"),
    (duckdb.OutOfMemoryException, "53200"),
    (duckdb.NotImplementedException, "0A000"),
    (duckdb.NotSupportedError, "0A000"),
    (duckdb.PermissionException, "42501"),
    (duckdb.IOException, "58030"),
)
_SAID = (
    (re.compile(r'Referenced column ".*" (was )?not found|does not have a column named'), "42703"),
    (re.compile(r'Referenced table ".*" not found|Table with name .* does not exist'), "42P01"),
    (re.compile(r"must appear in the GROUP BY clause"), "42803"),
    (re.compile(r"Ambiguous reference to column name"), "42702"),
)
"""What DuckDB has no kind of error for, and PostgreSQL's clients look at."""


@contextmanager
def translated() -> Iterator[None]:
    """Every known error leaves as a SqlApiError."""
    try:
        yield
    except SqlApiError:
        raise
    except (duckdb.Error, WarehouseError, SemanticError) as error:
        raise translate(error) from error
    except (RecursionError, OverflowError) as error:
        raise SqlApiError(f"the statement is too complex: {error}", sqlstate="54001") from error


def translate(error: Exception) -> SqlApiError:
    """The error to send for one of DuckDB, the warehouse or the compiler."""
    if isinstance(error, WarehouseBusy):
        unavailable = Unavailable(str(error), hint="A build is running: ask again when it is done.")
        unavailable.severity = "ERROR"
        return unavailable
    if isinstance(error, duckdb.InterruptException | QueryInterrupted):
        return QueryCanceled("canceling statement due to user request")
    if isinstance(error, WarehouseError | EngineError):
        return DatabaseError(str(error), sqlstate="58000")
    if isinstance(error, QueryError):
        return _of_query(error)
    return _of_duckdb(error)


def _of_query(error: QueryError) -> SqlApiError:
    sqlstate = "42P10"
    if isinstance(error, UnknownMemberError):
        sqlstate = "42703"
    elif isinstance(error, HiddenMemberError):
        sqlstate = "42501"
    return SqlApiError(error.message, hint=error.advice or None, detail=error.place or None, sqlstate=sqlstate)


def _of_duckdb(error: Exception) -> SqlApiError:
    """DuckDB quotes its own SQL below the message, which is not what the client wrote: only the message is kept."""
    sqlstate = next((state for said, state in _SAID if said.search(str(error))), None)
    sqlstate = sqlstate or next((state for kind, state in _SQLSTATES if isinstance(error, kind)), "XX000")
    text = str(error).split("\n\nLINE ")[0].strip()
    kind, _, message = text.partition(": ")
    if kind.endswith(" Error"):
        text = message
    message, _, hint = text.partition("\n")
    if hint.strip().startswith("Candidate functions"):
        hint = ""  # dozens of DuckDB's own signatures
    return DatabaseError(message, hint=hint.strip() or None, sqlstate=sqlstate)
