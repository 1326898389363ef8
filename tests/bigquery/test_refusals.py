"""What people read when BigQuery says no, or nothing: which gateway it was, BigQuery's words, and what to do."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest
from google.auth.exceptions import RefreshError

from headrace.bigquery.failures import told
from headrace.bigquery.shipping import ship_landed
from headrace.build import ensure_raw_tables
from headrace.config import Settings, load_settings
from headrace.errors import QueryFailed, WarehouseError
from headrace.gateways import BigQueryConnection
from headrace.models import apply_models
from headrace.terminal import Terminal
from headrace.warehouse import open_gateway, open_reader
from tests.bigquery.stub import Answer, instead_of_bigquery
from tests.commandline import run
from tests.ingestion.conftest import event, export

DENIED = Answer(403, "accessDenied", "Access Denied: Project shop: User does not have bigquery.datasets.create")
ROWS = Answer(
    body={
        "jobComplete": True,
        "jobReference": {"projectId": "shop", "jobId": "job", "location": "EU"},
        "schema": {"fields": [{"name": "one", "type": "INTEGER"}]},
        "rows": [{"f": [{"v": "1"}]}],
        "totalRows": "1",
        "queryId": "query",
        "configuration": {"query": {}},
        "status": {"state": "DONE"},
    }
)
REFUSALS = [
    (DENIED, r"Access Denied: Project shop: .*: the account lacks a role: docs/bigquery\.md"),
    (Answer(403, "quotaExceeded", "Quota exceeded: too many datasets"), "a quota of the project is used up: wait"),
    (Answer(403, "billingNotEnabled", "Billing has not been enabled"), "turn billing on for the project"),
    (Answer(401, "authError", "Invalid Credentials"), "run `gcloud auth application-default login`"),
    (Answer(404, "notFound", "Not found: Project shop"), "look at the gateway's project and location"),
    (Answer(429, "", "Too many requests"), "lower the gateway's concurrent_tasks"),
    (Answer(503, "backendError", "Service unavailable"), "BigQuery has trouble of its own: run it again later"),
]


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("HEADRACE_DATA", str(tmp_path / "data"))
    return monkeypatch


def impatient() -> Settings:
    """The gateway of config.yaml, whose client gives up after a second."""
    settings = load_settings()
    assert settings.bigquery is not None
    quick = msgspec.structs.replace(settings.bigquery, job_retry_deadline_seconds=1, job_creation_timeout_seconds=1)
    return dataclasses.replace(settings, bigquery=quick)


@pytest.mark.parametrize(("answer", "message"), REFUSALS, ids=lambda one: getattr(one, "reason", None))
def test_a_refusal_names_the_gateway_and_what_to_do(answer: Answer, message: str, patch: pytest.MonkeyPatch) -> None:
    with instead_of_bigquery(patch, answer):
        settings = impatient()
        with pytest.raises(WarehouseError, match=rf"^gateway bigquery: .*{message}"):
            ship_landed(settings, Terminal(quiet=True))
        with (
            pytest.raises(WarehouseError, match=rf"^gateway bigquery: .*{message}"),
            open_gateway(settings, read_only=True) as backend,
        ):
            backend.list_tables(database="raw")
        reader = open_reader(settings)
        with pytest.raises(WarehouseError, match=rf"^gateway bigquery: .*{message}"):
            reader.tables("prod")
        with pytest.raises(QueryFailed, match=rf"^gateway bigquery: .*{message}"):
            reader.fetch("SELECT 1", (), lambda _: nullcontext())
        reader.close()


def test_a_statement_of_its_own_fault_is_told_as_it_is(patch: pytest.MonkeyPatch) -> None:
    refusal = Answer(400, "invalidQuery", "Unrecognized name: nothing at [1:8]")
    exactly = r"^Unrecognized name: nothing at \[1:8\]$"
    with instead_of_bigquery(patch, refusal), pytest.raises(QueryFailed, match=exactly):
        open_reader(impatient()).fetch("SELECT nothing", (), lambda _: nullcontext())


def test_more_bytes_than_the_gateway_allows(patch: pytest.MonkeyPatch) -> None:
    refusal = Answer(400, "bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 10")
    with instead_of_bigquery(patch, refusal), pytest.raises(QueryFailed, match="raise it, or read less"):
        open_reader(impatient()).fetch("SELECT 1", (), lambda _: nullcontext())


def test_what_fails_for_a_moment_is_tried_again(patch: pytest.MonkeyPatch) -> None:
    with instead_of_bigquery(patch, Answer(503, "backendError", "Service unavailable"), ROWS) as stub:
        rows = open_reader(load_settings()).fetch("SELECT 1 AS one", (), lambda _: nullcontext())
    assert rows.to_pylist() == [{"one": 1}]
    assert len(stub.asked) >= 2


def test_an_answer_that_does_not_come(patch: pytest.MonkeyPatch) -> None:
    message = "^gateway bigquery: nobody answers: look at this machine's way to"
    with instead_of_bigquery(patch, Answer(after_seconds=2.5)), pytest.raises(WarehouseError, match=message):
        open_reader(impatient()).tables("prod")


def test_a_login_that_has_run_out() -> None:
    connection = BigQueryConnection(type="bigquery", gateway="production", project="shop")
    message = "^gateway production: Token has been expired: the login is no longer valid"
    with pytest.raises(WarehouseError, match=message), told(connection):
        raise RefreshError("Token has been expired.", {"error": "invalid_grant"})


@pytest.mark.parametrize(
    "command",
    [
        ("ingest", "consent", "--from", "{exports}"),
        ("status",),
        pytest.param(("query", '{"measures": ["consent.event_count"]}'), marks=pytest.mark.slow),
        pytest.param(("compare", "core.events", "core.events@dev", "--key", "event_key"), marks=pytest.mark.slow),
        pytest.param(("check", "--data"), marks=pytest.mark.slow),
    ],
    ids=lambda command: command[0],
)
def test_commands_end_with_the_message(command: tuple[str, ...], patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    export(tmp_path / "events-1.csv", [event(1)])
    ensure_raw_tables(load_settings())
    given = (one.replace("{exports}", str(tmp_path)) for one in command)
    with instead_of_bigquery(patch, DENIED):
        # 1 would say of a comparison that the data differ.
        code = 2 if command[0] == "compare" else 1
        said = run(*given, "--gateway", "bigquery", data=tmp_path / "data", code=code)
    end = " ".join(said.stderr.split())
    assert "gateway bigquery: Access Denied: Project shop" in end
    assert "the account lacks a role: docs/bigquery.md" in end
    assert "defect" not in end


@pytest.mark.slow
def test_models_that_cannot_be_built(patch: pytest.MonkeyPatch) -> None:
    with instead_of_bigquery(patch, DENIED), pytest.raises(WarehouseError, match="Access Denied: Project shop"):
        apply_models(impatient(), "prod", None, (), Terminal(quiet=True))
