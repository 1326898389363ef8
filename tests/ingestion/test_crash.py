"""Killed at any moment, an ingestion leaves all or nothing of a batch, and the next call finishes the work."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import duckdb
import pytest

from headrace.config import Settings, load_settings
from headrace.warehouse import open_warehouse
from ingestion.commit import roll_back
from ingestion.errors import LakeError
from ingestion.lake import batches
from ingestion.load import ingest
from tests.ingestion.conftest import balances, event, export

FILES, ROWS, KILLS = 6, 2000, 24

INGEST = """
from headrace.config import load_settings
from ingestion.load import ingest
ingest(load_settings(environ={"HEADRACE_DATA": data}), "consent", exports)
"""
STAGES = ("read", "staged", "in the transaction", "in the lake", "committed")
"""What an ingestion has done of a batch; one that is killed is killed after one of them."""
TRACED = """
import os, signal
import ingestion.commit as commit, ingestion.loader as loader
def tell(module, name, stage):
    done = getattr(module, name)
    def told(*arguments):
        result = done(*arguments)
        with open(trace, "a") as file:
            file.write(stage + "\\n")
        if stage == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(module, name, told)
for place, name, stage in zip((loader, loader, commit, commit, loader), functions, stages):
    tell(place, name, stage)
"""
FUNCTIONS = ("fingerprint", "stage_batch", "merge_batch", "publish", "commit")
"""After which each of the stages is reached."""
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["ingestion.load", "ibis.backends.duckdb"])


@pytest.fixture
def _big(exports: Path) -> None:
    for file in range(FILES):
        lines = [event(f"{file}-{row}", RATE="0" if row % 100 == 0 else "1") for row in range(ROWS)]
        export(exports / f"events-{file}.csv", lines)


def start(settings: Settings, exports: Path, last: str = "") -> ForkServerProcess:
    """Another process that ingests, writes the stages it reaches to `trace`, and kills itself at the `last` one."""
    told = {"trace": str(settings.data.parent / "trace"), "stages": STAGES, "functions": FUNCTIONS, "last": last}
    names = told | {"data": str(settings.data), "exports": str(exports)}
    process = FORKS.Process(target=exec, args=(TRACED + INGEST, names))
    process.start()
    return process


@pytest.mark.slow
@pytest.mark.usefixtures("_big")
def test_killed_at_random_moments(settings: Settings, exports: Path) -> None:
    draw = random.Random(7)
    began = time.monotonic()
    start(settings, exports).join()
    whole = time.monotonic() - began  # how long it takes on this machine, now
    settings.warehouse.unlink()
    killed = 0
    reached = []
    for _ in range(KILLS):
        (settings.data.parent / "trace").write_text("started\n")
        process = start(settings, exports)
        process.join(draw.uniform(0, whole))
        killed += process.is_alive()
        reached.append((settings.data.parent / "trace").read_text().splitlines()[-1])
        process.kill()
        process.join()
        if settings.warehouse.is_file() and batches_done(settings) == FILES:
            settings.warehouse.unlink()
    assert killed >= KILLS // 3
    assert len(set(reached)) >= 3, f"the kills came too much alike: {reached}"
    ingest(settings, "consent", exports)
    assert batches_done(settings) == FILES
    assert len(list(batches(settings.lake))) == FILES


@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("_big")
def test_killed_at_every_stage(settings: Settings, exports: Path, kills: int) -> None:
    """So many kills at each stage, on one warehouse: only those after the commit have done a batch."""
    for stage in STAGES:
        for kill in range(1, kills + 1):
            process = start(settings, exports, stage)
            process.join()
            assert process.exitcode == -signal.SIGKILL, f"{stage} was never reached"
            assert batches_done(settings) == (kill if stage == "committed" else 0)
    ingest(settings, "consent", exports)
    assert batches_done(settings) == FILES
    assert len(list(batches(settings.lake))) == FILES


def batches_done(settings: Settings) -> int:
    """How many batches are in the ledger; each of them must be there with all of its rows, and no other's."""
    with open_warehouse(settings, read_only=False) as backend:
        tables = backend.con.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
        if not {("raw.loads",), ("raw.consent__events",), ("quarantine.consent__events",)} <= set(tables):
            return 0
        loads = backend.con.execute("SELECT batch_id FROM raw.loads ORDER BY 1").fetchall()
        loaded, rejected = (
            backend.con.execute(f"SELECT {column}, count(*) FROM {table} GROUP BY 1 ORDER BY 1").fetchall()
            for column, table in (("_batch_id", "raw.consent__events"), ("batch_id", "quarantine.consent__events"))
        )
    assert loaded == [(batch, ROWS * 99 // 100) for (batch,) in loads]
    assert rejected == [(batch, ROWS // 100) for (batch,) in loads]
    return len(loads)


@pytest.mark.usefixtures("_big")
def test_of_two_at_once_the_second_waits(settings: Settings, exports: Path) -> None:
    both = [start(settings, exports) for _ in range(2)]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert batches_done(settings) == FILES


def test_a_lake_that_cannot_be_written_is_a_clear_error(tmp_path: Path, exports: Path) -> None:
    blocked = load_settings(environ={"HEADRACE_DATA": str(tmp_path / "blocked")})
    blocked.data.mkdir()
    export(exports / "events-1.csv", [event(1)])
    ingest(blocked, "consent", exports)
    export(exports / "events-2.csv", [event(2)])
    (blocked.lake / ".staging").rmdir() if (blocked.lake / ".staging").exists() else None
    (blocked.lake / ".staging").write_text("in the way")
    with pytest.raises(LakeError, match="lake cannot be written"):
        ingest(blocked, "consent", exports)
    assert balances(blocked)


def test_a_commit_that_fails_leaves_nothing_to_roll_back() -> None:
    """A full disk ends the transaction in COMMIT; its own error must be the one that is told."""
    with duckdb.connect() as connection:
        roll_back(connection)
        connection.execute("BEGIN; CREATE TABLE made (id INTEGER)")
        roll_back(connection)
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)
