"""The emulator, once for each process of tests: set up the first time, in a folder that later runs find again."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.bigquery.emulator import Emulator, emulator_of, install, start, stop
from headrace.config import load_settings
from headrace.gateways import EMULATOR


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator on a free port, which keeps its tables in memory; `HEADRACE_EMULATOR` says where it is."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADRACE_EMULATOR", f"http://127.0.0.1:{port}")
        one = emulator_of(load_settings(environ={**os.environ, **on_emulator(tmp_path_factory.mktemp("emulator"))}))
        one.environment.parent.mkdir(parents=True, exist_ok=True)
        with (one.environment.parent / "emulator.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            install(one)
        start(one, is_persistent=False)
        try:
            yield one
        finally:
            stop(one)


def on_emulator(data: Path) -> dict[str, str]:
    """What a process needs to know to work on a data folder by the emulator's gateway."""
    return {"HEADRACE_DATA": str(data), "HEADRACE_GATEWAY": EMULATOR}
