"""Commands about rollups: build and list."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.commands.options import PRODUCTION, Debug, Environment, Gateway, Quiet
from headrace.config import load_settings
from headrace.terminal import OutputFormat, Terminal, minute

Format = Annotated[OutputFormat, typer.Option("--format", "-f", help="How the result is printed.")]
rollups = typer.Typer(help="Tables that answer queries in place of larger ones.", no_args_is_help=True)


@rollups.command("build")
def rollups_build(
    only: Annotated[
        str | None, typer.Option(help="One rollup, fresh or not, such as consent_events.daily.", metavar="NAME")
    ] = None,
    environment: Environment = PRODUCTION,
    gateway: Gateway = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Build the rollups that the data model declares: those that are missing, not fresh or due, all or none."""
    from headrace.build import show_rollups
    from headrace.rollups import build_rollups

    settings, terminal = load_settings(), Terminal(quiet=quiet)
    show_rollups(build_rollups(settings, environment, only), terminal)
    if not settings.semantic.rollups:
        terminal.warn("nobody reads them yet: set `semantic.rollups: on` in config.yaml")


@rollups.command("list")
def rollups_list(
    form: Annotated[
        OutputFormat, typer.Option("--format", "-f", help="How the result is printed.")
    ] = OutputFormat.TABLE,
    environment: Environment = PRODUCTION,
    gateway: Gateway = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show every rollup of the data model: its table, its rows, and whether it is fresh or what is wrong with it."""
    from headrace.rollups import list_rollups

    columns = ("rollup", "table", "rows", "built at", "state")
    rows = [
        (
            one.name,
            one.table,
            one.record.rows if one.record else None,
            minute(one.record.built_at) if one.record else None,
            one.wrong or "fresh",
        )
        for one in list_rollups(load_settings(), environment)
    ]
    Terminal(quiet=quiet).result(columns, rows, form)
