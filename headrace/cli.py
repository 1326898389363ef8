"""The `headrace` command line: each command reads its arguments, calls one function and prints what it returns."""

from __future__ import annotations

import dataclasses
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from headrace.config import load_settings
from headrace.errors import HeadraceError
from headrace.terminal import OutputFormat, Terminal

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

_debug = {"on": False}


def _set_debug(value: bool) -> bool:
    _debug["on"] = _debug["on"] or value
    return value


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and warnings only.")]
Debug = Annotated[bool, typer.Option("--debug", envvar="HEADRACE_DEBUG", help="Show tracebacks.", callback=_set_debug)]
Environment = Annotated[str, typer.Option("--environment", "-e", help="SQLMesh environment.", metavar="NAME")]


@app.command()
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


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help="Name of a declared source, such as consent.")],
    path: Annotated[Path, typer.Option("--from", help="File or folder to load.", metavar="PATH")],
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Load what is new in a folder into raw tables; what breaks the contract goes to quarantine with its reasons."""
    from headrace.build import ensure_raw_tables, ingest_source

    settings = load_settings()
    report = ingest_source(settings, source, path, Terminal(quiet=quiet))
    ensure_raw_tables(settings)
    if report.failures:
        raise typer.Exit(1)


@app.command()
def build(
    environment: Environment = "prod",
    restate: Annotated[
        bool, typer.Option("--restate", help="Also compute again the days of rows that came later than the lookback.")
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Ingest everything new, bring the models up to date, check the contracts, show the rows of each table."""
    from headrace.build import build as run_build

    if not run_build(load_settings(), environment=environment, restate=restate, terminal=Terminal(quiet=quiet)):
        raise typer.Exit(1)


@app.command()
def query(
    text: Annotated[
        str, typer.Argument(help="A Cube REST query as JSON, or semantic SQL; - reads it from standard input.")
    ],
    form: Annotated[
        OutputFormat, typer.Option("--format", "-f", help="How the result is printed.")
    ] = OutputFormat.TABLE,
    environment: Environment = "prod",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Ask the metrics: `headrace query 'SELECT company, MEASURE(consent_rate) FROM consent GROUP BY 1'`."""
    from headrace.query import run_query

    terminal = Terminal(quiet=quiet)
    asked = sys.stdin.read() if text == "-" else text
    result = run_query(load_settings(), asked, environment=environment, warn=terminal.warn)
    terminal.result(result.columns, result.rows, form)


@app.command()
def serve(
    environment: Environment = "prod",
    host: Annotated[str | None, typer.Option(help="Address to listen on (default: config.yaml).")] = None,
    rest_port: Annotated[
        int | None, typer.Option(help="Port of the REST API; 0 takes a free one.", min=0, max=65535)
    ] = None,
    sql_port: Annotated[
        int | None, typer.Option(help="Port of the SQL API; 0 takes a free one.", min=0, max=65535)
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Serve the metrics: Cube's REST API and its Postgres SQL API, until interrupted."""
    from headrace.serve import serve as run_server

    settings = load_settings()
    given = {"host": host, "rest_port": rest_port, "sql_port": sql_port}
    chosen = msgspec.structs.replace(
        settings.serve, **{name: value for name, value in given.items() if value is not None}
    )
    run_server(dataclasses.replace(settings, serve=chosen), Terminal(quiet=quiet), environment)


@app.command()
def demo(quiet: Quiet = False, debug: Debug = False) -> None:
    """Sample data, build, server, and the business questions asked over REST and SQL."""
    from headrace.demo import run_demo

    if not run_demo(load_settings(), Terminal(quiet=quiet)):
        raise typer.Exit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: errors are one message without a traceback, unless --debug."""
    _debug["on"] = False
    try:
        app(args=arguments)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if _debug["on"]:
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


def _share(text: str) -> float:
    """ "1%" or "0.01" -> 0.01."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise typer.BadParameter(f"{text!r} is not a share: write it as 1% or 0.01")
    return value
