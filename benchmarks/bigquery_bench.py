"""Builds on DuckDB and on BigQuery's emulator, first and incremental, with the bytes that BigQuery would bill.

    python -m benchmarks.bigquery_bench [--scale 0.05] [--days 30]

Both gateways build from the same warehouse file; the emulator is started for it and keeps its tables in memory. The
second build takes the last day's files. The emulator parses every statement in Python: its times say how many there
are, not how quick BigQuery is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from headrace.bigquery.emulator import emulator_of, install, start, stop
from headrace.config import load_settings
from headrace.cost.report import plan_cost
from headrace.gateways import DUCKDB, EMULATOR

LAST_DAY = "*-2025-06-30.*"
"""The sample ends on this day."""
MIB = 1024**2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="0.05")
    parser.add_argument("--days", default="30")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        os.environ |= {"HEADRACE_DATA": folder, "HEADRACE_EMULATOR": f"http://127.0.0.1:{_free_port()}"}
        emulator = emulator_of(load_settings(environ={**os.environ, "HEADRACE_GATEWAY": EMULATOR}))
        install(emulator)
        _headrace("sample", "--scale", options.scale, "--days", options.days)
        _move(data / "sample", data / "waiting")
        start(emulator, is_persistent=False)
        try:
            first = [_time("build", "--gateway", gateway) for gateway in (DUCKDB, EMULATOR)]
            shutil.copytree(data / "waiting", data / "sample", dirs_exist_ok=True)
            second = [_time("build", "--gateway", gateway) for gateway in (DUCKDB, EMULATOR)]
            cost = plan_cost(load_settings(), "prod")
        finally:
            stop(emulator)
    table = Table("build", "DuckDB s", "emulator s", "emulator / DuckDB", "estimated MiB billed")
    billed = (sum(one.full for one in cost.models), sum(one.run for one in cost.models))
    for name, times, size in zip(("first", "incremental"), (first, second), billed, strict=True):
        ours, theirs = times
        table.add_row(name, f"{ours:.1f}", f"{theirs:.1f}", f"{theirs / ours:.1f}", f"{size / MIB:,.0f}")
    Console().print(table)
    return 0


def _move(sample: Path, waiting: Path) -> None:
    """Keep the last day's files back."""
    for path in sorted(sample.rglob(LAST_DAY)):
        place = waiting / path.relative_to(sample)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, place)


def _time(*arguments: str) -> float:
    began = time.perf_counter()
    _headrace(*arguments)
    return time.perf_counter() - began


def _headrace(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "headrace", *arguments], check=True, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
