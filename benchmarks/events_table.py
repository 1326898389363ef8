"""A `core.events` of made events in a DuckDB file, for benchmarks of the models."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

DAY = "2025-06-01"
DAYS = 30
PER_USER = 100


def connect(path: str, threads: int = 2) -> duckdb.DuckDBPyConnection:
    """As the warehouse is opened, with a number of threads."""
    connection = duckdb.connect(path, config={"disabled_optimizers": "common_subplan"})
    connection.execute(f"SET TimeZone = 'UTC'; SET threads = {threads}")
    return connection


def create(connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str]) -> None:
    listed = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
    connection.execute(f"CREATE TABLE {table} ({listed})")


def make_events(
    connection: duckdb.DuckDBPyConnection,
    events: int,
    columns: Mapping[str, str],
    *,
    names: int = 8,
    users: int | None = None,
    grid_seconds: int = 7,
    span_seconds: int = DAYS * 86400,
) -> None:
    """Events e0, e1, ... of one source, evenly over a span, their ids in no order; on a coarse grid many tie."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS core")
    create(connection, "core.events", columns)
    connection.execute(
        f"""
        INSERT INTO core.events BY NAME
        SELECT 'x:' || id AS event_key, id AS event_id,
            'x:u' || hash(i) % {users or max(events // PER_USER, 1)} AS user_key,
            TIMESTAMPTZ '{DAY} 00:00:00+00'
                + to_seconds((hash(i + 1) % {span_seconds // grid_seconds})::BIGINT * {grid_seconds}) AS occurred_at,
            'x' AS record_source, 'e' || hash(i + 2) % {names} AS event_name, FALSE AS is_staff, FALSE AS is_bot
        FROM (SELECT i, printf('%016x', hash(i + 3)) AS id FROM range({events}) AS numbers (i))
        """
    )
