"""`headrace emulator`: BigQuery's emulator on this machine."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from headrace.commands.options import Debug, Quiet
from headrace.config import Settings, load_settings
from headrace.gateways import EMULATOR
from headrace.terminal import Terminal

if TYPE_CHECKING:
    from headrace.bigquery.emulator import Emulator

emulator = typer.Typer(help="Run BigQuery's emulator on this machine.", no_args_is_help=True)


@emulator.command("install")
def emulator_install(quiet: Quiet = False, debug: Debug = False) -> None:
    """Set the emulator up in a virtual environment of its own; `start` does it too."""
    _install(_emulator(), Terminal(quiet=quiet))


@emulator.command("start")
def emulator_start(
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Keep tables in memory only.")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin with no tables, and forget what was built in it.")
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Start it in the background at the endpoint of gateway bigquery_emulator; it is set up the first time."""
    from headrace.bigquery.emulator import forget, is_healthy, start

    one, terminal = _emulator(), Terminal(quiet=quiet)
    if is_healthy(one):
        terminal.say(f"the emulator runs already at {one.url}")
        return
    _install(one, terminal)
    forgetting = partial(forget, _settings(), one) if fresh or ephemeral else None
    if start(one, is_persistent=not ephemeral, before=forgetting):
        terminal.say(f"the emulator runs at {one.url}; build with HEADRACE_GATEWAY=bigquery_emulator")
    else:
        terminal.say(f"the emulator runs already at {one.url}")


@emulator.command("stop")
def emulator_stop(quiet: Quiet = False, debug: Debug = False) -> None:
    """Stop it."""
    from headrace.bigquery.emulator import stop

    stopped = stop(_emulator())
    Terminal(quiet=quiet).say("the emulator has stopped" if stopped else "no emulator was started from here")


@emulator.command("status")
def emulator_status(quiet: Quiet = False, debug: Debug = False) -> None:
    """Say whether it runs. Exit codes: 0 it answers, 1 it does not."""
    from headrace.bigquery.emulator import is_healthy, running

    one, terminal = _emulator(), Terminal(quiet=quiet)
    if not is_healthy(one):
        terminal.out.print(f"no emulator answers at {one.url}")
        raise typer.Exit(1)
    terminal.out.print(escape(f"the emulator answers at {one.url} (process {running(one) or 'of somebody else'})"))


def _emulator() -> Emulator:
    from headrace.bigquery.emulator import emulator_of

    return emulator_of(_settings())


def _settings() -> Settings:
    return load_settings(environ={**os.environ, "HEADRACE_GATEWAY": EMULATOR})


def _install(one: Emulator, terminal: Terminal) -> None:
    from headrace.bigquery.emulator import install

    with terminal.progress() as progress:
        progress.add_task("setting up the emulator (once)", total=None)
        is_new = install(one)
    if is_new:
        terminal.say(f"the emulator is installed in {escape(str(one.environment))}")
