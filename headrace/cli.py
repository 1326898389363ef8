"""The `headrace` command line: its commands put together, and errors told without tracebacks."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence

import typer

from headrace.commands import ask, cost, data, emulator, rollups, trust
from headrace.commands.options import show_tracebacks
from headrace.errors import HeadraceError
from headrace.terminal import Terminal

INTERNAL_ERROR = 70
"""Exit code for a defect of ours (EX_SOFTWARE)."""
INTERRUPTED = 130
ROOTS = ("ingestion.errors", "contracts.errors", "semantic.errors", "semantic.sqlapi.errors", "sqlmesh.utils.errors")
"""Modules that hold the exception trees of the packages."""

app = typer.Typer(
    help="Headrace: governed metrics for products that live from offers, events and funnels.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 it failed, 2 wrong usage or configuration, 70 a defect of Headrace, "
    "75 the warehouse is busy. HEADRACE_DEBUG=1 shows tracebacks.",
)
COMMANDS: tuple[Callable[..., None], ...] = (
    data.sample,
    data.ingest,
    data.build,
    data.status,
    ask.query,
    ask.explain,
    ask.serve,
    ask.demo,
    trust.check,
    trust.validate,
    trust.lineage,
    trust.compare,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(data.quarantine, name="quarantine")
app.add_typer(emulator.emulator, name="emulator")
app.add_typer(cost.cost, name="cost")
app.add_typer(rollups.rollups, name="rollups")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: errors are one message without a traceback, unless --debug."""
    try:
        app(args=arguments)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if show_tracebacks():
            traceback.print_exc()
        sys.exit(_report(error))


def _report(error: Exception) -> int:
    """Print what went wrong; returns the exit code."""
    terminal = Terminal()
    if _is_expected(error):
        terminal.fail(str(error))
        return int(getattr(error, "exit_code", 1))
    terminal.fail(f"{type(error).__name__}: {error}")
    terminal.fail("this is a defect of Headrace: run again with --debug and report the traceback")
    return INTERNAL_ERROR


def _is_expected(error: Exception) -> bool:
    """Whether a package raised it on purpose: each has one exception tree."""
    return isinstance(error, HeadraceError | OSError) or any(kind.__module__ in ROOTS for kind in type(error).__mro__)
