"""Copying to BigQuery: what is loaded by which job, and that calling again loads nothing twice.

A stand-in keeps the rows in DuckDB and refuses a job id that it has seen, as BigQuery does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound

from headrace.config import Settings
from ingestion.bigquery import ship
from ingestion.errors import IngestionError
from ingestion.load import ingest
from tests.ingestion.conftest import event, export


class Job:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def result(self) -> None:
        if self.error:
            raise self.error


class Warehouse:
    """What `ship` uses of a BigQuery client."""

    project = "shop"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = duckdb.connect()
        self.jobs: dict[str, Job] = {}
        self.broken: set[str] = set()

    def create_dataset(self, dataset: str, exists_ok: bool) -> None:
        assert exists_ok
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {dataset}")

    def query(self, query: str) -> Any:
        try:
            found = self.connection.execute(query).fetchall()
        except duckdb.CatalogException as error:
            raise NotFound(str(error)) from error
        return type("Query", (), {"result": lambda _: found})()

    def get_job(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise NotFound(job_id)
        return self.jobs[job_id]

    def load_table_from_file(self, stream: BinaryIO, place: str, *, job_id: str, job_config: Any) -> Job:
        if job_id in self.jobs:
            raise Conflict(job_id)
        name = place.removeprefix("shop.")
        self.jobs[job_id] = Job(BadRequest("no such column") if name in self.broken else None)
        if self.jobs[job_id].error is None:
            part = self.folder / "part"
            part.write_bytes(stream.read())
            if job_config.write_disposition == "WRITE_TRUNCATE":
                self.connection.execute(f"DROP TABLE IF EXISTS {name}")
            self.connection.execute(f"CREATE TABLE IF NOT EXISTS {name} AS FROM read_parquet('{part}') LIMIT 0")
            self.connection.execute(f"INSERT INTO {name} FROM read_parquet('{part}')")
        return self.jobs[job_id]

    def count(self, table: str) -> object:
        return self.connection.execute(f"SELECT count(*) FROM raw.{table}").fetchone()


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def test_new_batches_are_added_and_changing_tables_replaced(
    settings: Settings, exports: Path, warehouse: Warehouse
) -> None:
    header = "PUBLIC_API_KEY,INDUSTRY_BACK,INDUSTRY_FRONT,HQ_COUNTRY"
    export(exports / "events-1.csv", [event(1), event(2)])
    export(exports / "companies-1.csv", ["k1,A,B,France"], header=header)
    ingest(settings, "consent", exports)
    client: Any = warehouse
    assert [(one.table, one.rows) for one in ship(settings, client)] == [
        ("consent__events", 2),
        ("consent__companies", 1),
        ("loads", 2),
    ]
    assert [(one.table, one.is_new) for one in ship(settings, client)] == [("loads", False)]
    export(exports / "events-2.csv", [event(3)])
    export(exports / "companies-2.csv", ["k1,A,B,Spain", "k2,A,B,Spain"], header=header)
    ingest(settings, "consent", exports)
    assert [(one.table, one.rows) for one in ship(settings, client)] == [
        ("consent__events", 1),
        ("consent__companies", 2),
        ("loads", 4),
    ]
    assert [warehouse.count(table) for table in ("consent__events", "consent__companies")] == [(3,), (2,)]


def test_a_call_that_died_is_made_again(settings: Settings, exports: Path, warehouse: Warehouse) -> None:
    export(exports / "events-1.csv", [event(1), event(2)])
    ingest(settings, "consent", exports)
    client: Any = warehouse
    warehouse.broken.add("raw.loads")
    with pytest.raises(IngestionError, match=r"BigQuery did not load raw\.loads \(job headrace-.*no such column"):
        ship(settings, client)
    warehouse.broken.clear()
    assert [(one.table, one.job_id[-2:]) for one in ship(settings, client)] == [("loads", "-2")]
    assert warehouse.count("consent__events") == (2,)
