"""The queries that real Cube judges, run on the emulator: our SQL for BigQuery has the rows of our SQL for DuckDB."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import nullcontext

import duckdb
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator
from headrace.bigquery.reader import BigQueryReader
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import DataModel
from tests.bigquery.loading import connection_to
from tests.semantic.judge import bazaar, ours, rows
from tests.semantic.judge.conftest import BAZAAR
from tests.semantic.judge.handwritten import QUERIES

_TYPES = {"BIGINT": "INT64", "INTEGER": "INT64", "DOUBLE": "FLOAT64", "BOOLEAN": "BOOL", "VARCHAR": "STRING"}


@pytest.fixture(scope="module")
def local() -> Iterator[duckdb.DuckDBPyConnection]:
    with rows.connect() as connection:
        bazaar.write(connection)
        yield connection


@pytest.fixture(scope="module")
def reader(local: duckdb.DuckDBPyConnection, emulator: Emulator) -> BigQueryReader:
    """The bazaar, whose naive times are UTC: in BigQuery times of tables are TIMESTAMP."""
    client = open_client(connection_to(emulator))
    client.create_dataset("bazaar", exists_ok=True)
    for table in bazaar.TABLES:
        columns = [(row[0], row[1]) for row in local.execute(f"DESCRIBE bazaar.{table}").fetchall()]
        parts = ", ".join(f"CAST({name} AS {_stored(kind)}) AS {name}" for name, kind in columns)
        stream = io.BytesIO()
        pq.write_table(local.execute(f"SELECT {parts} FROM bazaar.{table}").to_arrow_table(), stream)
        stream.seek(0)
        fields = [bigquery.SchemaField(name, _type(kind)) for name, kind in columns]
        config = bigquery.LoadJobConfig(source_format="PARQUET", schema=fields)
        client.load_table_from_file(stream, f"{client.project}.bazaar.{table}", job_config=config).result()
    return BigQueryReader(client, connection_to(emulator))


@pytest.fixture(scope="module")
def model() -> DataModel:
    return load_data_model(BAZAAR)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUERIES)
def test_handwritten(name: str, local: duckdb.DuckDBPyConnection, reader: BigQueryReader, model: DataModel) -> None:
    compiled = ours.compiled(model, QUERIES[name], "bigquery")
    table = reader.fetch(compiled.sql, compiled.parameters, lambda _: nullcontext())
    keys = {column.alias: column.key for column in compiled.columns}
    found = [{keys[alias]: rows.plain(value) for alias, value in row.items()} for row in table.to_pylist()]
    assert not rows.difference(found, ours.answer(local, model, QUERIES[name]))


def _type(kind: str) -> str:
    return "TIMESTAMP" if kind.startswith("TIMESTAMP") else _TYPES.get(kind, "NUMERIC")


def _stored(kind: str) -> str:
    if kind.startswith("TIMESTAMP"):
        return "TIMESTAMPTZ"
    return kind if kind in _TYPES else "DECIMAL(38, 9)"
