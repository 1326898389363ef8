"""Copies what landed to BigQuery by load jobs whose ids follow from what they load, so that a retry does nothing twice.

Rows are judged once, on the way into DuckDB; what is copied are the batches that the ledger says were loaded, the
quarantine, and the ledger itself, last.
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
from ingestion.quarantine import SCHEMA as QUARANTINE
from ingestion.quarantine import quarantined_tables
from ingestion.tables import table_name

DATASET = "raw"
_ATTEMPTS = 5
"""Job ids of failed jobs are spent; so many further ones are tried."""
_CLUSTERED = 4
"""BigQuery clusters by at most four columns."""
_TYPES = {"VARCHAR": "STRING", "BIGINT": "INT64", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP"}


@dataclass(frozen=True)
class Shipped:
    """A load job; `is_new` is false when an earlier run had done it."""

    table: str
    job_id: str
    rows: int
    is_new: bool


@dataclass(frozen=True)
class _Part:
    """Rows to load by one job: batches that are added, or a table that replaces what is there."""

    dataset: str
    table: str
    label: str
    query: str
    schema: tuple[bigquery.SchemaField, ...]
    replaces: bool
    partitioning: bigquery.TimePartitioning | None = None
    clustering: tuple[str, ...] = ()


def ship(settings: Settings, client: bigquery.Client, *, anew: bool = False) -> tuple[Shipped, ...]:
    """Bring raw tables, quarantine and ledger on BigQuery up to those of the warehouse file.

    Tables that only grow get their new batches, the others are replaced as a whole; `anew` replaces all of them, as
    after a replay. Raw tables are there afterwards even if nothing was ever loaded into them, with the columns and
    descriptions of their contracts. Raises WarehouseError, and IngestionError with BigQuery's own words.
    """
    for dataset in (DATASET, QUARANTINE):
        client.create_dataset(dataset, exists_ok=True)
    with open_warehouse(settings, read_only=True) as backend, tempfile.TemporaryDirectory() as folder:
        _ensure_tables(client)
        shipped = [
            _load(client, part, _export(backend.con, part, Path(folder)))
            for part in _parts(backend.con, client, anew=anew)
        ]
    return tuple(shipped)


def _ensure_tables(client: bigquery.Client) -> None:
    """Make raw tables that are missing, and add columns that their contracts have gained."""
    present = {listed.table_id for listed in client.list_tables(DATASET)}
    for table in _tables():
        place = f"{client.project}.{DATASET}.{table.contract}"
        if table.contract not in present:
            made = bigquery.Table(place, schema=list(_schema(table)))
            made.description = table.contract_class.terms().description
            made.time_partitioning, made.clustering_fields = _partitioning(table), list(_clustering(table))
            client.create_table(made, exists_ok=True)
            continue
        found = client.get_table(place)
        names = {field.name for field in found.schema}
        gained = [field for field in _schema(table) if field.name not in names]
        if gained:
            found.schema = [*found.schema, *gained]
            client.update_table(found, ["schema"])


def _tables() -> Iterator[Table]:
    for source in map(load_source, known_sources()):
        yield from source.tables.values()


def _parts(connection: duckdb.DuckDBPyConnection, client: bigquery.Client, *, anew: bool) -> Iterator[_Part]:
    done = frozenset() if anew else _batches(client, f"SELECT batch_id FROM {DATASET}.loads WHERE status = 'loaded'")
    for table in _tables():
        loaded = _loaded(connection, table)
        if done.issuperset(loaded):
            continue
        if table.mode == "append" and not anew:
            # a run that died before it copied the ledger has left batches that only the table itself knows
            present = _batches(client, f"SELECT DISTINCT _batch_id FROM {DATASET}.{table.contract}")
            new = [batch for batch in loaded if batch not in done | present]
            if new:
                listed = ", ".join(sql.text(batch) for batch in new)
                yield _part(table, _digest(listed), f"WHERE _batch_id IN ({listed})", replaces=False)
        else:
            # a replay makes the same batches again: only when they were made tells them apart
            yield _part(table, _digest(str(sorted(loaded.items()))), "", replaces=True)
    for name in quarantined_tables(connection):
        yield from _quarantine(connection, name)
    yield _whole(
        connection, DATASET, "loads", f"SELECT * REPLACE (to_json(warnings)::VARCHAR AS warnings) FROM {LEDGER}"
    )


def _loaded(connection: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    """Batch id -> when the batch was written into the warehouse file."""
    rows = connection.execute(
        f"SELECT batch_id, finished_at::VARCHAR FROM {LEDGER} WHERE table_name = ? AND status = 'loaded' "
        "ORDER BY started_at",
        [table.contract],
    ).fetchall()
    return dict(rows)


def _batches(client: bigquery.Client, query: str) -> frozenset[str]:
    """The batch ids that a query gives; none where there is no such table yet."""
    try:
        return frozenset(str(row[0]) for row in client.query(query).result())
    except NotFound:
        return frozenset()


def _part(table: Table, label: str, condition: str, *, replaces: bool) -> _Part:
    columns = sql.names(column.name for column in table.contract_class.columns())
    query = f"SELECT {columns} FROM {table_name(table)} {condition}"
    partitioning, clustering = _partitioning(table), _clustering(table)
    return _Part(DATASET, table.contract, label, query, _schema(table), replaces, partitioning, clustering)


def _quarantine(connection: duckdb.DuckDBPyConnection, name: str) -> Iterator[_Part]:
    """The rejected rows of a table, if there are any; lists go as JSON texts."""
    place = f"{QUARANTINE}.{sql.name(name)}"
    if connection.execute(f"SELECT 1 FROM {place} LIMIT 1").fetchone():
        texts = ", ".join(f"to_json({column})::VARCHAR AS {column}" for column in ("reasons", "rules"))
        yield _whole(connection, QUARANTINE, name, f"SELECT * REPLACE ({texts}) FROM {place}")


def _whole(connection: duckdb.DuckDBPyConnection, dataset: str, name: str, query: str) -> _Part:
    """A table of our own that replaces what is there, labelled by its content."""
    described = connection.execute(f"DESCRIBE {query}").fetchall()
    schema = tuple(bigquery.SchemaField(row[0], _TYPES[row[1]]) for row in described)
    content = connection.execute(f"SELECT count(*), sum(hash(one)::HUGEINT)::VARCHAR FROM ({query}) AS one").fetchone()
    return _Part(dataset, name, _digest(str(content)), query, schema, replaces=True)


def _schema(table: Table) -> tuple[bigquery.SchemaField, ...]:
    """The contract's columns, with their descriptions."""
    return tuple(
        bigquery.SchemaField(column.name, column.type.sql_name.split("(")[0], description=column.description)
        for column in table.contract_class.columns()
    )


