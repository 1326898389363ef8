"""Reads what a client sent: query strings and JSON bodies, with the words of Cube's errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
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
            return decode(value)
        except NotJson as error:
            raise BadRequest(f"Unable to decode query param as JSON, error: {error}") from error


async def read_parameters(request: Request) -> Parameters:
    """The URL's parameters of a GET, the body's of everything else. Raises ServerFailure for one that is not JSON."""
    if request.method in ("GET", "HEAD", "DELETE"):
        return Parameters(dict(request.query_params))
    return Parameters(decode_body(await _body(request)))


def decode_body(body: bytes) -> Mapping[str, object]:
    if not body.strip():
        return {}
    try:
        content = decode(body)
    except NotJson as error:
        raise ServerFailure(f"SyntaxError: {error}") from error
    return content if isinstance(content, dict) else {}


class NotJson(ValueError):
    """Text that is not JSON; the message is what JavaScript's engine says of it."""


def decode(text: str | bytes) -> object:
    """JSON as the standard has it: no NaN, no half of a surrogate pair. Raises NotJson."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise NotJson(_explain(text, error)) from error


def _explain(text: str | bytes, found: Exception) -> str:
    """The place of the error, which Python's own decoder knows."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        reason = _REASONS.get(error.msg, error.msg)
        return f"{reason} at position {error.pos} (line {error.lineno} column {error.colno})"
    except (ValueError, RecursionError):
        return "Unexpected nesting or encoding in JSON"
    return f"{found}"


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise BadRequest("request entity too large", status=413)
        parts.append(part)
    return b"".join(parts)
