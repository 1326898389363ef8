"""What models wait for: sources that have fallen behind, and days that were held back for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
from sqlglot import parse_one

from headrace.config import Settings
from ingestion.declaration import known_sources, load_source
from sqlmesh_project.readiness import EVIDENCE, Evidence, Readiness, raw_tables, readiness

if TYPE_CHECKING:
    from sqlmesh import Context

MODEL_TABLES = "headrace.model_tables"
BY_DAY = "headrace.tables_by_day"


@dataclass(frozen=True)
class Wait:
    """A raw table that a model reads: up to when it is complete, and up to when the model is ready."""

    model: str
    table: str
    complete_until: datetime | None
    ready_until: datetime | None
    state: str


@dataclass(frozen=True)
class Reads:
    """What models read of raw tables, these without their schema."""

    waiting: Mapping[str, tuple[str, ...]]
    """The models that wait for their sources, each with the tables that it reads itself."""
    by_day: frozenset[str]
    """The tables that models which are built by days stand on, through whatever is between."""


def find_reads(context: Context) -> Reads:
    """What the models of a project read."""
    snapshots = context.snapshots
    models = [one for one in snapshots.values() if one.is_model]
    waiting = [one for one in models if any(name == "loaded" for name, _ in one.model.signals)]
    by_day = [one for one in models if one.is_incremental_by_time_range]
    return Reads(
        {one.name.replace('"', "").split(".", 1)[-1]: raw_tables(one, snapshots) for one in waiting},
        frozenset(table for one in by_day for table in raw_tables(one, snapshots, is_through_tables=True)),
    )


def remember_reads(connection: duckdb.DuckDBPyConnection, reads: Reads) -> None:
    """Keep what the models read: the status tells what waits, the next build which days to compute again, by it."""
    connection.execute(f"CREATE OR REPLACE TABLE {MODEL_TABLES} (model VARCHAR NOT NULL, table_name VARCHAR NOT NULL)")
    for model, read in reads.waiting.items():
        for table in read:
            connection.execute(f"INSERT INTO {MODEL_TABLES} VALUES (?, ?)", [model, table])
    connection.execute(
        f"CREATE OR REPLACE TABLE {BY_DAY} AS SELECT unnest($1::VARCHAR[]) AS table_name", [sorted(reads.by_day)]
    )


def find_waits(connection: duckdb.DuckDBPyConnection, settings: Settings) -> tuple[Wait, ...]:
    """For every model that was built, the raw tables that say when its days are ready."""
    found = connection.execute(
        f"SELECT model, list(table_name ORDER BY table_name) FROM {MODEL_TABLES} GROUP BY model ORDER BY model"
    ).fetchall()
    evidence = read_evidence(connection)
    timed = {one.contract for name in known_sources() for one in load_source(name).tables.values() if one.time_column}
    waits: list[Wait] = []
    for model, tables in found:
        ready = how_ready(evidence, tables, settings)
        waits += _reached(model, ready)
        reached = {one.table for one in ready.reaches}
        waits += [
            Wait(model, table, None, ready.until, "never loaded: not waited for")
            for table in tables
            if table in timed and table not in reached
        ]
    return tuple(waits)


def read_evidence(connection: duckdb.DuckDBPyConnection) -> list[Evidence]:
    """What the ledger shows of all tables."""
    query = parse_one(EVIDENCE, dialect="bigquery").sql("duckdb")
    return [Evidence(*row) for row in connection.execute(query).fetchall()]


def how_ready(evidence: list[Evidence], tables: tuple[str, ...], settings: Settings) -> Readiness:
    """How far raw tables reach, by the grace and the patience of the configuration."""
    grace = timedelta(hours=int(str(settings.variables["source_grace_hours"])))
    patience = timedelta(days=int(str(settings.variables["source_patience_days"])))
    return readiness(evidence, tables, grace, patience)


def _reached(model: str, ready: Readiness) -> list[Wait]:
    furthest = ready.reaches[-1].until if ready.reaches else datetime.max.replace(tzinfo=UTC)
    return [
        Wait(model, one.table, one.until, ready.until, _state(one.until, one.is_awaited, ready.until, furthest))
        for one in ready.reaches
    ]


def _state(until: datetime, is_awaited: bool, ready: datetime | None, furthest: datetime) -> str:
    if not is_awaited:
        return "fell behind: not waited for"
    return "waited for" if until == ready and ready < furthest else "has arrived"
