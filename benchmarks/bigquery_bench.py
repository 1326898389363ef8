"""Builds on DuckDB and on BigQuery's emulator, first and incremental, with the bytes that BigQuery would bill.

    python -m benchmarks.bigquery_bench [--scale 0.01] [--days 14]

Both gateways build from the same warehouse file; the emulator is started for it and keeps its tables in memory. The
second build takes the last day's files. The emulator parses every statement in Python: its times say how many there
are, not how quick BigQuery is. A small sample reads less than the 10 MB that each table counts for at least, so the
bytes that are read stand beside those that are billed.
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
from headrace.cost.report import PlanCost, plan_cost
from headrace.gateways import DUCKDB, EMULATOR

LAST_DAY = "*-2025-06-30.*"
"""The sample ends on this day."""
MIB = 1024**2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="0.01")
    parser.add_argument("--days", default="14")
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
    _show(first, second, cost)
    return 0


def _show(first: list[float], second: list[float], cost: PlanCost) -> None:
    table = Table("build", "DuckDB s", "emulator s", "emulator / DuckDB", "MiB read", "MiB billed", "USD")
    read = (sum(one.read for one in cost.models), sum(one.run_read for one in cost.models))
    billed = (sum(one.full for one in cost.models), sum(one.run for one in cost.models))
    dollars = (cost.full_usd, cost.run_usd)
    rows = zip(("first", "incremental"), (first, second), read, billed, dollars, strict=True)
    for name, (ours, theirs), size, bill, price in rows:
        ratio, sizes = f"{theirs / ours:.1f}", (f"{size / MIB:,.1f}", f"{bill / MIB:,.0f}")
        table.add_row(name, f"{ours:.1f}", f"{theirs:.1f}", ratio, *sizes, f"{price:.4f}")
    ratios = [f"{after / before:.2f}" for before, after in (*zip(first, second, strict=True), read, billed, dollars)]
    table.add_row("incremental / first", ratios[0], ratios[1], "", *ratios[2:])
    Console(width=110).print(table)


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
