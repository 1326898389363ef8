"""A small library behind a real server on a free port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx
import pytest

from headrace.warehouse import WarehouseReader
from semantic.datamodel.load import load_data_model
from semantic.engine import Engine
from semantic.rest.app import create_app
from semantic.rest.server import RestServer
from tests.semantic.rest.library import LIBRARY, MODEL, NOW, SECRET, Serving, serving, token


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("library") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(LIBRARY)
    return path


@pytest.fixture(scope="session")
def engine(warehouse: Path) -> Iterator[Engine]:
    reader = WarehouseReader(warehouse)
    yield Engine(load_data_model(MODEL), reader, clock=lambda: NOW)
    reader.close()


@pytest.fixture(scope="session")
def server(engine: Engine) -> Iterator[RestServer]:
    with serving(create_app(engine, Serving(api_secret=SECRET))) as server:
        yield server


@pytest.fixture(scope="session")
def api(server: RestServer) -> Iterator[httpx.Client]:
    """A client with a valid token; paths are relative to /cubejs-api/v1."""
    with httpx.Client(base_url=server.url, headers={"Authorization": token()}, timeout=30) as client:
        yield client
