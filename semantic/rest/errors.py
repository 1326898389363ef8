"""What the REST API answers when it cannot answer: one exception a status and shape of body, as in Cube.

RestError                `{"error": ...}` with `status`
├── BadRequest           400: the request or its query is malformed, or the database refuses the SQL
│   └── UserError        400 with `"type": "UserError"`: a member or granularity that is not there
├── Forbidden            403: no token, a wrong or expired one, or a scope that is not granted
├── NotFound             404
├── ClientLeft           499: nobody reads the answer any more
├── ServerFailure        500: what Cube does not blame on the user (hidden members, limits over 50,000, broken bodies)
│   └── Unavailable      503: a build holds the warehouse, or there is none yet
└── ContinueWait         200: the query still runs; the client asks again
"""

from __future__ import annotations

from headrace.errors import HeadraceError, WarehouseError
from semantic.errors import (
    EngineError,
    HiddenMemberError,
    LimitExceededError,
    PlanError,
    QueryError,
    SemanticError,
    UnknownMemberError,
)


class RestError(Exception):
    """An answer that is no result; `status` and `body` are what goes over the wire."""

    default_status = 500

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status or self.default_status

    @property
    def body(self) -> dict[str, str]:
        return {"error": self.message}


class BadRequest(RestError):
    default_status = 400


class UserError(BadRequest):
    @property
    def body(self) -> dict[str, str]:
        return {"type": "UserError", "error": self.message}


class Forbidden(RestError):
    default_status = 403


class NotFound(RestError):
    default_status = 404


class ClientLeft(RestError):
    default_status = 499

    def __init__(self) -> None:
        super().__init__("the client closed the connection")


class ServerFailure(RestError):
    default_status = 500


class Unavailable(ServerFailure):
    default_status = 503


class ContinueWait(RestError):
    default_status = 200

    def __init__(self) -> None:
        super().__init__("Continue wait")


def translate(error: Exception) -> RestError:
    """Any error as the answer that Cube would give. What nobody expected says no more than that."""
    if isinstance(error, RestError):
        return error
    if isinstance(error, PlanError):
        return UserError(f"{error.message} {error.advice}".strip())
    if isinstance(error, UnknownMemberError):
        return UserError(error.message)
    if isinstance(error, HiddenMemberError | LimitExceededError):
        return ServerFailure(f"Error: {error.message.removeprefix('Error: ')}")
    if isinstance(error, QueryError):
        return BadRequest(error.message)
    if isinstance(error, EngineError):
        return BadRequest(f"Error: {error}")
    if isinstance(error, WarehouseError):
        return Unavailable(f"Error: {error}")
    if isinstance(error, HeadraceError | SemanticError):
        return ServerFailure(f"Error: {error}")
    return ServerFailure("Error: internal error; the server's log has the details")
