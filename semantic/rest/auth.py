"""Who may ask: JSON web tokens (HS256) in the header that Cube's clients send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import jwt

from semantic.rest.errors import Forbidden

ALGORITHM = "HS256"
HEADERS = ("authorization", "x-cube-authorization")
DEFAULT_SCOPES = frozenset({"graphql", "meta", "data", "sql"})

ANONYMOUS: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True)
class Authenticator:
    """Reads the security context from a request's headers.

    Without a secret nobody is asked for a token, and a token that is sent is not believed: its context is empty.
    """

    secret: str | None

    def __call__(self, headers: Mapping[str, str]) -> Mapping[str, object]:
        """The token's payload. Raises Forbidden (403) with Cube's words when it is missing, wrong or expired."""
        token = next((headers[name] for name in HEADERS if headers.get(name)), None)
        return self.context(token)

    def context(self, token: str | None) -> Mapping[str, object]:
        """The security context of a bare token or of `<scheme> <token>`."""
        if self.secret is None:
            return ANONYMOUS
        if not token:
            raise Forbidden("Authorization header isn't set")
        try:
            payload: dict[str, object] = jwt.decode(token.split()[-1], self.secret, algorithms=[ALGORITHM])
        except (jwt.InvalidTokenError, IndexError) as error:
            raise Forbidden("Invalid token") from error
        return MappingProxyType(payload)


def require_scope(scope: str) -> None:
    """Raises Forbidden unless `scope` is one that Cube grants by default (there is no configuration of scopes)."""
    if scope not in DEFAULT_SCOPES:
        raise Forbidden(f"API scope is missing: {scope}")
