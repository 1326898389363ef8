"""What people see: tables, progress and errors on the terminal (Rich), results as table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

Row = Sequence[object]

WIDTH_WITHOUT_TERMINAL = 140


class OutputFormat(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True)
class Section:
    """One table of a result that has several; `empty` is what people read when it has no rows."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    empty: str = ""


class Terminal:
    """Results go to standard output, all else that is said to standard error; `quiet` leaves that out."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.out = _console()
        self.err = _console(stderr=True, quiet=quiet)

    def say(self, message: str) -> None:
        """A line for people, with Rich's markup; escape what comes from data."""
        self.err.print(message)

    def warn(self, message: str) -> None:
        """Shown with --quiet too: a warning is part of the result."""
        _console(stderr=True).print(f"[yellow]warning:[/] {escape(message)}", soft_wrap=True)

    def fail(self, message: str) -> None:
        _console(stderr=True).print(f"[red]error:[/] {escape(message)}", soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """A table for people beside the result."""
        self.err.print(rich_table(columns, rows, title=title))

    def result(self, columns: Sequence[str], rows: Sequence[Row], form: OutputFormat) -> None:
        """The result itself: numbers right-aligned in a table, one object per row in JSON, RFC 4180 in CSV."""
        if form is OutputFormat.TABLE:
            self.out.print(rich_table(columns, rows))
        elif form is OutputFormat.JSON:
            _write_json(_records(columns, rows))
        else:
            sys.stdout.write(csv_text(columns, rows))

    def sections(self, sections: Sequence[Section], form: OutputFormat) -> None:
        """A result of several tables: one below the other, one JSON object of lists; in CSV the first alone."""
        if form is OutputFormat.CSV:
            self.result(sections[0].columns, sections[0].rows, form)
        elif form is OutputFormat.JSON:
            _write_json({section.name: _records(section.columns, section.rows) for section in sections})
        else:
            for section in sections:
                if section.rows or not section.empty:
                    self.out.print(rich_table(section.columns, section.rows, title=section.title))
                else:
                    self.out.print(escape(section.empty))

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """A progress display that leaves nothing behind."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.err, transient=True, disable=self.quiet) as progress:
            yield progress


def minute(at: datetime | None) -> str | None:
    """A time as tables show it."""
    return at.strftime("%Y-%m-%d %H:%M") if at else None


def _records(columns: Sequence[str], rows: Iterable[Row]) -> list[dict[str, object]]:
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _write_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False, indent=2) + "\n")


def _console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """A console as wide as the terminal; wide enough for tables where there is none, as in a log."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr, quiet=quiet, highlight=False, width=None if stream.isatty() else WIDTH_WITHOUT_TERMINAL
    )


def rich_table(columns: Sequence[str], rows: Iterable[Row], *, title: str | None = None) -> Table:
    """A Rich table; a column that holds only numbers is right-aligned."""
    rows = list(rows)
    table = Table(title=title, title_justify="left")
    for index, name in enumerate(columns):
        values = [row[index] for row in rows if row[index] is not None]
        numeric = bool(values) and all(_is_number(value) for value in values)
        table.add_column(escape(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def csv_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """RFC 4180 with a header; NULL is the empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(value) for value in row] for row in rows)
    return text.getvalue()


def _is_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return value.replace(",", "").removeprefix("-").replace(".", "", 1).removesuffix("%").strip().isdecimal()
    return isinstance(value, int | float | Decimal)


def _cell(value: object) -> str:
    if value is None:
        return "[dim]∅[/]"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return escape(str(_plain(value)))


def _plain(value: object) -> object:
    """A decimal without an exponent: zero of nine places is 0E-9 otherwise."""
    return f"{value:f}" if isinstance(value, Decimal) else value
