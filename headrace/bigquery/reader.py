"""Read-only access for servers: queries as jobs, whose rows come as Arrow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from google.cloud import bigquery

from headrace.bigquery.failures import FAILURES, explained, told
from headrace.errors import QueryFailed, QueryInterrupted
from headrace.gateways import BigQueryConnection
from headrace.warehouse import LAYERS, PRODUCTION, Dialect, Places, Watch, environment_names, own_places, schema_for


class BigQueryReader:
    """A `headrace.warehouse.Reader` of a BigQuery project. Thread-safe: the client is, and a job is one query's."""

    dialect: Dialect = "bigquery"

    def __init__(self, client: bigquery.Client, connection: BigQueryConnection) -> None:
        self._client = client
        self._connection = connection

    def fetch(self, sql: str, parameters: Sequence[object], watch: Watch) -> pa.Table:
        """The rows of a query; the value of parameter `@p1` comes first. As `Reader.fetch` says."""
        config = bigquery.QueryJobConfig(query_parameters=_bound(parameters))
        try:
            job = self._client.query(sql, job_config=config)
            with watch(_Job(job)):
                rows = job.result(timeout=self._connection.job_execution_timeout_seconds)
                # the emulator has no Storage API, and for the answers of a chart the REST API is as quick
                return rows.to_arrow(create_bqstorage_client=False)
        except TimeoutError as error:
            job.cancel()
            seconds = self._connection.job_execution_timeout_seconds
            raise QueryFailed(f"the query was stopped: it took longer than {seconds} s") from error
        except FAILURES as error:
            if "stopped" in str(getattr(error, "errors", "")):
                raise QueryInterrupted("the query was cancelled") from error
            raise QueryFailed(explained(error, self._connection)) from error

    def columns(self, sql: str, parameters: Sequence[object]) -> pa.Schema:
        """As `Reader.columns` says: a dry run, which costs nothing."""
        found = self._dry_run(sql, parameters).schema
        return pa.schema([(field.name, _arrow_type(field)) for field in found or ()])

    def bytes_processed(self, sql: str) -> int:
        """What a query would read, by a dry run; the emulator says 0. Raises QueryFailed."""
        return int(self._dry_run(sql, ()).total_bytes_processed or 0)

    def _dry_run(self, sql: str, parameters: Sequence[object]) -> bigquery.QueryJob:
        config = bigquery.QueryJobConfig(query_parameters=_bound(parameters), dry_run=True, use_query_cache=False)
        try:
            return self._client.query(sql, job_config=config)
        except FAILURES as error:
            raise QueryFailed(explained(error, self._connection)) from error

    def tables(self, environment: str) -> Places:
        """As `Reader.tables` says."""
        with told(self._connection):
            return place_tables(self._client, environment)

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]


class _Job:
    """A running job as something that can be interrupted."""

    def __init__(self, job: bigquery.QueryJob) -> None:
        self._job = job

    def interrupt(self) -> None:
        self._job.cancel()


def environments(client: bigquery.Client) -> tuple[str, ...]:
    """The SQLMesh environments that have datasets, `prod` first."""
    return environment_names(dataset.dataset_id for dataset in client.list_datasets())


def place_tables(client: bigquery.Client, environment: str) -> Places:
    """Where each table of an environment is. Raises WarehouseError for an unknown environment."""
    found = {dataset.dataset_id for dataset in client.list_datasets()}
    schemas = {schema_for(layer, name) for name in (PRODUCTION, environment) for layer in LAYERS} & found
    listed = [(schema, table.table_id) for schema in schemas for table in client.list_tables(schema)]
    return own_places(listed, environment, environment_names(found))


_TYPES: Mapping[type, str] = {
    bool: "BOOL",
    int: "INT64",
    float: "FLOAT64",
    Decimal: "NUMERIC",
    str: "STRING",
    bytes: "BYTES",
    dt.datetime: "TIMESTAMP",
    dt.date: "DATE",
    dt.time: "TIME",
}


_ARROW: Mapping[str, pa.DataType] = {
    "INTEGER": pa.int64(),
    "FLOAT": pa.float64(),
    "NUMERIC": pa.decimal128(38, 9),
    "BIGNUMERIC": pa.decimal256(76, 38),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "DATETIME": pa.timestamp("us"),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "BYTES": pa.binary(),
}
"""What the client makes of BigQuery's types; others are texts."""


def _arrow_type(field: bigquery.SchemaField) -> pa.DataType:
    known = _ARROW.get(field.field_type, pa.string())
    return pa.list_(known) if field.mode == "REPEATED" else known


def _bound(values: Sequence[object]) -> list[bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter]:
    return [_parameter(f"p{place}", value) for place, value in enumerate(values, start=1)]


def _parameter(name: str, value: Any) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    if isinstance(value, list | tuple):
        return bigquery.ArrayQueryParameter(name, _type_of(next(iter(value), "")), list(value))
    return bigquery.ScalarQueryParameter(name, _type_of(value), value)


def _type_of(value: object) -> str:
    """BigQuery's type of a value: times are UTC, with and without a zone; NULL goes as text."""
    return _TYPES.get(type(value), "STRING")
