"""`headrace demo`: sample data, a build, a server, and the business questions asked over REST and over SQL."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

import httpx
import msgspec
import psycopg
from rich.markup import escape
from rich.syntax import Syntax

from headrace.build import build
from headrace.config import Settings
from headrace.errors import HeadraceError
from headrace.questions import Question, load_questions
from headrace.terminal import Terminal, rich_table
from headrace.warehouse import PRODUCTION
from ingestion.sample import write_sample

SCALE = 0.5
"""Of the sample: enough for every truth in it to show, and quick."""
ROWS_SHOWN = 8
START_SECONDS = 60
Rows = list[tuple[object, ...]]


@dataclass(frozen=True)
class Server:
    """Where the demo's server listens."""

    rest: str
    sql: str


@dataclass(frozen=True)
class Answer:
    columns: tuple[str, ...]
    rows: Rows


def run_demo(settings: Settings, terminal: Terminal) -> bool:
    """Whether the build kept its contracts and both APIs gave the same answer to every question."""
    if not settings.sample.exists():
        terminal.say("Writing sample data ...")
        write_sample(settings.sample, scale=SCALE)
    done = build(settings, environment=PRODUCTION, restate=False, terminal=terminal)
    questions = load_questions(settings.root / "semantic" / "questions.yml")
    with _serving(terminal) as server:
        agreed = [_ask(question, server, terminal) for question in questions]
    terminal.say(
        f"\n{len(agreed)} questions asked over REST and over SQL: {sum(agreed)} times both gave the same answer."
    )
    _say_what_next(terminal)
    return done and all(agreed)


def _ask(question: Question, server: Server, terminal: Terminal) -> bool:
    """Ask over both APIs with real clients, show the answer; whether they agree."""
    rest, sql = _ask_rest(server, question), _ask_sql(server, question)
    agree = _comparable(rest.rows) == _comparable(sql.rows)
    terminal.out.print(f"\n[bold]{escape(question.question)}[/]  [dim]({question.source})[/]")
    if not terminal.quiet:
        terminal.out.print(Syntax(question.sql.strip(), "sql", background_color="default", word_wrap=True))
        terminal.out.print("[dim]REST[/] " + escape(msgspec.json.encode(question.rest).decode()), soft_wrap=True)
    terminal.out.print(rich_table(rest.columns, rest.rows[:ROWS_SHOWN]))
    if len(rest.rows) > ROWS_SHOWN:
        terminal.out.print(f"[dim]... and {len(rest.rows) - ROWS_SHOWN:,} more rows[/]")
    if not agree:
        terminal.fail(
            f"REST and SQL differ: {len(rest.rows)} rows {rest.rows[:2]}, {len(sql.rows)} rows {sql.rows[:2]}"
        )
    return agree


def _ask_rest(server: Server, question: Question) -> Answer:
    """POST /load, asked again while the server says `Continue wait`."""
    while True:
        response = httpx.post(f"{server.rest}/load", json={"query": question.rest}, timeout=60)
        body = response.json()
        if body.get("error") != "Continue wait":
            break
    if response.is_error:
        raise HeadraceError(f"REST could not answer {question.question!r}: {body}")
    query = body["query"]
    keys = [
        *query.get("dimensions", ()),
        *(
            f"{one['dimension']}.{one['granularity']}"
            for one in query.get("timeDimensions", ())
            if "granularity" in one
        ),
        *query.get("measures", ()),
    ]
    names = tuple(key.split(".", 1)[1] for key in keys)
    return Answer(names, [tuple(row[key] for key in keys) for row in body["data"]])


def _ask_sql(server: Server, question: Question) -> Answer:
    try:
        with psycopg.connect(server.sql) as connection:
            cursor = connection.execute(question.sql)
            columns = tuple(column.name for column in cursor.description or ())
            return Answer(columns, cursor.fetchall())
    except psycopg.Error as error:
        raise HeadraceError(f"SQL could not answer {question.question!r}: {error}") from error


def _comparable(rows: Rows) -> list[list[str]]:
    """Rows with the differences between the APIs taken out: order of columns and rows, and the writing of values."""
    return sorted(sorted(_text(value) for value in row) for row in rows)


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        return f"{float(value):.9g}"
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return _MIDNIGHT.sub("", text)


_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_MIDNIGHT = re.compile(r"T00:00:00(\.000)?(\+00:00)?$")


@contextmanager
def _serving(terminal: Terminal) -> Iterator[Server]:
    """A `headrace serve` of its own process on free ports, stopped at the end."""
    command = [sys.executable, "-m", "headrace", "serve", "--quiet", "--rest-port", "0", "--sql-port", "0"]
    terminal.say("Starting the server on free ports ...")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _read_ports(process)
        finally:
            process.terminate()


def _read_ports(process: subprocess.Popen[str]) -> Server:
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(2)]
    found = re.findall(r"(?:REST|SQL) API\s+(\S+)", "".join(lines))
    if len(found) != 2:
        raise HeadraceError(f"the server did not start (exit code {process.wait()})")
    return Server(*found)


def _say_what_next(terminal: Terminal) -> None:
    steps: Sequence[tuple[str, str]] = (
        ("headrace query 'SELECT industry, MEASURE(consent_rate) FROM consent GROUP BY 1'", "ask something else"),
        ("headrace serve", "serve REST on port 4000 and SQL on port 15432; then:"),
        ("psql -h 127.0.0.1 -p 15432 -c '\\d'", "look around with any PostgreSQL client"),
        ("headrace ingest consent --from FOLDER && headrace build", "load your own exports"),
        ("sqlmesh -p sqlmesh_project plan dev", "try a change of a model in an environment"),
    )
    terminal.say("\n[bold]What to try next[/] (the commands are in .venv/bin)")
    for command, purpose in steps:
        terminal.say(f"  {escape(command)}\n      [dim]{escape(purpose)}[/]")
