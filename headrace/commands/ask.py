"""Commands that ask and serve the metrics: query, explain, serve, demo."""

from __future__ import annotations

import dataclasses
import sys
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from headrace.commands.options import PRODUCTION, Debug, Environment, Gateway, Quiet
from headrace.config import load_settings
from headrace.terminal import OutputFormat, Terminal

Text = Annotated[str, typer.Argument(help="A Cube REST query as JSON, or semantic SQL; - reads standard input.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)]


class SqlDialect(StrEnum):
    DUCKDB = "duckdb"
    BIGQUERY = "bigquery"


def query(
    text: Text,
    form: Annotated[OutputFormat, typer.Option("--format", "-f", help="How it is printed.")] = OutputFormat.TABLE,
    environment: Environment = PRODUCTION,
    gateway: Gateway = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Ask the metrics: `headrace query 'SELECT company, MEASURE(consent_rate) FROM consent GROUP BY 1'`."""
    from headrace.query import run_query

    terminal = Terminal(quiet=quiet)
    result = run_query(load_settings(), read_text(text), environment=environment, warn=terminal.warn)
    terminal.result(result.columns, result.rows, form)


def explain(
    text: Text,
    dialect: Annotated[
        SqlDialect | None, typer.Option(help="SQL of this engine (default: that of the gateway).", metavar="ENGINE")
    ] = None,
    environment: Environment = PRODUCTION,
    gateway: Gateway = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show how a query is answered: plan, joins, what they multiply, rollups, lineage, SQL."""
    from headrace.query import explain_query

    terminal = Terminal(quiet=quiet)
    found = explain_query(
        load_settings(), read_text(text), environment=environment, warn=terminal.warn, dialect=dialect
    )
    sys.stdout.write(found + "\n")


def serve(
    environment: Environment = PRODUCTION,
    host: Annotated[str | None, typer.Option(help="Address to listen on (default: config.yaml).")] = None,
    rest_port: Port = None,
    sql_port: Port = None,
    gateway: Gateway = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Serve the metrics: Cube's REST API and its Postgres SQL API, until interrupted."""
    from headrace.serve import serve as run_server

    settings = load_settings()
    given = {"host": host, "rest_port": rest_port, "sql_port": sql_port}
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = dataclasses.replace(settings, serve=msgspec.structs.replace(settings.serve, **chosen))
    run_server(settings, Terminal(quiet=quiet), environment)


def demo(gateway: Gateway = None, quiet: Quiet = False, debug: Debug = False) -> None:
    """Sample data, build, server, and the business questions asked over REST and SQL."""
    from headrace.demo import run_demo

    if not run_demo(load_settings(), Terminal(quiet=quiet)):
        raise typer.Exit(1)


def read_text(text: str) -> str:
    """The query itself, or standard input for `-`."""
    return sys.stdin.read() if text == "-" else text
