"""The errors of the SQL API, a branch of the package's tree: each one becomes an ErrorResponse with its SQLSTATE.

SqlApiError                  anything that the client is told about (XX000)
├── ProtocolViolation        a message that cannot be (08P01); the connection ends
├── AuthenticationFailed     wrong user or password (28P01); the connection ends
├── SqlSyntaxError           the statement cannot be read (42601)
├── NotSupported             a statement or function that is not served (0A000)
├── NotAllowed               a statement or function that would leave the semantic layer (42501)
├── UnknownTable             no such view or cube (42P01)
├── UnknownColumn            no such member (42703)
├── UnknownFunction          no such function (42883)
├── AmbiguousColumn          a name that two tables have (42702)
├── MeasureMisuse            a measure that is used as a column, or with the wrong function (42803)
├── BadParameter             a parameter value that its type cannot take (22P02)
├── UnknownStatement         no such prepared statement (26000)
├── UnknownCursor            no such portal or cursor (34000)
├── TransactionError         a transaction statement out of place (25P01, 25P02, 3B001)
├── ReadOnly                 a statement that writes (25006)
├── QueryCanceled            the client, or the time limit, ended it (57014)
├── Unavailable              a build holds the warehouse (57P03), or there is no room for one more client (53300)
└── DatabaseError            the warehouse refused the SQL (its kind decides the SQLSTATE)
"""

from __future__ import annotations

from semantic.errors import SemanticError


class SqlApiError(SemanticError):
    """What the client sees: message, SQLSTATE, and where known the 1-based position, a detail and a hint."""

    sqlstate = "XX000"
    severity = "ERROR"

    def __init__(
        self,
        message: str,
        *,
        position: int | None = None,
        detail: str | None = None,
        hint: str | None = None,
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.detail = detail
        self.hint = hint
        if sqlstate is not None:
            self.sqlstate = sqlstate


class ProtocolViolation(SqlApiError):
    sqlstate = "08P01"
    severity = "FATAL"


class AuthenticationFailed(SqlApiError):
    sqlstate = "28P01"
    severity = "FATAL"


class SqlSyntaxError(SqlApiError):
    sqlstate = "42601"


class NotSupported(SqlApiError):
    sqlstate = "0A000"


class NotAllowed(SqlApiError):
    sqlstate = "42501"


class UnknownTable(SqlApiError):
    sqlstate = "42P01"


class UnknownColumn(SqlApiError):
    sqlstate = "42703"


class UnknownFunction(SqlApiError):
    sqlstate = "42883"


class AmbiguousColumn(SqlApiError):
    sqlstate = "42702"


class MeasureMisuse(SqlApiError):
    sqlstate = "42803"


class BadParameter(SqlApiError):
    sqlstate = "22P02"


class UnknownStatement(SqlApiError):
    sqlstate = "26000"


class UnknownCursor(SqlApiError):
    sqlstate = "34000"


class TransactionError(SqlApiError):
    sqlstate = "25P01"


class ReadOnly(SqlApiError):
    sqlstate = "25006"


class QueryCanceled(SqlApiError):
    sqlstate = "57014"


class Unavailable(SqlApiError):
    sqlstate = "57P03"
    severity = "FATAL"


class DatabaseError(SqlApiError):
    pass
