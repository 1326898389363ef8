"""A session's variables (SET, SHOW, RESET) and its transaction: what a rollback takes back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import available_timezones

from semantic.sqlapi.errors import SqlApiError, TransactionError

SERVER_VERSION = "15.0"
"""The PostgreSQL whose catalog and messages are spoken; clients choose their queries by it."""

REPORTED = {
    "server_version": "server_version",
    "server_encoding": "server_encoding",
    "client_encoding": "client_encoding",
    "datestyle": "DateStyle",
    "intervalstyle": "IntervalStyle",
    "timezone": "TimeZone",
    "integer_datetimes": "integer_datetimes",
    "standard_conforming_strings": "standard_conforming_strings",
    "is_superuser": "is_superuser",
    "session_authorization": "session_authorization",
    "application_name": "application_name",
}
"""Variables that clients are told of, and the spelling they know."""

_DEFAULTS = {
    "server_version": SERVER_VERSION,
    "server_version_num": "150000",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "integer_datetimes": "on",
    "standard_conforming_strings": "on",
    "is_superuser": "off",
    "application_name": "",
    "bytea_output": "hex",
    "check_function_bodies": "on",
    "default_table_access_method": "heap",
    "default_tablespace": "",
    "default_transaction_deferrable": "off",
    "jit": "off",
    "client_min_messages": "notice",
    "log_statement": "none",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "on",
    "extra_float_digits": "1",
    "lc_collate": "C",
    "lc_ctype": "C",
    "lc_messages": "C",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "lock_timeout": "0",
    "max_identifier_length": "63",
    "max_index_keys": "32",
    "row_security": "on",
    "search_path": '"$user", public',
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "transaction_isolation": "read committed",
    "transaction_read_only": "on",
    "max_connections": "100",
    "ssl": "off",
    "synchronous_commit": "on",
}
_FIXED = frozenset(
    ("server_version", "server_version_num", "server_encoding", "integer_datetimes", "is_superuser", "max_index_keys")
)
_OPTION = re.compile(r"(?:-c\s*|--)([\w.]+)=((?:\\.|\S)*)")
"""How libpq passes variables in the startup message: `-c name=value`."""
_HOURS = re.compile(r"([+-]?)(\d{1,2})(?::?(\d{2}))?")
_POSIX = re.compile(r"(?:[A-Za-z]{3,}|<[+-]?\w+(?::\d\d)?>)[+-]?\d{1,2}(?::\d{2})?")
"""Zones that name their own hours: `UTC+2`, `<+02>-02`."""
_MILLISECONDS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass
class _Savepoint:
    name: str
    values: dict[str, str]


class Variables:
    """Names are lower case. Values are texts, as SHOW gives them."""

    def __init__(self, user: str, startup: Mapping[str, str]) -> None:
        own = {name.lower(): value for name, value in startup.items()}
        own.update((name.lower(), value) for name, value in _OPTION.findall(own.get("options", "")))
        for name in ("user", "database", "options", "replication"):
            own.pop(name, None)
        self._defaults = {**_DEFAULTS, "session_authorization": user, **_checked(own)}
        self._values = dict(self._defaults)

    def show(self, name: str) -> str:
        """Raises SqlApiError 42704 for an unknown name."""
        try:
            return self._values[name]
        except KeyError:
            raise SqlApiError(f'unrecognized configuration parameter "{name}"', sqlstate="42704") from None

    def all(self) -> Mapping[str, str]:
        return self._values

    def set(self, name: str, value: str | None) -> None:
        """None is the default. Raises SqlApiError for what cannot be changed or what the value cannot be."""
        if name in _FIXED:
            raise SqlApiError(f'parameter "{name}" cannot be changed', sqlstate="55P02")
        if name not in self._defaults and "." not in name and value is None:
            raise SqlApiError(f'unrecognized configuration parameter "{name}"', sqlstate="42704")
        self._values[name] = self._defaults.get(name, "") if value is None else _checked({name: value})[name]

    def reset(self, name: str | None) -> None:
        if name is None:
            self._values = dict(self._defaults)
        else:
            self.set(name, None)

    def snapshot(self) -> dict[str, str]:
        return dict(self._values)

    def restore(self, snapshot: Mapping[str, str]) -> None:
        self._values = dict(snapshot)

    @property
    def statement_timeout(self) -> float | None:
        """Seconds, or None for no limit."""
        return _milliseconds(self._values["statement_timeout"]) / 1000 or None

    def reported(self) -> Mapping[str, str]:
        """The variables that clients are told of, in their spelling."""
        return {spelling: self._values[name] for name, spelling in REPORTED.items()}


def _checked(values: Mapping[str, str]) -> dict[str, str]:
    encoding = values.get("client_encoding")
    if encoding is not None:
        encoding = encoding.strip("'")
    if encoding is not None and encoding.upper().replace("-", "").replace("_", "") not in ("UTF8", "UNICODE"):
        raise SqlApiError(f'conversion between UTF8 and "{encoding}" is not supported: use UTF8', sqlstate="22023")
    checked = dict(values)
    if encoding is not None:
        checked["client_encoding"] = "UTF8"
    if "datestyle" in checked:
        if "ISO" not in checked["datestyle"].upper():
            raise SqlApiError("only DateStyle ISO is supported", sqlstate="22023")
        checked["datestyle"] = _DEFAULTS["datestyle"]
    if "timezone" in checked:
        checked["timezone"] = _zone(checked["timezone"])
    if "statement_timeout" in checked:
        _milliseconds(checked["statement_timeout"])
    return checked


def _zone(value: str) -> str:
    """A zone by its name, or by hours east of UTC, as SHOW gives it."""
    text = value.strip().strip("'\"")
    hours = _HOURS.fullmatch(text)
    if hours is not None:
        minutes = (-1 if hours[1] == "-" else 1) * (int(hours[2]) * 60 + int(hours[3] or 0))
        shown = f"{abs(minutes) // 60:02}" + (f":{abs(minutes) % 60:02}" if minutes % 60 else "")
        # POSIX counts hours to the west, and so does SHOW.
        return f"<{'+' if minutes >= 0 else '-'}{shown}>{'-' if minutes >= 0 else '+'}{shown}"
    known = _zones().get(text.lower())
    if known is None and not _POSIX.fullmatch(text):
        raise SqlApiError(f'invalid value for parameter "TimeZone": "{text}"', sqlstate="22023")
    return known or text


@lru_cache(maxsize=1)
def _zones() -> Mapping[str, str]:
    return {name.lower(): name for name in available_timezones()}


def _milliseconds(value: str) -> float:
    number = value.strip().rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = value.strip()[len(number) :].strip()
    try:
        return float(number) * _MILLISECONDS[unit or "ms"]
    except (ValueError, KeyError) as error:
        raise SqlApiError(f'invalid value for a duration: "{value}"', sqlstate="22023") from error


class Transaction:
    """None, running or failed; savepoints; and the variables that a rollback gives back."""

    def __init__(self, variables: Variables) -> None:
        self._variables = variables
        self._savepoints: list[_Savepoint] = []
        self._local_names: set[str] = set()
        self.status: bytes = b"I"

    @property
    def is_open(self) -> bool:
        return self.status != b"I"

    @property
    def is_failed(self) -> bool:
        return self.status == b"E"

    def begin(self) -> bool:
        """False when one is open already (a warning)."""
        if self.is_open:
            return False
        self.status = b"T"
        self._savepoints = [_Savepoint("", self._variables.snapshot())]
        self._local_names = set()
        return True

    def set_local(self, name: str) -> None:
        """Remember that a variable is back to its value of before at the transaction's end."""
        self._local_names.add(name)

    def fail(self) -> None:
        if self.is_open:
            self.status = b"E"

    def end(self, *, commit: bool) -> str:
        """The command tag: a commit of a failed transaction is a rollback."""
        keeps = commit and not self.is_failed
        if self._savepoints:
            before = self._savepoints[0].values
            if not keeps:
                self._variables.restore(before)
            for name in self._local_names if keeps else ():
                self._variables.set(name, before.get(name))
        self.status = b"I"
        self._savepoints = []
        self._local_names = set()
        return "COMMIT" if keeps else "ROLLBACK"

    def save(self, name: str) -> None:
        self._require("SAVEPOINT")
        self._savepoints.append(_Savepoint(name, self._variables.snapshot()))

    def release(self, name: str) -> None:
        self._require("RELEASE SAVEPOINT")
        del self._savepoints[self._find(name) :]

    def rollback_to(self, name: str) -> None:
        self._require("ROLLBACK TO SAVEPOINT")
        index = self._find(name)
        self._variables.restore(self._savepoints[index].values)
        del self._savepoints[index + 1 :]
        self.status = b"T"

    def _require(self, what: str) -> None:
        if not self.is_open:
            raise TransactionError(f"{what} can only be used in transaction blocks")

    def _find(self, name: str) -> int:
        for index in range(len(self._savepoints) - 1, 0, -1):
            if self._savepoints[index].name == name:
                return index
        raise TransactionError(f'savepoint "{name}" does not exist', sqlstate="3B001")
