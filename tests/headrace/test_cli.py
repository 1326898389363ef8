"""The command line as a user meets it: results on standard output, one message for an error, exit codes."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx
import psycopg
import pytest

from tests.commandline import environ, headrace, run

SQL = "SELECT industry, MEASURE(event_count) AS events FROM consent GROUP BY 1 ORDER BY 2 DESC"
REST = {
    "measures": ["consent.event_count"],
    "dimensions": ["consent.industry"],
    "order": {"consent.event_count": "desc"},
}


def test_help_names_every_command(tmp_path: Path) -> None:
    text = headrace("--help", data=tmp_path).stdout
    for name in ("sample", "ingest", "build", "status", "quarantine", "query", "explain", "serve", "check", "demo"):
        assert re.search(rf"\b{name}\b", text)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nonsense",), 2, "No such command"),
        (("ingest", "consent"), 2, "name a source and a path"),
        (("ingest", "nothing", "--from", "."), 2, "no source 'nothing' is declared; known: commerce, consent"),
        (("ingest", "consent", "--from", "not-there"), 66, "not-there"),
        (("query", SQL), 1, "run `headrace build` first"),
        (("serve", "--host", "0.0.0.0"), 1, "HEADRACE_API_SECRET"),
        (("sample", "--late", "5"), 2, "is not a share"),
        (("sample", "--scale", "0"), 1, "scale"),
    ],
)
def test_errors_are_one_message(tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = run(*arguments, data=tmp_path / "data", code=code)
    assert message in " ".join(done.stderr.split()).replace("│ ", "")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in run("query", SQL, "--debug", data=tmp_path, code=1).stderr


def test_sql_and_rest_give_the_same_numbers(built: Path) -> None:
    sql = json.loads(run("query", SQL, "--format", "json", data=built).stdout)
    rest = json.loads(run("query", "-", "--format", "json", data=built, stdin=json.dumps(REST)).stdout)
    assert [(row["industry"], row["events"]) for row in sql] == [
        (row["consent.industry"], float(row["consent.event_count"])) for row in rest
    ]


def test_csv_is_read_back_by_a_csv_reader(built: Path) -> None:
    done = run("query", SQL, "--format", "csv", "--quiet", data=built)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert rows
    assert set(rows[0]) == {"industry", "events"}
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT nothing FROM consent", 'column "nothing" does not exist'),
        ("SELECT * FROM raw.loads", "does not exist"),
        ("SELECT * FROM read_csv('/etc/passwd')", "not allowed"),
        ("SELEC", "syntax error"),
        ('{"measures": ["consent.nothing"]}', "not found for path 'consent.nothing'"),
        ('{"measures": [', "not valid JSON"),
    ],
)
def test_wrong_queries_say_what_is_wrong(built: Path, query: str, message: str) -> None:
    done = run("query", query, data=built, code=1)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_explain_shows_the_sql(built: Path) -> None:
    text = run("explain", SQL, data=built).stdout
    assert "consent.event_count <- " in text
    assert 'FROM "marts"."consent_events"' in text
    assert "FROM `marts`.`consent_events`" in run("explain", "--dialect", "bigquery", SQL, data=built).stdout


@pytest.mark.slow
def test_cost_of_the_models(built: Path) -> None:
    found = json.loads(headrace("cost", "plan", "--format", "json", data=built).stdout)
    costs = {row["model"]: row for row in found["models"]}
    assert costs["core.events"]["first build MiB"] > costs["core.companies"]["first build MiB"] > 0
    assert {row["runs a year"] for row in costs.values()} == {365}
    assert not any(name.startswith("staging.") for name in costs)
    refused = headrace("cost", "plan", "--budget", "0", data=built, code=1)
    assert "over the budget of 0.00 USD" in refused.stderr
    query = json.loads(headrace("cost", "query", "--format", "json", SQL, data=built).stdout)
    assert [row["table"] for row in query["tables"]] == ["marts.consent_events"]
    assert query["total"][0]["bytes billed"] == 10 * 1024 * 1024


def test_quarantine_shows_rows_with_reasons(built: Path) -> None:
    counts = json.loads(run("quarantine", "list", "--format", "json", data=built).stdout)
    assert {row["table"] for row in counts} >= {"consent__events"}
    shown = json.loads(run("quarantine", "show", "consent__events", "--format", "json", data=built).stdout)
    assert all(row["reasons"] and row["values"] and row["file"] and row["row"] for row in shown)


def test_status_has_every_table_and_the_contracts(built: Path) -> None:
    status = json.loads(run("status", "--format", "json", data=built).stdout)
    assert {"raw.consent__events", "raw.web_funnel__pages"} <= {row["table"] for row in status["tables"]}
    production = status["environments"][0]
    assert (production["environment"], production["batches waiting"], production["broken errors"]) == ("prod", 0, 0)
    assert production["rules"] > 100
    assert len(status["broken"]) == production["broken warnings"]
    rows = csv.DictReader(io.StringIO(run("status", "consent", "--format", "csv", data=built).stdout))
    assert {row["source"] for row in rows} == {"consent"}
    assert "Environments" in run("status", data=built).stdout


def test_the_data_model_is_valid_on_the_warehouse(built: Path) -> None:
    assert "the data model is valid" in run("validate", data=built).stderr


@pytest.mark.slow
def test_replay_gives_the_same_rows(data_folder: Path) -> None:
    query = "SELECT industry, MEASURE(event_count) FROM consent GROUP BY 1 ORDER BY 1"
    before = run("query", query, "-f", "csv", data=data_folder).stdout
    headrace("ingest", "--replay", "--quiet", data=data_folder)
    headrace("build", "--quiet", data=data_folder)
    assert run("query", query, "-f", "csv", data=data_folder).stdout == before


@pytest.fixture
def server(built: Path) -> Iterator[tuple[str, str]]:
    """A server on free ports: its REST URL and its SQL URL."""
    command = [sys.executable, "-m", "headrace", "serve", "--rest-port", "0", "--sql-port", "0"]
    with subprocess.Popen(command, env=environ(built), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        rest, sql = (process.stdout.readline().split()[-1] for _ in range(2))
        yield rest, sql
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_serve_answers_rest_and_sql_and_stops_when_told(server: tuple[str, str]) -> None:
    rest, sql = server
    answer = httpx.post(f"{rest}/load", json={"query": REST}).raise_for_status().json()
    with psycopg.connect(sql) as connection:
        rows = connection.execute(SQL).fetchall()
    assert rows == [(row["consent.industry"], float(row["consent.event_count"])) for row in answer["data"]]
    assert httpx.get(rest.replace("/cubejs-api/v1", "/readyz")).json() == {"health": "HEALTH"}


def all_events(data: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute("SELECT * FROM core.events ORDER BY ALL").fetchall()


def test_building_again_changes_nothing_and_takes_turns_with_the_server(data_folder: Path) -> None:
    events = all_events(data_folder)
    command = [sys.executable, "-m", "headrace", "serve", "--rest-port", "0", "--sql-port", "0", "--quiet"]
    with subprocess.Popen(command, env=environ(data_folder), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        rest = process.stdout.readline().split()[-1]
        ask = {"query": {"measures": ["consent.event_count"]}}
        before = httpx.post(f"{rest}/load", json=ask, timeout=60).json()["data"]
        assert "hold nothing new" in headrace("build", data=data_folder).stderr
        assert httpx.post(f"{rest}/load", json=ask, timeout=60).json()["data"] == before
        process.terminate()
    assert all_events(data_folder) == events
