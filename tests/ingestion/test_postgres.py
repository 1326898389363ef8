"""PostgreSQL tables through ADBC, against a server of our own; collected where PostgreSQL is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from headrace.config import Settings
from ingestion.load import ingest
from tests.postgresql import postgresql

Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


def test_postgres_is_read_incrementally_and_the_password_kept_out(settings: Settings, server: str, rows: Rows) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SET TIME ZONE 'America/New_York'")
        connection.execute(
            "CREATE TABLE users (user_id text PRIMARY KEY, signed_up_at timestamptz, country text, platform text, "
            "channel text, campaign_id text, timezone text, is_staff boolean, updated_at timestamptz)"
        )
        add = "INSERT INTO users VALUES (%s, '2025-01-01 00:00-05', 'US', 'web', NULL, NULL, NULL, true, %s)"
        connection.execute(add, ("u1", "2025-01-01 00:00:00.123456-05"))
        ingest(settings, "rewards", server)
        connection.execute(add, ("u2", "2025-01-02 00:00-05"))
        second = ingest(settings, "rewards", server)
    assert (second.counts.rows_read, second.counts.rows_loaded) == (2, 1)
    assert rows("SELECT user_id, is_staff, updated_at::VARCHAR FROM raw.rewards__users ORDER BY 1") == [
        ("u1", True, "2025-01-01 05:00:00.123456+00"),
        ("u2", True, "2025-01-02 05:00:00+00"),
    ]
    assert rows("SELECT count(*) FROM raw.loads WHERE location LIKE '%secret%' OR file LIKE '%secret%'") == [(0,)]
