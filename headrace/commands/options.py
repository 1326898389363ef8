"""Options that many commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.warehouse import PRODUCTION

_debug = {"on": False}


def show_tracebacks() -> bool:
    """Whether --debug was given."""
    return _debug["on"]


def _set_debug(value: bool) -> bool:
    _debug["on"] = value
    return value


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and warnings only.")]
Debug = Annotated[bool, typer.Option("--debug", envvar="HEADRACE_DEBUG", help="Show tracebacks.", callback=_set_debug)]
Environment = Annotated[str, typer.Option("--environment", "-e", help="SQLMesh environment.", metavar="NAME")]

__all__ = ["PRODUCTION", "Debug", "Environment", "Quiet", "show_tracebacks"]
