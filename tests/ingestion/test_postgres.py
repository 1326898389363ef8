"""PostgreSQL tables through ADBC, against a server of our own; collected where PostgreSQL is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from headrace.config import Settings
from ingestion.load import ingest

Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def server() -> Iterator[str]:
    """A URL of an empty database; the server stops with the test."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        as_user: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
            as_user = ["setpriv", "--reuid=nobody", "--clear-groups"]
        data = Path(folder) / "data"
        subprocess.run(
            [*as_user, "initdb", "-D", str(data), "-U", "shop", "-A", "trust"], check=True, capture_output=True
        )
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        control = [*as_user, "pg_ctl", "-D", str(data), "-w", "-l", str(Path(folder) / "log")]
        subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True)
        try:
            yield f"postgresql://shop:secret@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True)


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
