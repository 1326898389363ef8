"""Peak memory of processes that load few and many rows of the same export: it must not grow with the file.

    python -m benchmarks ingest_memory
    python benchmarks/ingest_memory_bench.py [--rows 2000000 20000000] [--format csv]

Ends with 1 when the bound is broken.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.ingest_bench import load, write

BOUND = 1.5


def main() -> int:
    """Load both sizes, each in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs=2, default=(2_000_000, 20_000_000))
    parser.add_argument("--format", choices=("csv", "parquet"), default="parquet")
    parser.add_argument("--measure", nargs=2, metavar=("DATA", "FILE"), help="load a file, print the peak memory")
    asked = parser.parse_args()
    if asked.measure:
        measure(*asked.measure)
        return 0
    small, large = (peak(rows, asked.format) for rows in asked.rows)
    names = (f"{asked.rows[0]:,} rows", f"{asked.rows[1]:,} rows")
    table = Table("what", *names, "ratio", "bound", title=f"ingestion of {asked.format}")
    table.add_row("peak memory, MB", f"{small:,.0f}", f"{large:,.0f}", f"{large / small:.2f}x", f"{BOUND:g}x")
    Console().print(table)
    return 0 if large / small <= BOUND else 1


def peak(rows: int, ending: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / f"events.{ending}", rows)
        command = [sys.executable, __file__, "--measure", f"{folder}/data", str(path)]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(found.stdout)


def measure(data: str, path: str) -> None:
    """Load a file and print this process's peak memory in MB."""
    load(Path(data), Path(path))
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}\n")


if __name__ == "__main__":
    raise SystemExit(main())
