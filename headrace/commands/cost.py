"""`headrace cost`: what BigQuery would ask for."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.commands.ask import Text, read_text
from headrace.commands.options import PRODUCTION, Debug, Environment, Gateway, Quiet
from headrace.config import load_settings
from headrace.terminal import OutputFormat, Section, Terminal

MIB = 1024**2

cost = typer.Typer(help="Estimate what BigQuery would bill.", no_args_is_help=True)
Format = Annotated[OutputFormat, typer.Option("--format", "-f", help="How it is printed.")]


@cost.command("plan")
def cost_plan(
    budget: Annotated[
        float | None, typer.Option(help="USD that a run may cost (default: config.yaml); exit code 1 over it.", min=0)
    ] = None,
    form: Format = OutputFormat.TABLE,
    environment: Environment = PRODUCTION,
    gateway: Gateway = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show the bytes billed for each model: its first build, one run of its schedule, and a year of runs."""
    from headrace.cost.report import plan_cost, require_budget

    settings, terminal = load_settings(), Terminal(quiet=quiet)
    found = plan_cost(settings, environment)
    columns = ("model", "kind", "reads MiB", "first build MiB", "a run MiB", "runs a year", "a year MiB")
    rows = [
        (one.name, one.kind, _mib(one.read), _mib(one.full), _mib(one.run), one.runs_per_year, _mib(one.year))
        for one in found.models
    ]
    totals = [("USD", round(found.full_usd, 4), round(found.run_usd, 4), round(found.year_usd, 2), found.source)]
    terminal.sections(
        [
            Section("models", "Bytes billed for each model", columns, rows),
            Section("total", "On-demand price", ("unit", "first build", "a run", "a year", "known by"), totals),
        ],
        form,
    )
    require_budget(found, settings.cost.budget_usd_per_run if budget is None else budget)


@cost.command("query")
def cost_query(
    text: Text,
    form: Format = OutputFormat.TABLE,
    environment: Environment = PRODUCTION,
    gateway: Gateway = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show the bytes that a query would read and be billed, without running it."""
    from headrace.cost.report import query_cost

    terminal = Terminal(quiet=quiet)
    found = query_cost(load_settings(), read_text(text), environment, terminal.warn)
    tables = [(table, read) for bill in found.bills for table, read in bill.tables.items()]
    read, billed = sum(bill.read for bill in found.bills), sum(bill.billed for bill in found.bills)
    totals = [(read, billed, round(found.usd, 6), found.source)]
    terminal.sections(
        [
            Section("tables", "Read of each table", ("table", "bytes read"), tables),
            Section("total", "The query", ("bytes read", "bytes billed", "USD", "known by"), totals),
        ],
        form,
    )


def _mib(size: int) -> float:
    return round(size / MIB, 2)
