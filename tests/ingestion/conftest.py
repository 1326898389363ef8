"""Exports made on the spot, and a warehouse of its own for every test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from headrace.config import Settings, load_settings
from headrace.warehouse import open_warehouse

collect_ignore = [] if shutil.which("initdb") else ["test_postgres.py"]

HEADER = (
    "EVENT_ID,TYPE,RATE,PARAMETERS,EVENT_TIME,WINDOW_START,APIKEY,CONSENT,COUNT,EXPERIMENT,SDK_TYPE,DOMAIN,"
    "DEPLOYMENT_ID,COUNTRY,REGION,BROWSER_FAMILY,DEVICE_TYPE"
)


def event(number: int | str, **changed: str) -> str:
    """A line of a consent export that keeps its contract, but for what is changed."""
    values = {
        "EVENT_ID": f"e{number}",
        "TYPE": "pageview",
        "RATE": "0.1",
        "EVENT_TIME": "2025-01-01 00:00:00.000",
        "APIKEY": "k1",
        "CONSENT": "empty",
        "COUNT": "1",
        "COUNTRY": '"""FR"""',
    } | changed
    return ",".join(values.get(name, "") for name in HEADER.split(","))


def export(path: Path, lines: Sequence[str], *, header: str = HEADER, end: str = "\n") -> Path:
    """Write a consent export."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(end.join([header, *lines, ""]).encode())
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environ={"HEADRACE_DATA": str(tmp_path / "data")})


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    """An empty folder to ingest from."""
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder


@pytest.fixture
def rows(settings: Settings) -> Callable[..., list[tuple[Any, ...]]]:
    """Run a query on the warehouse."""

    def run(query: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        with open_warehouse(settings, read_only=True) as backend:
            found: list[tuple[Any, ...]] = backend.con.execute(query, parameters or {}).fetchall()
            return found

    return run


def balances(settings: Settings) -> bool:
    """Whether every row that was read is loaded, in quarantine or a duplicate, and the tables agree with the ledger."""
    with open_warehouse(settings, read_only=True) as backend:
        uneven = backend.con.execute(
            "SELECT count(*) FROM raw.loads WHERE rows_read <> rows_loaded + rows_quarantined + rows_duplicate"
        ).fetchone()
        loaded = backend.con.execute("SELECT sum(rows_loaded) FROM raw.loads WHERE table_name = 'consent__events'")
        counted = (loaded.fetchone() or (0,))[0] or 0
        held = (backend.con.execute("SELECT count(*) FROM raw.consent__events").fetchone() or (0,))[0]
        return uneven == (0,) and counted == held
