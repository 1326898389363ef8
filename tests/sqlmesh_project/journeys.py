"""The past as data: what people did, as rows of core.events in a DuckDB of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

BEGIN = datetime(2025, 6, 1, tzinfo=UTC)
"""The first day of all journeys."""

COLUMNS = {
    "event_key": "VARCHAR",
    "event_id": "VARCHAR",
    "user_key": "VARCHAR",
    "user_id": "VARCHAR",
    "company_key": "VARCHAR",
    "company_id": "VARCHAR",
    "occurred_at": "TIMESTAMPTZ",
    "record_source": "VARCHAR",
    "event_type": "VARCHAR",
    "event_name": "VARCHAR",
    "platform": "VARCHAR",
    "device_type": "VARCHAR",
    "browser": "VARCHAR",
    "domain": "VARCHAR",
    "country": "VARCHAR",
    "region": "VARCHAR",
    "consent_status": "VARCHAR",
    "properties": "VARCHAR",
    "sampling_rate": "DOUBLE",
    "observed_count": "DOUBLE",
    "estimated_count": "DOUBLE",
    "is_sampling_rate_missing": "BOOLEAN",
    "is_staff": "BOOLEAN",
    "is_bot": "BOOLEAN",
    "batch_id": "VARCHAR",
    "loaded_at": "TIMESTAMPTZ",
}
"""core.events on DuckDB."""


@dataclass(frozen=True, order=True)
class Event:
    """One event; sorts in the total order. `second` counts from BEGIN, `arrival` is the day it becomes known."""

    second: int
    event_id: str
    user: str | None = "ada"
    name: str = "a"
    country: str | None = None
    arrival: int = 0

    @property
    def at(self) -> datetime:
        return BEGIN + timedelta(seconds=self.second)

    @property
    def day(self) -> int:
        return self.second // 86400


def warehouse() -> duckdb.DuckDBPyConnection:
    """An empty warehouse with core.events, its catalog named as the models know it."""
    connection = duckdb.connect()
    connection.execute("ATTACH ':memory:' AS warehouse")
    connection.execute("USE warehouse")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET threads = 1")
    connection.execute("CREATE SCHEMA core")
    connection.execute(f"CREATE TABLE core.events ({', '.join(f'{name} {type_}' for name, type_ in COLUMNS.items())})")
    return connection


def insert(connection: duckdb.DuckDBPyConnection, events: Iterable[Event], source: str = "x") -> None:
    """Put events into core.events; event types are their names, all are of one company."""
    rows = [
        (
            f"{source}:{one.event_id}",
            one.event_id,
            one.user,
            one.at,
            source,
            one.name,
            one.name,
            one.country,
            False,
            False,
            1.0,
            "co",
        )
        for one in events
    ]
    names = (
        "event_key, event_id, user_key, occurred_at, record_source, event_type, event_name, country, is_staff, is_bot"
    )
    if rows:
        values = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
        connection.execute(
            f"INSERT INTO core.events ({names}, estimated_count, company_key) VALUES {values}",
            [cell for row in rows for cell in row],
        )
