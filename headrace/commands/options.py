"""Options that many commands share."""

from __future__ import annotations

import os
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


def _take_gateway(value: str | None) -> str | None:
    """SQLMesh's project and the servers of a demo read the environment: it is the one place that all of them see."""
    if value is not None:
        os.environ["HEADRACE_GATEWAY"] = value
    return value


Gateway = Annotated[
    str | None,
    typer.Option(
        "--gateway", "-g", help="Gateway of config.yaml (default: HEADRACE_GATEWAY, or the file's default_gateway).",
        callback=_take_gateway, metavar="NAME",
    ),
]  # fmt: skip
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and warnings only.")]
Debug = Annotated[bool, typer.Option("--debug", envvar="HEADRACE_DEBUG", help="Show tracebacks.", callback=_set_debug)]
Environment = Annotated[str, typer.Option("--environment", "-e", help="SQLMesh environment.", metavar="NAME")]

__all__ = ["PRODUCTION", "Debug", "Environment", "Gateway", "Quiet", "show_tracebacks"]
