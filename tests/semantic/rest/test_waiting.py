"""Long queries on a real server: `Continue wait`, clients that leave, queries that are deleted, builds in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx
import pytest

from headrace.warehouse import WarehouseReader
from semantic.datamodel.load import load_data_model
from semantic.engine import Cancellation, Engine, QueryCancelled, Result, SecurityContext
from semantic.query.types import Query
from semantic.rest.app import create_app
from semantic.rest.server import RestServer
from tests.semantic.rest.library import LIBRARY, MODEL, Serving, serving

ENDLESS = {"query": {"measures": ["endless.total"]}}
COUNT = {"query": {"measures": ["loans.count"]}}
PATIENCE = 10.0


class Watched(Engine):
    """An engine that tells which queries began, and which were stopped."""

    def __init__(self, path: Path) -> None:
        self.warehouse = WarehouseReader(path, idle_seconds=0.1, wait_seconds=0.5)
        super().__init__(load_data_model(MODEL), self.warehouse)
        self.begun: list[Query] = []
        self.stopped = threading.Event()

    def load(
        self,
        query: Query,
        security_context: SecurityContext | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        self.begun.append(query)
        try:
            return super().load(query, security_context, cancellation)
        except QueryCancelled:
            self.stopped.set()
            raise


@pytest.fixture
def warehouse_file(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(LIBRARY)
    return path


@pytest.fixture
def watched(warehouse_file: Path) -> Iterator[Watched]:
    engine = Watched(warehouse_file)
    yield engine
    engine.warehouse.close()


@pytest.fixture
def hasty(watched: Watched) -> Iterator[RestServer]:
    """A server that holds requests for a fifth of a second."""
    with serving(create_app(watched, Serving(), hold_seconds=0.2)) as server:
        yield server


def test_a_long_query_is_asked_for_again_and_runs_once(hasty: RestServer, watched: Watched) -> None:
    for _ in range(3):
        answer = httpx.post(f"{hasty.url}/load", json=ENDLESS)
        assert (answer.status_code, answer.json()) == (200, {"error": "Continue wait"})
    assert len(watched.begun) == 1


def test_other_clients_are_answered_meanwhile(hasty: RestServer) -> None:
    httpx.post(f"{hasty.url}/load", json=ENDLESS)
    assert httpx.post(f"{hasty.url}/load", json=COUNT).json()["data"] == [{"loans.count": "5"}]


def test_a_query_is_deleted_by_its_request_id(hasty: RestServer, watched: Watched) -> None:
    httpx.post(f"{hasty.url}/load", json=ENDLESS, headers={"x-request-id": "mine-span-1"})
    assert httpx.delete(f"{hasty.url}/running-query/mine").json() == {"result": ["mine"]}
    assert watched.stopped.wait(PATIENCE)
    assert "cancelled" in httpx.post(f"{hasty.url}/load", json=ENDLESS).json()["error"]


def test_a_client_that_leaves_stops_its_query(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    with serving(create_app(watched, Serving())) as server:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{server.url}/load", json=ENDLESS, timeout=0.5)
        assert watched.stopped.wait(PATIENCE)
    assert caplog.records == [], "that clients leave is no news"


def test_closing_the_server_stops_its_queries(watched: Watched) -> None:
    with serving(create_app(watched, Serving(), hold_seconds=0.2)) as server:
        httpx.post(f"{server.url}/load", json=ENDLESS)
    assert watched.stopped.wait(PATIENCE)


def test_the_longest_time_of_a_query(watched: Watched) -> None:
    with serving(create_app(watched, Serving(query_timeout_seconds=0.3))) as server:
        answer = httpx.post(f"{server.url}/load", json=ENDLESS, timeout=PATIENCE)
    assert answer.status_code == 400
    assert "cancelled" in answer.json()["error"]


def test_a_build_takes_the_warehouse_between_queries(hasty: RestServer, warehouse_file: Path) -> None:
    assert httpx.post(f"{hasty.url}/load", json=COUNT).json()["data"] == [{"loans.count": "5"}]
    time.sleep(0.5)
    with duckdb.connect(str(warehouse_file)) as connection:
        connection.execute("DELETE FROM loans WHERE id = 5")
    assert httpx.post(f"{hasty.url}/load", json=COUNT).json()["data"] == [{"loans.count": "4"}]


def test_without_a_warehouse_the_server_says_so(hasty: RestServer, watched: Watched, warehouse_file: Path) -> None:
    watched.warehouse.close()
    warehouse_file.rename(warehouse_file.with_suffix(".away"))
    root = hasty.url.removesuffix("/cubejs-api/v1")
    ready = httpx.get(f"{root}/readyz")
    assert (ready.status_code, ready.json()) == (500, {"health": "DOWN"})
    assert httpx.get(f"{root}/livez").json() == {"health": "HEALTH"}
    answer = httpx.post(f"{hasty.url}/load", json=COUNT)
    assert answer.status_code == 503
    assert "run `headrace build` first" in answer.json()["error"]
