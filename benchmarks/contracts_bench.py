"""Twenty rules over five million rows: ours, the same checks as bare DuckDB SQL, and by datacontract-cli, in one run.

    python -m benchmarks.contracts_bench [--rows 5000000] [--peer /path/to/datacontract] [--no-peer]

All read the same Parquet file with two threads. The bare SQL is one aggregation with the key and the relationship as
sub-queries, as a person would write it. datacontract-cli gets our contract as an ODCS document; it is installed into a
virtual environment of its own unless `--peer` names it. Ends with 1 when ours takes over twice the bare time, or is
slower than datacontract-cli.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import ibis
import yaml
from rich.console import Console
from rich.table import Table

from contracts import (
    Boolean,
    Contract,
    Freshness,
    Instant,
    Integer,
    Number,
    Rows,
    Text,
    column,
    rule,
    to,
    warn,
)
from contracts.checks import check_table
from contracts.odcs import to_document

THREADS = 2
BOUND = 2.0
PEER = "datacontract-cli[duckdb]==1.2.8"
ROWS = """
SELECT 'v' || i AS visit_id, 's' || (i % 1000) AS shop_id, ['walk', 'ride', 'fly'][1 + i % 3] AS kind,
    'AB' || (i % 90) AS code, (i % 7)::BIGINT AS people, (1 + i % 200)::DOUBLE AS minutes,
    (i % 5000) / 100.0::DOUBLE AS paid, i % 2 = 0 AS is_member,
    TIMESTAMPTZ '2025-01-01 00:00:00+00' + to_seconds(i) AS visited_at,
    TIMESTAMPTZ '2025-01-01 00:10:00+00' + to_seconds(i) AS left_at
FROM range({rows}) AS numbers(i)
"""
BARE = """
SELECT count(*) AS n,
    count(*) FILTER (visit_id IS NULL) + count(*) FILTER (shop_id IS NULL) + count(*) FILTER (kind IS NULL)
        + count(*) FILTER (code IS NULL) + count(*) FILTER (people IS NULL) + count(*) FILTER (minutes IS NULL)
        + count(*) FILTER (is_member IS NULL) + count(*) FILTER (visited_at IS NULL) AS missing,
    count(*) FILTER (NOT length(visit_id) <= 12) AS long, count(*) FILTER (kind NOT IN ('walk', 'ride', 'fly')) AS odd,
    count(*) FILTER (NOT regexp_matches(code, '^(?:[A-Z]{2}[0-9]+)$')) AS codes,
    count(*) FILTER (people < 0) AS below, count(*) FILTER (people > 10) AS above,
    count(*) FILTER (minutes <= 0) AS none, count(*) FILTER (minutes > 1440) AS days,
    count(*) FILTER (paid < 0) AS debts, count(*) FILTER (left_at < visited_at) AS turned, max(visited_at) AS newest,
    (SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM visits GROUP BY visit_id HAVING n > 1)) AS repeated,
    (SELECT count(*) FROM visits AS v WHERE NOT EXISTS (SELECT 1 FROM shops AS s WHERE s.shop_id = v.shop_id)) AS lost
