"""One judge, one filled bazaar and its data model for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import DataModel
from tests.semantic.judge import bazaar, rows
from tests.semantic.judge.cube import Judge

BAZAAR = Path(__file__).parent / "model"


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        judge.open_folder("bazaar", BAZAAR)
        yield judge


@pytest.fixture(scope="session")
def connection() -> duckdb.DuckDBPyConnection:
    connection = rows.connect()
    bazaar.write(connection)
    return connection


@pytest.fixture(scope="session")
def model() -> DataModel:
    return load_data_model(BAZAAR)
