"""Quoting for the DuckDB statements of ingestion."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def name(identifier: str) -> str:
    """A quoted identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def names(identifiers: Iterable[str], prefix: str = "") -> str:
    """Quoted identifiers, separated by commas, each behind `prefix`."""
    return ", ".join(prefix + name(identifier) for identifier in identifiers)


def text(value: str | Path) -> str:
    """A string literal."""
    return "'" + str(value).replace("'", "''") + "'"


def struct(fields: dict[str, str]) -> str:
    """A struct literal of string literals, as DuckDB's `columns` and `kv_metadata` options take it."""
    return "{" + ", ".join(f"{text(key)}: {text(value)}" for key, value in fields.items()) + "}"
