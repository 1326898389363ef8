"""Commands that say whether to trust the numbers: check, validate, lineage, compare."""

from __future__ import annotations

import csv
import sys
from enum import StrEnum
from typing import Annotated

import typer

from headrace.commands.options import PRODUCTION, Debug, Environment, Gateway, Quiet
from headrace.config import load_settings
from headrace.terminal import Terminal


class CheckFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


class LineageFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    MERMAID = "mermaid"


def check(
    base: Annotated[
        str | None, typer.Option(help="Git revision to compare with: which changes break whom.", metavar="REVISION")
    ] = None,
    data: Annotated[bool, typer.Option("--data", help="Check the data of an environment too.")] = False,
    form: Annotated[CheckFormat, typer.Option("--format", "-f", help="How it is printed.")] = CheckFormat.TEXT,
    environment: Environment = PRODUCTION,
    gateway: Gateway = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Check contracts against models, cubes against contracts, and both against an older revision.

    Exit codes: 0 nothing is wrong, 1 something is wrong, 3 only changes against the base revision are.
    """
    from headrace.check import run_check

    report = run_check(load_settings(), base=base, data=data, fmt=form.value, environment=environment)
    sys.stdout.write(report.text.rstrip("\n") + "\n")
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def validate(gateway: Gateway = None, quiet: Quiet = False, debug: Debug = False) -> None:
    """Check the data model alone: every problem with its file, line, property and rule.

    When there is a warehouse, also that it has the tables and columns.
    """
    from headrace.semantics import validate_data_model

    terminal = Terminal(quiet=quiet)
    problems = validate_data_model(load_settings())
    for problem in problems:
        terminal.fail(problem)
    if problems:
        raise typer.Exit(1)
    terminal.say("the data model is valid")


def lineage(
    name: Annotated[str, typer.Argument(help="A measure or dimension (consent.consent_rate), or a column of a table.")],
    form: Annotated[LineageFormat, typer.Option("--format", "-f", help="How it is printed.")] = LineageFormat.TEXT,
    indirect: Annotated[
        bool, typer.Option("--indirect", help="Also columns that only decide which rows there are.")
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Trace a measure back to raw columns, or a raw column forward to measures."""
    from headrace.lineage import lineage as trace

    sys.stdout.write(trace(load_settings(), name, form=form.value, indirect=indirect).rstrip("\n") + "\n")


def compare(
    left: Annotated[str, typer.Argument(help="A relation: core.orders, or core.orders@dev in an environment.")],
    right: Annotated[str, typer.Argument(help="The relation to compare it with.")],
    key: Annotated[str, typer.Option(help="Columns that tell rows apart, with commas.", metavar="COLUMNS")],
    exclude: Annotated[str, typer.Option(help="Columns to leave out, with commas.", metavar="COLUMNS")] = "",
    tolerance: Annotated[float, typer.Option(help="How much numbers may differ, absolute or relative.", min=0)] = 0.0,
    sample: Annotated[int, typer.Option(help="Differing values to show.", min=0)] = 5,
    gateway: Gateway = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare two relations, or a model in two environments: rows, totals, then column by column.

    Exit codes: 0 they hold the same data, 1 they differ, 2 they cannot be compared.
    """
    from headrace.compare import compare as run_compare
    from headrace.compare import open_sides, show

    settings = load_settings()
    with open_sides(settings) as reader:
        found = run_compare(
            reader, left, right, key=_names(key), exclude=_names(exclude), tolerance=tolerance, sample=sample
        )
    show(found, Terminal(quiet=quiet))
    if not found.is_equal:
        raise typer.Exit(found.exit_code)


def _names(text: str) -> list[str]:
    """Names with commas between them; a name that holds a comma stands in double quotes."""
    return [name.strip() for name in next(csv.reader([text], skipinitialspace=True), []) if name.strip()]
