"""Ingestion with contract checks beside DuckDB's bare CREATE TABLE AS SELECT of the same files, in one run.

    python benchmarks/ingest_bench.py [--rows 5000000] [--files 1000] [--no-memory]

Prints the seconds of both, their ratio, and the bound that it must keep; ends with 1 when a bound is broken.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from headrace.config import load_settings
from ingestion.load import ingest

ROWS = """
SELECT md5(i::VARCHAR)::UUID::VARCHAR AS EVENT_ID, md5((i % 900000)::VARCHAR)::UUID::VARCHAR AS USER_ID,
    ['pageview', 'consent.asked', 'consent.given', 'ui.action'][1 + i % 4] AS TYPE,
    CASE WHEN i % 50 = 0 THEN NULL WHEN i % 4 = 0 THEN 0.1 ELSE 1.0 END AS RATE,
    CASE WHEN i % 4 = 2 THEN '{{' || chr(10) || '  "action": "click",' || chr(10) || '  "purposes": ["cookies"]'
        || chr(10) || '}}' END AS PARAMETERS,
    strftime(TIMESTAMP '2025-01-01' + to_milliseconds(i * 700), '%Y-%m-%d %H:%M:%S.%g') AS EVENT_TIME,
    strftime(date_trunc('hour', TIMESTAMP '2025-01-01' + to_milliseconds(i * 700)), '%Y-%m-%d %H:%M:%S.%g')
        AS WINDOW_START,
    md5((i % 40)::VARCHAR)::UUID::VARCHAR AS APIKEY, ['full opt-in', 'opt-out', 'empty'][1 + i % 3] AS CONSENT,
    1::BIGINT AS COUNT, NULL::DOUBLE AS EXPERIMENT, 'sdk-web' AS SDK_TYPE, 'site' || i % 40 || '.org' AS DOMAIN,
    left(md5((i % 90)::VARCHAR), 8) AS DEPLOYMENT_ID, '"FR"' AS COUNTRY, '"IDF"' AS REGION, 'Chrome' AS BROWSER_FAMILY,
    'smartphone' AS DEVICE_TYPE
FROM range({rows}) AS ids(i)
"""
BOUNDS = {"csv": 3.0, "parquet": 4.0}
MEMORY_BOUND = 1.5
KNOWN_BOUND = 2.0


def main() -> int:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--no-memory", action="store_true", help="leave out the peak memory of 2M and of 20M rows")
    parser.add_argument("--measure", nargs=2, metavar=("DATA", "FILE"), help="load a file, print the peak memory")
    asked = parser.parse_args()
    if asked.measure:
        measure(*asked.measure)
        return 0
    table = Table("what", "bare", "ours", "ratio", "bound", title=f"ingestion, {asked.rows:,} rows")
    kept = [compare(table, ending, asked.rows) for ending in BOUNDS]
    kept.append(known_files(table, asked.files))
    if not asked.no_memory:
        kept.append(memory(table))
    Console().print(table)
    return 0 if all(kept) else 1


def compare(table: Table, ending: str, rows: int) -> bool:
    """Load the same file into an empty warehouse, bare and with all that ingestion does."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / f"events.{ending}", rows)
        bare = min(timed(lambda: create_table(Path(folder) / "bare.duckdb", path)) for _ in range(2))
        ours = timed(lambda: load(Path(folder) / "data", path))
    return line(table, f"{ending}, seconds", bare, ours, BOUNDS[ending])


def known_files(table: Table, files: int) -> bool:
    """A run over files that are all known; the bare figure is that of the first run."""
    with tempfile.TemporaryDirectory() as folder:
        exports = Path(folder) / "exports"
        with duckdb.connect() as connection:
            exports.mkdir()
            for number in range(files):
                query = f"SELECT * REPLACE ('{number}-' || EVENT_ID AS EVENT_ID) FROM ({ROWS.format(rows=5)})"
                connection.execute(f"COPY ({query}) TO '{exports / f'events-{number}.csv'}'")
        first = timed(lambda: load(Path(folder) / "data", exports))
        again = timed(lambda: load(Path(folder) / "data", exports))
    table.add_row(
        f"{files:,} known files, seconds", f"{first:.2f} (first run)", f"{again:.2f}", "", f"{KNOWN_BOUND:g} s"
    )
    return again <= KNOWN_BOUND


def memory(table: Table) -> bool:
    """Peak memory of processes that load 2M and 20M rows of CSV."""
    small, large = (peak(rows) for rows in (2_000_000, 20_000_000))
    return line(table, "peak of 2M and of 20M rows, MB", small, large, MEMORY_BOUND)


def peak(rows: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "events.csv", rows)
        command = [sys.executable, __file__, "--measure", f"{folder}/data", str(path)]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(found.stdout)


def measure(data: str, path: str) -> None:
    """Load a file and print this process's peak memory in MB."""
    load(Path(data), Path(path))
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}\n")


def write(path: Path, rows: int) -> Path:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({ROWS.format(rows=rows)}) TO '{path}'")
    return path


def create_table(warehouse: Path, path: Path) -> None:
    warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"CREATE TABLE events AS SELECT * FROM '{path}'")


def load(data: Path, path: Path) -> None:
    report = ingest(load_settings(environ={"HEADRACE_DATA": str(data)}), "consent", path)
    if report.failures:
        raise SystemExit(report.failures[0].message)


def timed(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def line(table: Table, what: str, bare: float, ours: float, bound: float) -> bool:
    table.add_row(what, f"{bare:.2f}", f"{ours:.2f}", f"{ours / bare:.2f}x", f"{bound:g}x")
    return ours / bare <= bound


if __name__ == "__main__":
    raise SystemExit(main())
