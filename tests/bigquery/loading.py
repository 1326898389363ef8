"""Tables of a DuckDB, loaded into the emulator as they are: quicker than to build them there."""

from __future__ import annotations

import io
from collections.abc import Iterable

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery

from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator
from headrace.gateways import BigQueryConnection

_TYPES = {
    "BIGINT": "INT64", "INTEGER": "INT64", "DOUBLE": "FLOAT64", "BOOLEAN": "BOOL", "VARCHAR": "STRING", "DATE": "DATE",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP", "TIMESTAMP": "DATETIME", "HUGEINT": "NUMERIC",
}  # fmt: skip


def connection_to(emulator: Emulator) -> BigQueryConnection:
    return BigQueryConnection(type="bigquery_emulator", project=emulator.project, endpoint=emulator.url)


def clear(client: bigquery.Client) -> None:
    """Drop every dataset: other tests have left theirs."""
    for dataset in client.list_datasets():
        client.delete_dataset(dataset.reference, delete_contents=True, not_found_ok=True)


def load(connection: duckdb.DuckDBPyConnection, emulator: Emulator, places: Iterable[tuple[str, str]]) -> None:
    """Copy tables `(schema, table)` into datasets of the same name."""
    client = open_client(connection_to(emulator))
    for schema, table in places:
        client.create_dataset(schema, exists_ok=True)
        columns = [(str(row[0]), str(row[1])) for row in connection.execute(f'DESCRIBE {schema}."{table}"').fetchall()]
        parts = ", ".join(_part(name, kind) for name, kind in columns)
        rows = connection.execute(f'SELECT {parts} FROM {schema}."{table}"').to_arrow_table()
        fields = [bigquery.SchemaField(name, _type(kind)) for name, kind in columns]
        config = bigquery.LoadJobConfig(
            source_format="PARQUET", schema=fields, write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE
        )
        place = f"{client.project}.{schema}.{table}"
        client.load_table_from_file(_parquet(rows), place, job_config=config).result()
    client.close()  # type: ignore[no-untyped-call]


def _part(name: str, kind: str) -> str:
    if _type(kind) == "NUMERIC":
        return f'CAST("{name}" AS DECIMAL(38, 9)) AS "{name}"'
    return f'"{name}"' if kind in _TYPES else f'CAST("{name}" AS VARCHAR) AS "{name}"'


def _type(kind: str) -> str:
    return "NUMERIC" if kind.startswith("DECIMAL") else _TYPES.get(kind, "STRING")


def _parquet(rows: pa.Table) -> io.BytesIO:
    stream = io.BytesIO()
    pq.write_table(rows, stream)
    stream.seek(0)
    return stream
