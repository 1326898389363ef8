"""The reader of BigQuery: jobs are stopped where they run, and limits and labels are on every one.

A stand-in for the client holds a job open, as a long query does: the emulator answers before it can be cancelled.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from headrace.bigquery import client as clients
from headrace.bigquery.client import open_client
from headrace.bigquery.reader import BigQueryReader
from headrace.errors import QueryFailed
from headrace.gateways import BigQueryConnection
from semantic.datamodel.load import load_sources
from semantic.engine import Cancellation, Engine, QueryCancelled
from semantic.errors import EngineError

CONNECTION = BigQueryConnection(
    type="bigquery", project="shop", location="EU", labels={"team": "growth"}, maximum_bytes_billed=10**9,
    job_execution_timeout_seconds=7,
)  # fmt: skip


class Job:
    """Runs until it is cancelled."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.cancelled = threading.Event()
        self.timeout: float | None = None

    def result(self, timeout: float | None = None, **_: object) -> Any:
        self.timeout = timeout
        self.begun.set()
        assert self.cancelled.wait(10)
        error: GoogleAPICallError = BadRequest("Job execution was cancelled: User requested cancellation")
        error._errors = [{"reason": "stopped"}]
        raise error

    def cancel(self) -> bool:
        self.cancelled.set()
        return True


class Client:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.configs: list[bigquery.QueryJobConfig] = []

    def query(self, sql: str, job_config: bigquery.QueryJobConfig) -> Job:
        assert sql == "SELECT 1"
        self.configs.append(job_config)
        return self.job


@pytest.fixture
def job() -> Job:
    return Job()


@pytest.fixture
def engine(job: Job) -> Engine:
    client: Any = Client(job)
    return Engine(load_sources({}), BigQueryReader(client, CONNECTION))


def test_a_job_is_cancelled(engine: Engine, job: Job) -> None:
    cancellation = Cancellation()
    stopper = threading.Thread(target=lambda: job.begun.wait(10) and cancellation.cancel())
    stopper.start()
    with pytest.raises(QueryCancelled):
        engine.fetch("SELECT 1", (), cancellation)
    stopper.join()
    assert job.cancelled.is_set()
    assert job.timeout == 7


def test_a_query_that_was_cancelled_before_leaves_no_job_behind(engine: Engine, job: Job) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(QueryCancelled, match="before it began"):
        engine.fetch("SELECT 1", (), cancellation)
    assert job.cancelled.is_set()
    assert not job.begun.is_set()


def test_a_query_that_takes_too_long_is_cancelled(engine: Engine, job: Job) -> None:
    def wait(**_: object) -> None:
        raise TimeoutError

    job.result = wait  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="it took longer than 7 s"):
        engine.fetch("SELECT 1", (), Cancellation())
    assert job.cancelled.is_set()


def test_limits_and_labels_are_on_every_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_credentials", lambda _: (AnonymousCredentials(), None))  # type: ignore[no-untyped-call]
    client = open_client(CONNECTION)
    config = client.default_query_job_config
    assert config is not None
    assert (config.labels, config.maximum_bytes_billed, client.location) == ({"team": "growth"}, 10**9, "EU")


def test_other_errors_are_errors(engine: Engine, job: Job) -> None:
    def fail(**_: object) -> None:
        raise BadRequest("Unrecognized name: nothing at [1:8]")

    job.result = fail  # type: ignore[method-assign]
    with pytest.raises(QueryFailed, match=r"^Unrecognized name: nothing at \[1:8\]$"):
        engine.reader.fetch("SELECT 1", (), Cancellation().watch)