def _partitioning(table: Table) -> bigquery.TimePartitioning | None:
    """By month of when it happened, what only grows: runs read a few days, and one load may touch 4,000 partitions."""
    if table.mode != "append" or table.time_column is None:
        return None
    return bigquery.TimePartitioning(type_=bigquery.TimePartitioningType.MONTH, field=table.time_column)


def _clustering(table: Table) -> tuple[str, ...]:
    """By time within the month, then by key."""
    first = (table.time_column,) if table.time_column else ()
    return tuple(dict.fromkeys((*first, *table.contract_class.terms().key)))[:_CLUSTERED]


def _export(connection: duckdb.DuckDBPyConnection, part: _Part, folder: Path) -> Path:
    target = folder / "part.parquet"
    connection.execute(f"COPY ({part.query}) TO {sql.text(target)} (FORMAT parquet)")
    return target


def _load(client: bigquery.Client, part: _Part, path: Path) -> Shipped:
    """Run the part's job, or find that it ran. A failed job loaded nothing; the next attempt has an id of its own."""
    rows, name = pq.read_metadata(str(path)).num_rows, f"{part.dataset}.{part.table}"
    for attempt in range(1, _ATTEMPTS + 1):
        job_id = f"headrace-{_digest(client.project)}-{part.dataset}-{part.table}-{part.label}-{attempt}"
        job, is_new = _job(client, part, path, job_id)
        try:
            job.result()
        except GoogleAPICallError as error:
            if is_new:
                raise IngestionError(f"BigQuery did not load {name} (job {job_id}): {error}") from error
            continue
        return Shipped(name, job_id, rows, is_new)
    raise IngestionError(f"BigQuery failed to load {name} {_ATTEMPTS} times: see its jobs headrace-*")


def _job(client: bigquery.Client, part: _Part, path: Path, job_id: str) -> tuple[Any, bool]:
    """The job of that id, and whether it was started just now; two runs at once start it once."""
    try:
        return client.get_job(job_id), False
    except NotFound:
        try:
            return _start(client, part, path, job_id), True
        except Conflict:
            return client.get_job(job_id), False


def _start(client: bigquery.Client, part: _Part, path: Path, job_id: str) -> Any:
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        schema=list(part.schema),
        write_disposition="WRITE_TRUNCATE" if part.replaces else "WRITE_APPEND",
    )
    if part.partitioning:
        config.time_partitioning = part.partitioning
    if part.clustering:
        config.clustering_fields = list(part.clustering)
    with path.open("rb") as stream:
        return client.load_table_from_file(
            stream,
            f"{client.project}.{part.dataset}.{part.table}",
            job_id=job_id,
            job_config=config,
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
