"""What was loaded, how far each environment is built, and which rules of the contracts are broken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import duckdb
import ibis

from contracts.results import COLUMNS, SCHEMA, TABLE
from headrace.arrivals import BUILDS, build_key
from headrace.config import Settings
from headrace.terminal import Row, Section, minute
from headrace.waiting import MODEL_TABLES, find_waits
from headrace.warehouse import PRODUCTION, environment_names, open_gateway, open_warehouse
from ingestion.ledger import LEDGER
from ingestion.status import source_status

SOURCE_COLUMNS = (
    "source",
    "table",
    "loaded",
    "late",
    "in quarantine",
    "watermark",
    "loaded at",
    "fresh",
    "failed files",
)
ENVIRONMENT_COLUMNS = (
    "environment",
    "built at",
    "built through",
    "batches waiting",
    "checked at",
    "rules",
    "broken errors",
    "broken warnings",
)
WAIT_COLUMNS = ("model", "ready until", "table", "complete until", "state")
RULE_COLUMNS = (
    "environment",
    "table",
    "column",
    "rule",
    "severity",
    "rows",
    "failing",
    "example",
    "checked at",
)


def warehouse_status(settings: Settings, source: str | None, now: datetime) -> tuple[Section, ...]:
    """Raw tables (of one source), environments, rules that the newest checks found broken, and what models wait for.

    Raises UnknownSource, WarehouseError, WarehouseBusy.
    """
    tables = _sources(settings, source, now)
    with open_warehouse(settings, read_only=True) as backend:
        known = _look_at_gateway(settings, backend.con)
        waits = _waits(backend.con, settings)
        built = _environments(backend.con, known, settings.gateway)
        broken = _broken_rules(backend.con, known)
    rules = sum(int(str(row[5])) for row in built)
    nothing = f"No rule of the contracts is broken: {rules:,} were checked" if rules else "No contract was checked yet"
    return (
        Section("tables", "Raw tables", SOURCE_COLUMNS, tables),
        Section("environments", "Environments", ENVIRONMENT_COLUMNS, built),
        Section("broken", "Broken rules of the contracts", RULE_COLUMNS, broken, empty=nothing),
        Section(
            "waits", "What models wait for", WAIT_COLUMNS, waits, empty="No model was built that waits for its sources"
        ),
    )


def _sources(settings: Settings, source: str | None, now: datetime) -> list[Row]:
    return [
        (
            one.source,
            f"raw.{one.table}",
            one.rows_loaded,
            one.rows_late,
            one.rows_waiting,
            minute(one.watermark),
            minute(one.loaded_at),
            None if one.loaded_at is None else "yes" if one.is_fresh(now) else "no",
            ", ".join(one.failed_files) or None,
        )
        for one in source_status(settings, source)
    ]


def _waits(connection: duckdb.DuckDBPyConnection, settings: Settings) -> list[Row]:
    if not _exists(connection, MODEL_TABLES) or not _exists(connection, LEDGER):
        return []
    return [
        (one.model, minute(one.ready_until), f"raw.{one.table}", minute(one.complete_until), one.state)
        for one in find_waits(connection, settings)
    ]


def _look_at_gateway(settings: Settings, connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The gateway's environments; makes `_NEWEST` within DuckDB, the results of each environment's newest check."""
    with open_gateway(settings, read_only=True) as backend:
        schemas = backend.list_databases()
        newest = COLUMNS.to_pyarrow().empty_table()
        if SCHEMA in schemas and TABLE in backend.list_tables(database=SCHEMA):
            results = backend.table(TABLE, database=SCHEMA)
            newest_at: Any = results.checked_at.max().over(ibis.window(group_by=results.environment.lower()))
            newest = results.mutate(_newest_at=newest_at).filter(lambda one: one.checked_at == one["_newest_at"])
            newest = newest.drop("_newest_at").to_pyarrow()
    connection.register(_NEWEST, newest)
    return environment_names(schemas)


def _environments(connection: duckdb.DuckDBPyConnection, known: Sequence[str], gateway: str) -> list[Row]:
    """How far each is built and what its newest check found; one that was never built stands on production's tables."""
    builds, checks = _builds(connection, gateway), _checks(connection)
    rows: list[Row] = []
    for name in known:
        built_at, through = builds.get(name, builds.get(PRODUCTION, (None, None)))
        checked_at, rules, errors, warnings = checks.get(name, (None, 0, 0, 0))
        waiting = _waiting(connection, through)
        rows.append((name, minute(built_at), minute(through), waiting, minute(checked_at), rules, errors, warnings))
    return rows


def _builds(connection: duckdb.DuckDBPyConnection, gateway: str) -> dict[str, tuple[datetime | None, datetime | None]]:
    if not _exists(connection, BUILDS):
        return {}
    rows = connection.execute(
        f"SELECT lower(environment), max(built_at), max(built_through) FROM {BUILDS} GROUP BY ALL"
    ).fetchall()
    here = build_key("", gateway)
    return {
        name.removeprefix(here): (built_at, through)
        for name, built_at, through in rows
        if name.startswith(here) and ":" not in name.removeprefix(here)
    }


_NEWEST = "newest_checks"


def _checks(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[datetime, int, int, int]]:
    rows = connection.execute(
        "SELECT lower(environment), max(checked_at), count(*), count(*) FILTER (NOT is_passed AND severity = 'error'), "
        f"count(*) FILTER (NOT is_passed AND severity = 'warn') FROM {_NEWEST} GROUP BY ALL"
    ).fetchall()
    return {name: (checked_at, rules, errors, warnings) for name, checked_at, rules, errors, warnings in rows}


def _broken_rules(connection: duckdb.DuckDBPyConnection, known: Sequence[str]) -> list[Row]:
    rows = connection.execute(
        "SELECT lower(environment), layer || '.' || table_name, column_name, rule, severity, rows_checked, "
        f"rows_failing, sample, checked_at FROM {_NEWEST} WHERE NOT is_passed AND list_contains(?, lower(environment)) "
        "ORDER BY severity, 1, 2, 3, 4",
        [list(known)],
    ).fetchall()
    return [(*row[:-2], _example(row[-2]), minute(row[-1])) for row in rows]


def _example(sample: str | None) -> str | None:
    """The first of the rows that a rule keeps as its sample."""
    if sample is None:
        return None
    found = json.loads(sample)
    first = found[0] if isinstance(found, list) else found
    return ", ".join(f"{name}={value}" for name, value in first.items())


def _waiting(connection: duckdb.DuckDBPyConnection, through: datetime | None) -> int:
    """Batches that the next build takes."""
    if not _exists(connection, LEDGER):
        return 0
    row = connection.execute(
        f"SELECT count(*) FROM {LEDGER} WHERE status = 'loaded' AND rows_loaded > 0 "
        "AND started_at > coalesce(?::TIMESTAMPTZ, '-infinity')",
        [through],
    ).fetchone()
    return int(row[0]) if row else 0


def _exists(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    schema, _, name = table.partition(".")
    query = "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?"
    return connection.execute(query, [schema, name]).fetchone() is not None
