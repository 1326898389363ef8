"""What came in since an environment was last built: the days to compute again, and the rows that came too late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

from headrace.gateways import DUCKDB
from headrace.models import Span
from headrace.waiting import BY_DAY
from headrace.warehouse import PRODUCTION
from ingestion.declaration import Table, load_source

BUILDS = "headrace.builds"


@dataclass(frozen=True)
class LateRows:
    """Rows of a raw table that happened before its watermark less the lookback; only a restatement brings them in."""

    table: str
    rows: int
    span: Span
    until: date
    """The last day of the source: late rows change what came after them."""


@dataclass(frozen=True)
class Arrivals:
    """New batches since the last build: raw tables, days that they change within the lookback, what came too late."""

    tables: frozenset[str]
    span: Span | None
    late: tuple[LateRows, ...]
    through: datetime | None
    """When the last of the batches began; the next build starts after it."""

    def restated(self) -> Span | None:
        """The days that all new rows may change, the late ones too."""
        spans = [Span(one.span.start, one.until) for one in self.late] + ([self.span] if self.span else [])
        return _joined(spans)


@dataclass(frozen=True)
class _Batches:
    """Batches of one raw table that the same build takes, together."""

    source: str
    table: str
    declared: Table
    first: datetime | None
    last: datetime | None
    watermark: datetime | None
    """The latest time in the table that the build before had seen; None in the first build."""
    ids: list[str]
    through: datetime


def find_arrivals(
    connection: duckdb.DuckDBPyConnection, environment: str, lookback_days: int, *, gateway: str = DUCKDB
) -> Arrivals:
    """Read the ledger. A raw table that has no time of its own takes the days of its source.

    What came late stays in `late`, build after build, until one restates it. Models that are not built by days have all
    rows of a table as soon as any of its days is computed again: tables that only these read have no late rows.
    """
    _ensure_builds(connection)
    environment = _base(connection, build_key(environment, gateway))
    built, restated = _through(connection, environment)
    spans: list[Span] = []
    late: list[LateRows] = []
    new = _new_batches(connection, environment, built)
    for batches in new:
        span = _span(connection, batches)
        cutoff = _cutoff(batches, lookback_days) if _is_read_by_days(connection, batches.table) else span.end
        spans.append(Span(max(span.start, cutoff), span.end))
    for batches in _new_batches(connection, environment, restated):
        if _is_read_by_days(connection, batches.table):
            late += _late_rows(connection, batches, _cutoff(batches, lookback_days))
    return Arrivals(
        tables=frozenset(f"raw.{batches.table}" for batches in new) | {one.table for one in late},
        span=_joined(spans),
        late=tuple(late),
        through=max((batches.through for batches in new), default=built),
    )


def remember_build(
    connection: duckdb.DuckDBPyConnection,
    environment: str,
    through: datetime | None,
    *,
    is_restated: bool,
    gateway: str = DUCKDB,
) -> None:
    """Note that the environment has everything up to `through`; `is_restated`: the late rows too."""
    _ensure_builds(connection)
    key = build_key(environment, gateway)
    connection.execute(f"INSERT INTO {BUILDS} VALUES (?, ?, ?, ?)", [key, datetime.now(UTC), through, is_restated])


def forget_builds(connection: duckdb.DuckDBPyConnection, gateway: str) -> None:
    """Begin anew on a gateway: its tables are gone."""
    _ensure_builds(connection)
    connection.execute(f"DELETE FROM {BUILDS} WHERE starts_with(environment, ?)", [build_key("", gateway)])


def build_key(environment: str, gateway: str) -> str:
    """An environment as the builds name it: what was built on one gateway says nothing about another."""
    return environment if gateway == DUCKDB else f"{gateway}:{environment}"


_NEW_BATCHES = f"""
    WITH batches AS (
        SELECT
            *,
            (SELECT max(built_through) FROM {BUILDS} WHERE environment = $environment AND built_through < started_at)
                AS built_before
        FROM raw.loads
        WHERE status = 'loaded' AND rows_loaded > 0 AND started_at > coalesce($after::TIMESTAMPTZ, '-infinity')
    ), placed AS (
        SELECT
            *,
            (
                SELECT max(earlier.watermark_after) FROM raw.loads AS earlier
                WHERE earlier.source = batches.source AND earlier.table_name = batches.table_name
                    AND earlier.status = 'loaded' AND earlier.started_at <= built_before
            ) AS watermark
        FROM batches
    )
    SELECT source, table_name, min(min_event_at), max(max_event_at), watermark, list(batch_id), max(started_at)
    FROM placed
    GROUP BY source, table_name, watermark
    ORDER BY source, table_name, watermark
