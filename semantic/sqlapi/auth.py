"""Who may connect: trust on the loopback interface, or SCRAM-SHA-256 (RFC 5802, RFC 7677) with stored verifiers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from semantic.sqlapi.errors import AuthenticationFailed, ProtocolViolation

MECHANISM = "SCRAM-SHA-256"
ITERATIONS = 4096
"""PostgreSQL's own default."""

_VERIFIER = re.compile(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)")


@dataclass(frozen=True)
class Verifier:
    """What a server keeps of a password: enough to check a proof, not to log in elsewhere."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    @classmethod
    def of_password(cls, password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> Verifier:
        salt = salt or secrets.token_bytes(16)
        normalized = unicodedata.normalize("NFKC", password).encode()
        salted = hashlib.pbkdf2_hmac("sha256", normalized, salt, iterations)
        client_key = _hmac(salted, b"Client Key")
        return cls(iterations, salt, hashlib.sha256(client_key).digest(), _hmac(salted, b"Server Key"))

    @classmethod
    def parse(cls, text: str) -> Verifier | None:
        """A verifier in PostgreSQL's notation (pg_authid.rolpassword), or None for anything else."""
        found = _VERIFIER.fullmatch(text)
        if found is None:
            return None
        try:
            salt, stored, server = (base64.b64decode(part, validate=True) for part in found.groups()[1:])
        except binascii.Error:
            return None
        return cls(int(found[1]), salt, stored, server)


@dataclass(frozen=True)
class Users:
    """User name -> password, or verifier in PostgreSQL's notation. Empty: everybody is trusted."""

    passwords: Mapping[str, str] = field(default_factory=dict)
    _seed: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def are_trusted(self) -> bool:
        return not self.passwords

    @cached_property
    def _verifiers(self) -> Mapping[str, Verifier]:
        return {
            user: Verifier.parse(password) or Verifier.of_password(password)
            for user, password in self.passwords.items()
        }

    def verifier(self, user: str) -> tuple[Verifier, bool]:
        """The user's verifier and True; for an unknown user one that nobody's proof fits, and False.

        The same unknown user gets the same salt each time: nobody can tell from it who exists.
        """
        known = self._verifiers.get(user)
        if known is not None:
            return known, True
        salt = _hmac(self._seed, user.encode())[:16]
        return Verifier(ITERATIONS, salt, secrets.token_bytes(32), secrets.token_bytes(32)), False


class ScramExchange:
    """The server's side of one SCRAM exchange: first message in, challenge out; final message in, signature out."""

    def __init__(self, verifier: Verifier, *, is_known: bool) -> None:
        self._verifier = verifier
        self._is_known = is_known
        self._nonce = ""
        self._messages = ""

    def challenge(self, client_first: bytes) -> bytes:
        """Answers the client's first message. Raises ProtocolViolation when it is malformed."""
        text = _ascii(client_first)
        flag, _, rest = text.partition(",")
        if flag == "y" or flag == "n":
            _, _, bare = rest.partition(",")
        else:
            raise ProtocolViolation("channel binding was not offered: log in with SCRAM-SHA-256 alone")
        fields = _fields(bare)
        if not fields.get("r"):
            raise ProtocolViolation("malformed SCRAM message: no nonce")
        self._nonce = fields["r"] + base64.b64encode(secrets.token_bytes(18)).decode()
        salt = base64.b64encode(self._verifier.salt).decode()
        server_first = f"r={self._nonce},s={salt},i={self._verifier.iterations}"
        self._messages = f"{bare},{server_first}"
        return server_first.encode()

    def finish(self, client_final: bytes) -> bytes:
        """The server's signature. Raises AuthenticationFailed for a wrong proof, ProtocolViolation for a malformed."""
        text = _ascii(client_final)
        without_proof, separator, encoded = text.rpartition(",p=")
        fields = _fields(without_proof)
        if not separator or fields.get("r") != self._nonce or fields.get("c") not in ("biws", "eSws"):
            raise ProtocolViolation("malformed SCRAM message: nonce, channel binding or proof do not fit")
        try:
            proof = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ProtocolViolation("malformed SCRAM message: the proof is not base64") from error
        message = f"{self._messages},{without_proof}".encode()
        signature = _hmac(self._verifier.stored_key, message)
        client_key = bytes(a ^ b for a, b in zip(proof.ljust(32, b"\0")[:32], signature, strict=True))
        is_right = hmac.compare_digest(hashlib.sha256(client_key).digest(), self._verifier.stored_key)
        if not (is_right and self._is_known and len(proof) == 32):
            raise AuthenticationFailed("password authentication failed")
        return b"v=" + base64.b64encode(_hmac(self._verifier.server_key, message))


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _ascii(message: bytes) -> str:
    try:
        return message.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProtocolViolation("malformed SCRAM message: not UTF-8") from error


def _fields(text: str) -> dict[str, str]:
    return {part[0]: part[2:] for part in text.split(",") if part[1:2] == "="}
