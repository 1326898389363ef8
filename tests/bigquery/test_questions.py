"""The business questions over REST and SQL have the same answers on DuckDB and on the emulator, with real clients."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import duckdb
import httpx
import psycopg
import pytest

from headrace.bigquery.emulator import Emulator
from headrace.gateways import DUCKDB, EMULATOR
from headrace.questions import Question, load_questions
from semantic.datamodel.load import load_data_model
from tests.bigquery.loading import load

ROOT = Path(__file__).parents[2]
QUESTIONS = load_questions(ROOT / "semantic" / "questions.yml")


@pytest.fixture(scope="module")
def servers(built: Path, emulator: Emulator) -> Iterator[dict[str, tuple[str, str]]]:
    """A server over each gateway: its REST URL and its SQL URL. The emulator has the tables of the build."""
    with duckdb.connect(str(built / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        load(connection, emulator, _tables())
    with serving(built, DUCKDB) as ours, serving(built, EMULATOR) as theirs:
        yield {DUCKDB: ours, EMULATOR: theirs}


def _tables() -> list[tuple[str, str]]:
    """What the data model reads."""
    model = load_data_model(ROOT / "semantic" / "model")
    places = {cube.sql_table for cube in model.cubes.values() if cube.sql_table}
    return sorted((schema, table) for schema, _, table in (place.partition(".") for place in places))


@contextmanager
def serving(data: Path, gateway: str) -> Iterator[tuple[str, str]]:
    command = [sys.executable, "-m", "headrace", "serve", "--gateway", gateway, "--rest-port", "0", "--sql-port", "0"]
    environ = {**os.environ, "HEADRACE_DATA": str(data)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            rest, sql = (process.stdout.readline().split()[-1] for _ in range(2))
            yield rest, sql
        finally:
            process.terminate()
            process.wait(20)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.question)
def test_both_gateways_answer_alike(question: Question, servers: dict[str, tuple[str, str]]) -> None:
    assert over_rest(question, servers[EMULATOR][0]) == over_rest(question, servers[DUCKDB][0])
    assert over_sql(question, servers[EMULATOR][1]) == over_sql(question, servers[DUCKDB][1])


def over_rest(question: Question, url: str) -> list[str]:
    """Each row as its JSON. Rows that are equal in what they are ordered by may change places."""
    while True:
        answer = httpx.post(f"{url}/load", json={"query": question.rest}, timeout=60).raise_for_status().json()
        if answer.get("error") != "Continue wait":
            return sorted(map(str, answer["data"]))


def over_sql(question: Question, url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(question.sql)
        names = [column.name for column in cursor.description or ()]
        return [str(names), *sorted(str(tuple(map(comparable, row))) for row in cursor)]


def comparable(value: object) -> object:
    """Sums of whole numbers are NUMERIC on DuckDB and INT64 in BigQuery: only the values are compared."""
    if isinstance(value, bool):
        return value
    return f"{Decimal(value).normalize():f}" if isinstance(value, int | Decimal) else value