"""


_HAS_NOTE = f"SELECT 1 FROM information_schema.tables WHERE table_schema || '.' || table_name = '{BY_DAY}'"


def _ensure_builds(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE SCHEMA IF NOT EXISTS headrace")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {BUILDS} (environment VARCHAR NOT NULL, built_at TIMESTAMPTZ NOT NULL, "
        "built_through TIMESTAMPTZ, is_restated BOOLEAN NOT NULL)"
    )


def _through(connection: duckdb.DuckDBPyConnection, environment: str) -> tuple[datetime | None, datetime | None]:
    """Up to when batches are built, and up to when none of them has rows left out."""
    row = connection.execute(
        f"SELECT max(built_through), max(built_through) FILTER (is_restated) FROM {BUILDS} WHERE environment = ?",
        [environment],
    ).fetchone()
    return row if row else (None, None)


def _base(connection: duckdb.DuckDBPyConnection, environment: str) -> str:
    """Whose builds count: an environment that was never built begins with production's tables."""
    row = connection.execute(f"SELECT count(*) FROM {BUILDS} WHERE environment = ?", [environment]).fetchone()
    gateway, colon, _ = environment.rpartition(":")
    return environment if row and row[0] else f"{gateway}{colon}{PRODUCTION}"


def _new_batches(
    connection: duckdb.DuckDBPyConnection, environment: str, after: datetime | None
) -> tuple[_Batches, ...]:
    rows = connection.execute(_NEW_BATCHES, {"environment": environment, "after": after}).fetchall()
    return tuple(_batches(row) for row in rows)


def _batches(row: tuple[Any, ...]) -> _Batches:
    source, table, first, last, watermark, ids, through = row
    declared = next(one for one in load_source(source).tables.values() if one.contract == table)
    return _Batches(source, table, declared, first, last, watermark, ids, through)


def _cutoff(batches: _Batches, lookback_days: int) -> date:
    return batches.watermark.date() - timedelta(days=lookback_days) if batches.watermark else date.min


def _is_read_by_days(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether an incremental model stands on a raw table, as the last build noted; without a note any may."""
    if not connection.execute(_HAS_NOTE).fetchall():
        return True
    found = connection.execute(f"SELECT count(*) FROM {BY_DAY} WHERE table_name = ?", [table]).fetchone()
    return bool(found and found[0])


def _span(connection: duckdb.DuckDBPyConnection, batches: _Batches) -> Span:
    """The days that the new rows may change: from their own on, or without time (pages, attributes) from the first of
    their source, to its last. A first step takes the place of a later one, a user's company is that of all events."""
    row = connection.execute(
        "SELECT min(min_event_at), max(max_event_at) FROM raw.loads WHERE status = 'loaded' AND source = ?",
        [batches.source],
    ).fetchone()
    first, last = row if row and row[0] else (batches.through, batches.through)
    return Span((batches.first or first).date(), last.date())


def _late_rows(connection: duckdb.DuckDBPyConnection, batches: _Batches, cutoff: date) -> list[LateRows]:
    columns = batches.declared.time_columns
    if not columns or batches.first is None or batches.first.date() >= cutoff:
        return []
    relation = f'raw."{batches.table}"'
    time = "COALESCE({})".format(", ".join(f'"{column}"' for column in columns))
    row = connection.execute(
        f"SELECT count(*), min({time})::DATE, max({time})::DATE FROM {relation} "
        f"WHERE list_contains(?, _batch_id) AND {time} < ?",
        [batches.ids, cutoff],
    ).fetchone()
    if not row or not row[0]:
        return []
    return [LateRows(f"raw.{batches.table}", row[0], Span(row[1], row[2]), until=_span(connection, batches).end)]


def _joined(spans: list[Span]) -> Span | None:
    joined: Span | None = None
    for span in spans:
        joined = span if joined is None else joined | span
    return joined
