"""The emulator, once for each process of tests: set up the first time, in a folder that later runs find again."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator, emulator_of, install, start, stop
from headrace.build import ensure_raw_tables
from headrace.config import Settings, load_settings
from headrace.gateways import DUCKDB, EMULATOR
from ingestion.bigquery import ship
from ingestion.load import ingest
from ingestion.sample import write_sample
from tests.bigquery.loading import clear, connection_to

LEFT_OUT = ("commerce/events/*-06-26.*", "consent/events/parquet/*-06-26.*")
"""Files of the sample with more of what the others have: only the time that they take would grow."""


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator on a free port, which keeps its tables in memory; `HEADRACE_EMULATOR` says where it is."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADRACE_EMULATOR", f"http://127.0.0.1:{port}")
        one = emulator_of(load_settings(environ={**os.environ, **on_emulator(tmp_path_factory.mktemp("emulator"))}))
        install(one)
        start(one, is_persistent=False)
        try:
            yield one
        finally:
            stop(one)


def on_emulator(data: Path) -> dict[str, str]:
    """What a process needs to know to work on a data folder by the emulator's gateway."""
    return {"HEADRACE_DATA": str(data), "HEADRACE_GATEWAY": EMULATOR}


@pytest.fixture
def landed(emulator: Emulator, tmp_path: Path) -> Iterator[tuple[Settings, Settings]]:
    """The same raw rows of every source on both gateways, and nothing else."""
    ours, theirs = (_on(gateway, tmp_path) for gateway in (DUCKDB, EMULATOR))
    write_sample(ours.sample, scale=0.01, days=14, late=0.05, dirty=0.02)
    for pattern in LEFT_OUT:
        for path in ours.sample.glob(pattern):
            path.unlink()
    ensure_raw_tables(ours)
    for source, path in ours.sources.items():
        assert not ingest(ours, source, path).failures
    with closing(open_client(connection_to(emulator))) as client:
        clear(client)
        ship(theirs, client)
        yield ours, theirs
        clear(client)


def _on(gateway: str, data: Path) -> Settings:
    return load_settings(environ={**os.environ, "HEADRACE_DATA": str(data), "HEADRACE_GATEWAY": gateway})
