"""Copies raw tables to BigQuery by load jobs whose ids follow from what they load, so that a retry does nothing twice.

Rows are judged once, on the way into DuckDB; what is copied are the batches that the ledger says were loaded.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from google.api_core.exceptions import Conflict, GoogleAPICallError, NotFound
from google.cloud import bigquery

from headrace.config import Settings
from headrace.warehouse import open_warehouse
from ingestion import sql
from ingestion.declaration import Table, known_sources, load_source
from ingestion.errors import IngestionError
from ingestion.ledger import LEDGER
from ingestion.tables import table_name

DATASET = "raw"
_ATTEMPTS = 5
"""Job ids of failed jobs are spent; so many further ones are tried."""


@dataclass(frozen=True)
class Shipped:
    """A load job; `is_new` is false when an earlier run had done it."""

    table: str
    job_id: str
    rows: int
    is_new: bool


@dataclass(frozen=True)
class _Part:
    """Rows to load by one job: a batch that is added, or a table that replaces what is there."""

    table: str
    label: str
    query: str
    schema: tuple[bigquery.SchemaField, ...]
    replaces: bool


def ship(settings: Settings, client: bigquery.Client, *, dataset: str = DATASET) -> tuple[Shipped, ...]:
    """Bring the raw tables and the ledger in `dataset` up to those of the warehouse.

    Tables that only grow get their new batches, the others are replaced as a whole. Raises WarehouseError, and
    IngestionError with BigQuery's own words.
    """
    client.create_dataset(dataset, exists_ok=True)
    with open_warehouse(settings, read_only=True) as backend, tempfile.TemporaryDirectory() as folder:
        shipped = [
            _load(client, dataset, part, _export(backend.con, part, Path(folder)))
            for part in _parts(backend.con, client, dataset)
        ]
    return tuple(shipped)


def _parts(connection: duckdb.DuckDBPyConnection, client: bigquery.Client, dataset: str) -> Iterator[_Part]:
    done = _batches(client, f"SELECT batch_id FROM {dataset}.loads WHERE status = 'loaded'")
    for source in map(load_source, known_sources()):
        for table in source.tables.values():
            loaded = [
                str(row[0])
                for row in connection.execute(
                    f"SELECT batch_id FROM {LEDGER} WHERE table_name = ? AND status = 'loaded' ORDER BY started_at",
                    [table.contract],
                ).fetchall()
            ]
            if done.issuperset(loaded):
                continue
            if table.mode == "append":
                # a run that died before it copied the ledger has left batches that only the table itself knows
                present = _batches(client, f"SELECT DISTINCT _batch_id FROM {dataset}.{table.contract}")
                yield from _new_batches(table, [batch for batch in loaded if batch not in done | present])
            else:
                yield _Part(table.contract, _digest(" ".join(loaded)), _select(table), _schema(table), replaces=True)
    rows = connection.execute(f"SELECT batch_id, status FROM {LEDGER} ORDER BY ALL").fetchall()
    query = f"SELECT * REPLACE (to_json(warnings)::VARCHAR AS warnings) FROM {LEDGER}"
    yield _Part("loads", _digest(str(rows)), query, _ledger_schema(connection, query), replaces=True)


def _batches(client: bigquery.Client, query: str) -> frozenset[str]:
    """The batch ids that a query gives; none where there is no such table yet."""
    try:
        return frozenset(str(row[0]) for row in client.query(query).result())
    except NotFound:
        return frozenset()


def _new_batches(table: Table, batches: list[str]) -> Iterator[_Part]:
    for batch in batches:
        query = f"{_select(table)} WHERE _batch_id = {sql.text(batch)}"
        yield _Part(table.contract, batch, query, _schema(table), replaces=False)


def _select(table: Table) -> str:
    return f"SELECT {sql.names(column.name for column in table.contract_class.columns())} FROM {table_name(table)}"


def _schema(table: Table) -> tuple[bigquery.SchemaField, ...]:
    """The contract's columns, with their descriptions."""
    return tuple(
        bigquery.SchemaField(column.name, column.type.sql_name.split("(")[0], description=column.description)
        for column in table.contract_class.columns()
    )


def _ledger_schema(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[bigquery.SchemaField, ...]:
    types = {"VARCHAR": "STRING", "BIGINT": "INT64", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP"}
    rows = connection.execute(f"DESCRIBE {query}").fetchall()
    return tuple(bigquery.SchemaField(row[0], types[row[1]]) for row in rows)


def _export(connection: duckdb.DuckDBPyConnection, part: _Part, folder: Path) -> Path:
    target = folder / "part.parquet"
    connection.execute(f"COPY ({part.query}) TO {sql.text(target)} (FORMAT parquet)")
    return target


def _load(client: bigquery.Client, dataset: str, part: _Part, path: Path) -> Shipped:
    """Run the part's job, or find that it ran. A failed job loaded nothing; the next attempt has an id of its own."""
    rows = pq.read_metadata(str(path)).num_rows
    for attempt in range(1, _ATTEMPTS + 1):
        job_id = f"headrace-{_digest(f'{client.project}.{dataset}')}-{part.table}-{part.label}-{attempt}"
        job, is_new = _job(client, dataset, part, path, job_id)
        try:
            job.result()
        except GoogleAPICallError as error:
            if is_new:
                raise IngestionError(f"BigQuery did not load raw.{part.table} (job {job_id}): {error}") from error
            continue
        return Shipped(part.table, job_id, rows, is_new)
    raise IngestionError(f"BigQuery failed to load raw.{part.table} {_ATTEMPTS} times: see its jobs headrace-*")


def _job(client: bigquery.Client, dataset: str, part: _Part, path: Path, job_id: str) -> tuple[Any, bool]:
    """The job of that id, and whether it was started just now; two runs at once start it once."""
    try:
        return client.get_job(job_id), False
    except NotFound:
        try:
            return _start(client, dataset, part, path, job_id), True
        except Conflict:
            return client.get_job(job_id), False


def _start(client: bigquery.Client, dataset: str, part: _Part, path: Path, job_id: str) -> Any:
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        schema=list(part.schema),
        write_disposition="WRITE_TRUNCATE" if part.replaces else "WRITE_APPEND",
    )
    with path.open("rb") as stream:
        return client.load_table_from_file(
            stream,
            f"{client.project}.{dataset}.{part.table}",
            job_id=job_id,
            job_config=config,
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
