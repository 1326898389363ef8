"""Commands that bring data in: sample, ingest, build, status, quarantine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from headrace.commands.options import PRODUCTION, Debug, Environment, Gateway, Quiet
from headrace.config import load_settings
from headrace.terminal import OutputFormat, Terminal, minute

Format = Annotated[OutputFormat, typer.Option("--format", "-f", help="How the result is printed.")]
LONGEST_VALUE = 60
RawTable = Annotated[str | None, typer.Option("--table", help="One raw table, such as consent__events.")]


def sample(
    scale: Annotated[float, typer.Option(help="How much: 1 is a demo, 100 is tens of millions of events.")] = 1,
    days: Annotated[int, typer.Option(help="Days of events.", min=1)] = 120,
    late: Annotated[str, typer.Option(help="Share of rows that arrive days late, as 1% or 0.01.")] = "1%",
    dirty: Annotated[str, typer.Option(help="Share of rows that break a contract.")] = "0.5%",
    seed: Annotated[int, typer.Option(help="The same seed writes the same files.")] = 7,
    to: Annotated[Path | None, typer.Option(help="Folder to write to (default: the sample folder).")] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write sample data of every source, in the shapes and with the dirt of real exports."""
    from ingestion.sample import write_sample

    terminal = Terminal(quiet=quiet)
    folder = to or load_settings().sample
    report = write_sample(folder, scale=scale, days=days, late=_share(late), dirty=_share(dirty), seed=seed)
    terminal.table(f"Sample data in {escape(str(folder))}", ("source", "file", "rows"), report.rows())
    for name, truth in report.truths.items():
        terminal.say(f"hidden in it for analysis to find: {escape(name)} = {escape(truth)}")


def ingest(
    source: Annotated[str | None, typer.Argument(help="Name of a declared source, such as consent.")] = None,
    path: Annotated[
        str | None, typer.Option("--from", help="File, folder, database or URL to load.", metavar="PATH")
    ] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Rebuild the raw tables from the lake alone.")] = False,
    gateway: Gateway = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Load what is new into raw tables; what breaks the contract goes to quarantine with its reasons."""
    from headrace.bigquery.shipping import ship_landed
    from headrace.build import ensure_raw_tables, ingest_source, replay_lake

    settings, terminal = load_settings(), Terminal(quiet=quiet)
    if replay:
        if path is not None:
            raise typer.BadParameter("--replay reads the lake: leave --from out")
        replay_lake(settings, source, terminal)
        return
    if source is None or path is None:
        raise typer.BadParameter("name a source and a path: headrace ingest consent --from FOLDER")
    report = ingest_source(settings, source, path, terminal)
    ensure_raw_tables(settings)
    ship_landed(settings, terminal)
    if report.failures:
        raise typer.Exit(1)


def build(
    environment: Environment = PRODUCTION,
    restate: Annotated[
        bool, typer.Option("--restate", help="Also compute again the days of rows that came later than the lookback.")
    ] = False,
    gateway: Gateway = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Ingest everything new, bring the models up to date, check the contracts, show the rows of each table."""
    from headrace.build import build as run_build

    if not run_build(load_settings(), environment=environment, restate=restate, terminal=Terminal(quiet=quiet)):
        raise typer.Exit(1)


def status(
    source: Annotated[str | None, typer.Argument(help="One source (default: all).")] = None,
    form: Format = OutputFormat.TABLE,
    gateway: Gateway = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show what was loaded, how far each environment is built, and which rules of the contracts are broken.

    JSON is one object of three lists; CSV is the first table alone.
    """
    from headrace.status import warehouse_status

    Terminal(quiet=quiet).sections(warehouse_status(load_settings(), source, datetime.now(UTC)), form)


quarantine = typer.Typer(help="Work off rows that broke a contract.", no_args_is_help=True)


@quarantine.command("list")
def quarantine_list(
    table: RawTable = None,
    form: Format = OutputFormat.TABLE,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Count the rejected rows by table, rule and file."""
    from ingestion.retry import list_quarantine

    columns = ("table", "rule", "file", "rows", "first row", "latest")
    rows = [
        (one.table, one.rule, one.file, one.rows, one.first_row, minute(one.latest_at))
        for one in list_quarantine(load_settings(), table=table)
    ]
    Terminal(quiet=quiet).result(columns, rows, form)


@quarantine.command("show")
def quarantine_show(
    table: Annotated[str, typer.Argument(help="A raw table, such as consent__events.")],
    rule: Annotated[str | None, typer.Option(help="Only rows that broke this rule.")] = None,
    limit: Annotated[int, typer.Option(help="Rows to show.", min=1)] = 20,
    form: Format = OutputFormat.TABLE,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show rejected rows with their reasons and their values as they were read."""
    from ingestion.retry import show_quarantine

    columns = ("file", "row", "line", "reasons", "values")
    longest = LONGEST_VALUE if form is OutputFormat.TABLE else None
    rows = [
        (one.file, one.row_number, one.line_number, "; ".join(one.reasons), _values(one.original, longest))
        for one in show_quarantine(load_settings(), table, rule=rule, limit=limit)
    ]
    Terminal(quiet=quiet).result(columns, rows, form)


@quarantine.command("retry")
def quarantine_retry(
    table: RawTable = None, gateway: Gateway = None, quiet: Quiet = False, debug: Debug = False
) -> None:
    """Judge the rejected rows again by the present contracts, and load those that keep them now."""
    from headrace.bigquery.shipping import ship_landed
    from headrace.build import show_report
    from ingestion.retry import retry_quarantine

    settings, terminal = load_settings(), Terminal(quiet=quiet)
    reports = retry_quarantine(settings, table=table)
    for report in reports:
        show_report(report, terminal)
    ship_landed(settings, terminal)
    if not reports:
        terminal.say("there is nothing in quarantine")


def _share(text: str) -> float:
    """ "1%" or "0.01" -> 0.01."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise typer.BadParameter(f"{text!r} is not a share: write it as 1% or 0.01")
    return value


def _values(original: str, longest: int | None) -> str:
    """The row without what it left out, each value cut to `longest` characters."""
    present = {name: str(value) for name, value in json.loads(original).items() if value is not None}
    return ", ".join(f"{name}={_cut(value, longest)}" for name, value in present.items())


def _cut(value: str, longest: int | None) -> str:
    return value if longest is None or len(value) <= longest else f"{value[:longest]}..."