FROM visits
"""


class Visits(
    Contract,
    layer="core",
    table="visits",
    key="visit_id",
    freshness=Freshness("visited_at", timedelta(days=36500)),
    rows=Rows(at_least=1),
):
    """One row per visit."""

    visit_id: Text = column("Visit.", max_length=12)
    shop_id: Text = column("Shop.", references=to("core", "shops", "shop_id"))
    kind: Text = column("Kind.", isin=("walk", "ride", "fly"))
    code: Text = column("Code.", pattern="[A-Z]{2}[0-9]+")
    people: Integer = column("People.", ge=0, le=warn(10))
    minutes: Number = column("Minutes.", gt=0, le=1440)
    paid: Number = column("Paid.", nullable=True, ge=0)
    is_member: Boolean = column("Member.")
    visited_at: Instant = column("From.")
    left_at: Instant = column("Until.", nullable=True)

    left_after = rule("they leave after they came", lambda row: row.left_at >= row.visited_at)


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--peer", help="the datacontract command, where it is installed")
    parser.add_argument("--no-peer", action="store_true", help="leave datacontract-cli out")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, asked.rows)
        bare = min(timed(lambda: run_bare(folder)) for _ in range(3))
        ours = min(timed(lambda: run_ours(folder)) for _ in range(3))
        peer = None if asked.no_peer else run_peer(folder, asked.peer)
    rules = len(Visits.rules())
    table = Table("who", "seconds", "ratio to bare", title=f"{rules} rules over {asked.rows:,} rows, {THREADS} threads")
    table.add_row("bare DuckDB SQL", f"{bare:.2f}", "1.0")
    table.add_row("headrace", f"{ours:.2f}", f"{ours / bare:.2f} (bound {BOUND:g})")
    if peer is not None:
        table.add_row("datacontract-cli", f"{peer:.2f}", f"{peer / bare:.2f}")
    Console().print(table)
    return 0 if ours <= BOUND * bare and (peer is None or ours < peer) else 1


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def write(folder: Path, rows: int) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"COPY ({ROWS.format(rows=rows)}) TO '{folder / 'visits.parquet'}'")
        connection.execute(f"COPY (SELECT 's' || i AS shop_id FROM range(1000) t(i)) TO '{folder / 'shops.parquet'}'")


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": THREADS})
    connection.execute("SET TimeZone = 'UTC'")
    for name in ("visits", "shops"):
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM '{folder / name}.parquet'")
    return connection


def run_bare(folder: Path) -> None:
    with connect(folder) as connection:
        row = connection.execute(BARE).fetchone()
        assert row is not None
        assert sum(row[1:11]) == 0


def run_ours(folder: Path) -> None:
    with connect(folder) as connection:
        backend = ibis.duckdb.from_connection(connection)
        shops = backend.table("shops")
        now = datetime(2025, 6, 1, tzinfo=UTC)
        results = check_table(Visits, backend.table("visits"), now=now, related=lambda _layer, _table: shops)
        assert all(result.is_passed for result in results), [one.message for one in results if not one.is_passed]


def run_peer(folder: Path, command: str | None) -> float | None:
    """Seconds of datacontract-cli's own report of the test run, without the start of its interpreter."""
    path = folder / "visits.odcs.yaml"
    path.write_text(yaml.safe_dump(peer_document(folder), sort_keys=False))
    tool = command or install(folder)
    start = time.perf_counter()
    done = subprocess.run([tool, "test", str(path)], capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - start
    idle = timed(lambda: subprocess.run([tool, "lint", str(path)], capture_output=True, check=False))
    if done.returncode:
        sys.stderr.write(f"datacontract-cli could not run every check:\n{done.stdout}{done.stderr}\n")
    return elapsed - idle


def peer_document(folder: Path) -> dict[str, Any]:
    """Our document as the peer can run it on files: both tables in it, under plain names, without BigQuery's types."""
    document = to_document(Visits.statement())
    (visits,) = document["schema"]
    visits["physicalName"] = "visits"
    for one in visits["properties"]:
        del one["physicalType"]
        if "relationships" in one:
            one["relationships"] = [{"to": "shops.shop_id"}]
    shops = {"name": "shops", "physicalName": "shops", "properties": [{"name": "shop_id", "logicalType": "string"}]}
    server = {"server": "local", "type": "local", "path": str(folder / "{model}.parquet"), "format": "parquet"}
    return {**document, "schema": [visits, shops], "servers": [server]}


def install(folder: Path) -> str:
    venv.create(folder / "venv", with_pip=True)
    pip = str(folder / "venv" / "bin" / "pip")
    subprocess.run([pip, "install", "--quiet", "--disable-pip-version-check", PEER], check=True)
    return str(folder / "venv" / "bin" / "datacontract")


if __name__ == "__main__":
    sys.exit(main())
