"""Reads what a client sent: query strings and JSON bodies, with the words of Cube's errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from semantic.rest.errors import BadRequest, ServerFailure

MAX_BODY_BYTES = 50 * 1024 * 1024
"""What Cube lets a body have."""

_REASONS = {  # Python's decoder -> the words of JavaScript's, which Cube's clients show
    "Expecting property name enclosed in double quotes": "Expected property name or '}' in JSON",
    "Illegal trailing comma before end of object": "Expected double-quoted property name in JSON",
    "Illegal trailing comma before end of array": "Unexpected token ']' in JSON",
    "Expecting ':' delimiter": "Expected ':' after property name in JSON",
    "Expecting ',' delimiter": "Expected ',' or ']' after array element in JSON",
    "Unterminated string starting at": "Unterminated string in JSON",
    "Expecting value": "Unexpected token in JSON",
    "Extra data": "Unexpected non-whitespace character after JSON",
}


@dataclass(frozen=True)
class Parameters:
    """The parameters of an endpoint, wherever they came from (URL or body)."""

    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        return value if isinstance(value, str) else None

    def flag(self, name: str) -> bool:
        """True where the parameter is there at all and does not say false (`?extended`)."""
        return name in self.values and self.values[name] not in (False, "false", "0", None)

    def query(self) -> object:
        """The `query` parameter as JSON. Raises BadRequest with Cube's words when it is missing or broken."""
        value = self.values.get("query")
        if value is None or value == "":
            raise BadRequest("Query param is required")
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"Unable to decode query param as JSON, error: {explain(error)}") from error


async def read_parameters(request: Request) -> Parameters:
    """The URL's parameters of a GET, the body's of everything else. Raises ServerFailure for one that is not JSON."""
    if request.method in ("GET", "HEAD", "DELETE"):
        return Parameters(dict(request.query_params))
    return Parameters(decode_body(await _body(request)))


def decode_body(body: bytes) -> Mapping[str, object]:
    if not body.strip():
        return {}
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ServerFailure(f"SyntaxError: {explain(error)}") from error
    return content if isinstance(content, dict) else {}


def explain(error: Exception) -> str:
    """A JSON error as JavaScript's engine words it."""
    if not isinstance(error, json.JSONDecodeError):
        return "Unexpected nesting or encoding in JSON"
    reason = _REASONS.get(error.msg, error.msg)
    return f"{reason} at position {error.pos} (line {error.lineno} column {error.colno})"


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise BadRequest("request entity too large", status=413)
        parts.append(part)
    return b"".join(parts)
