"""Ingestion with contract checks beside DuckDB's bare CREATE TABLE AS SELECT of the same files, in one run.

    python -m benchmarks ingest
    python benchmarks/ingest_bench.py [--rows 5000000] [--files 1000]

Prints the seconds of both, their ratio, and the bound that it must keep; ends with 1 when a bound is broken.
"""

from __future__ import annotations

import argparse
import csv
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
KNOWN_BOUND = 2.0


def main() -> int:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--files", type=int, default=1_000)
    asked = parser.parse_args()
    table = Table("what", "bare", "ours", "ratio", "bound", title=f"ingestion, {asked.rows:,} rows")
    kept = [compare(table, ending, asked.rows) for ending in BOUNDS]
    kept.append(known_files(table, asked.files))
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
        exports.mkdir()
        header, *records = events(Path(folder) / "events.csv", 5 * files)
        for number in range(files):
            with (exports / f"events-{number}.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([header, *records[5 * number : 5 * number + 5]])
        first = timed(lambda: load(Path(folder) / "data", exports))
        again = timed(lambda: load(Path(folder) / "data", exports))
    table.add_row(
        f"{files:,} known files, seconds", f"{first:.2f} (first run)", f"{again:.2f}", "", f"{KNOWN_BOUND:g} s"
    )
    return again <= KNOWN_BOUND


def events(path: Path, rows: int) -> list[list[str]]:
    """The header and the records of an export."""
    with write(path, rows).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


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
