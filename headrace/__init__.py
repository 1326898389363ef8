"""Headrace: the command line, the configuration, and the way in from Python: `from headrace import connect`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.connection import connect

__all__ = ["connect"]


def __getattr__(name: str) -> Any:
    """Import on demand: the command line must not wait for what it does not use."""
    if name == "connect":
        from headrace.connection import connect

        return connect
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
