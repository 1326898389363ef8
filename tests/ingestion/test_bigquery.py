"""Copying to BigQuery: what is loaded by which job, and that calling again loads nothing twice.

A stand-in keeps the rows in DuckDB and refuses a job id that it has seen, as BigQuery does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import bigquery

from headrace.config import Settings
from headrace.warehouse import open_warehouse
from ingestion.bigquery import ship
from ingestion.errors import IngestionError
from ingestion.ledger import create_ledger
from ingestion.load import ingest
from ingestion.replay import replay
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
        self.tables: dict[str, bigquery.Table] = {}
        self.widened: list[tuple[str, ...]] = []

    def create_dataset(self, dataset: str, exists_ok: bool) -> None:
        assert exists_ok
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {dataset}")

    def query(self, query: str) -> Any:
        try:
            found = self.connection.execute(query).fetchall()
        except duckdb.CatalogException as error:
            raise NotFound(str(error)) from error
        return type("Query", (), {"result": lambda _: found})()

    def list_tables(self, dataset: str) -> list[bigquery.table.TableListItem]:
        return [
            bigquery.table.TableListItem(
                {"tableReference": {"projectId": "shop", "datasetId": dataset, "tableId": name}}
            )
            for name in self.tables
        ]

    def create_table(self, table: bigquery.Table, exists_ok: bool) -> None:
        assert exists_ok
        self.tables[table.table_id] = table

    def get_table(self, place: str) -> bigquery.Table:
        return self.tables[place.rpartition(".")[2]]

    def update_table(self, table: bigquery.Table, fields: list[str]) -> None:
        self.widened.append((table.table_id, *fields))

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
        return self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()


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
        ("raw.consent__events", 2),
        ("raw.consent__companies", 1),
        ("raw.loads", 2),
    ]
    assert [(one.table, one.is_new) for one in ship(settings, client)] == [("raw.loads", False)]
    export(exports / "events-2.csv", [event(3)])
    export(exports / "companies-2.csv", ["k1,A,B,Spain", "k2,A,B,Spain"], header=header)
    ingest(settings, "consent", exports)
    assert [(one.table, one.rows) for one in ship(settings, client)] == [
        ("raw.consent__events", 1),
        ("raw.consent__companies", 2),
        ("raw.loads", 4),
    ]
    assert [warehouse.count(table) for table in ("raw.consent__events", "raw.consent__companies")] == [(3,), (2,)]


def test_a_call_that_died_is_made_again(settings: Settings, exports: Path, warehouse: Warehouse) -> None:
    export(exports / "events-1.csv", [event(1), event(2)])
    ingest(settings, "consent", exports)
    client: Any = warehouse
    warehouse.broken.add("raw.loads")
    with pytest.raises(IngestionError, match=r"BigQuery did not load raw\.loads \(job headrace-.*no such column"):
        ship(settings, client)
    warehouse.broken.clear()
    assert [(one.table, one.job_id[-2:]) for one in ship(settings, client)] == [("raw.loads", "-2")]
    assert warehouse.count("raw.consent__events") == (2,)


def test_raw_tables_are_there_before_anything_is_loaded(settings: Settings, warehouse: Warehouse) -> None:
    ensure_ledger(settings)
    client: Any = warehouse
    ship(settings, client)
    events = warehouse.tables["consent__events"]
    assert [field.name for field in events.schema][:2] == ["event_id", "user_id"]
    assert all(field.description for field in events.schema)
    assert events.time_partitioning is not None
    assert (events.time_partitioning.field, events.time_partitioning.type_) == ("event_time", "MONTH")
    assert events.clustering_fields == ["event_time", "event_id"]
    assert warehouse.tables["consent__companies"].time_partitioning is None


def test_a_column_that_a_contract_gained_is_added(settings: Settings, warehouse: Warehouse) -> None:
    ensure_ledger(settings)
    client: Any = warehouse
    ship(settings, client)
    events = warehouse.tables["consent__events"]
    wanted = [field.name for field in events.schema]
    events.schema = [field for field in events.schema if field.name != "country"]
    ship(settings, client)
    assert warehouse.widened == [("consent__events", "schema")]
    assert sorted(field.name for field in warehouse.tables["consent__events"].schema) == sorted(wanted)


def test_a_replayed_lake_replaces_what_was_loaded(settings: Settings, exports: Path, warehouse: Warehouse) -> None:
    export(exports / "events-1.csv", [event(1), event(2)])
    ingest(settings, "consent", exports)
    client: Any = warehouse
    ship(settings, client)
    replay(settings)
    assert [(one.table, one.rows, one.is_new) for one in ship(settings, client, anew=True)] == [
        ("raw.consent__events", 2, True),
        ("raw.loads", 1, True),
    ]
    assert warehouse.count("raw.consent__events") == (2,)


def ensure_ledger(settings: Settings) -> None:
    with open_warehouse(settings, read_only=False) as backend:
        create_ledger(backend.con)
