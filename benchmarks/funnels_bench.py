"""Funnels beside ClickHouse's windowFunnel (chDB, in a virtual environment of its own): the same levels, and how long.

    python -m benchmarks funnels
    python benchmarks/funnels_bench.py --events 10000000

First the level of every user of a million events that tie nearly always, with `strict_increase` and without, must be
equal. windowFunnel takes the events of one moment in the order of the steps: that is `tie_order: steps`. With its
`strict_increase` it forgets an entry when another falls on the moment of the next step; on a clock that puts the later
steps of a moment first it does not, and that is what ours is compared with. How many users the forgetting costs a level
is printed too.

Then the times on two threads. Both sides have the events loaded, and write a table. chDB's has what windowFunnel gives,
a level per user, and the limits are for the same from us: the stages that find paths, without the model's last one,
which looks up the event of each entry for its attributes. What the whole table of the model takes stands beside it.
Ends with 1 where a level differs, or a ratio is over its limit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import sqlglot
from rich.console import Console
from rich.table import Table

from benchmarks.events_table import DAY, connect, make_events
from benchmarks.peers import CHDB, measure
from sqlmesh_project.funnels.compiler import levels_query, paths_query
from sqlmesh_project.funnels.declaration import Condition, Funnel, Predicate, Step

WINDOW = 86400
STEPS = 3
RUNS = 3
LIMITS = {"first": 1.5, "any": 3.0}
TIE_EVENTS = 1_000_000
TIE_WINDOW = 4 * 3600
COLUMNS = dict.fromkeys(
    ("event_key", "event_id", "user_key", "record_source", "event_name", "company_key", "platform", "device_type",
     "browser", "domain", "country", "region"), "VARCHAR",
) | {"occurred_at": "TIMESTAMPTZ", "is_staff": "BOOLEAN", "is_bot": "BOOLEAN"}  # fmt: skip


def funnel(steps: int, window: int) -> Funnel:
    named = tuple(Step(f"e{number}", Predicate((Condition("event_name", (f"e{number}",)),))) for number in range(steps))
    return Funnel("bench", "Steps e0, e1, ...", "x", named, conversion_window=window)


def duckdb_sql(query: str) -> str:
    """A query of the compiler as DuckDB runs it, over all events."""
    bounded = query.replace("@start_ts", f"'{DAY} 00:00:00'")
    return sqlglot.transpile(bounded.replace("@end_ts", "'2025-07-31 23:59:59'"), read="bigquery", write="duckdb")[0]


def ask_chdb(
    connection: duckdb.DuckDBPyConnection, folder: Path, window: int, steps: int, runs: int
) -> dict[str, float]:
    """Best milliseconds by way; the levels become the table chdb_levels."""
    events, levels = folder / "events.parquet", folder / "levels.parquet"
    levels.unlink(missing_ok=True)
    connection.execute(f"COPY (SELECT user_key, event_name, occurred_at FROM core.events) TO '{events}'")
    found = measure(CHDB, str(events), str(levels), str(window), str(steps), str(runs))
    if isinstance(found, str):
        sys.exit(f"chDB {found}")
    connection.execute(f"CREATE OR REPLACE TABLE chdb_levels AS SELECT * FROM read_parquet('{levels}')")
    return {name: min(times) for name, times in found.items()}


def differing(connection: duckdb.DuckDBPyConnection, declared: Funnel, way: str) -> tuple[int, int, int]:
    """Users whose level differs, those for whom chDB's is lower, all users."""
    row = connection.execute(
        f"SELECT COUNT(*) FILTER (theirs <> ours), COUNT(*) FILTER (theirs < ours), COUNT(*) FROM ("
        f"SELECT COALESCE({way}, 0) AS theirs, COALESCE(reached_count, 0) AS ours FROM chdb_levels"
        f" FULL JOIN ({duckdb_sql(levels_query(declared))}) AS paths ON chdb_levels.user_key = entity_key)"
    ).fetchone()
    assert row is not None, "an aggregate gives one row"
    return row[0], row[1], row[2]


def compare_levels(folder: Path, console: Console) -> bool:
    """Whether every user of the tie-heavy events has the same level in both."""
    connection = connect(str(folder / "ties.duckdb"))
    make_events(connection, TIE_EVENTS, COLUMNS, names=6, users=20_000, grid_seconds=1800, span_seconds=86400)
    ask_chdb(connection, folder, TIE_WINDOW, 4, runs=1)
    plain = replace(funnel(4, TIE_WINDOW), entry="any", tie_order="steps")
    strict = replace(plain, strict_increase=True, tie_order="event_id")
    asked = (
        ("windowFunnel", plain, "plain"),
        ("windowFunnel strict_increase, later steps of a moment first", strict, "strict_clock"),
        ("windowFunnel strict_increase as it stands", strict, "strict_increase"),
    )
    table = Table("chDB", "users", "levels that differ", "of these lower in chDB", title=f"{TIE_EVENTS:,} tied events")
    found = [differing(connection, declared, way) for _, declared, way in asked]
    for (title, _, _), (different, lower, users) in zip(asked, found, strict=True):
        table.add_row(title, f"{users:,}", f"{different:,}", f"{lower:,}")
    connection.close()
    console.print(table)
    return found[0][0] == found[1][0] == 0


def compare_times(folder: Path, events: int, console: Console) -> bool:
    """Whether the level per user takes no longer than the limits allow, beside chDB's."""
    connection = connect(str(folder / "times.duckdb"))
    make_events(connection, events, COLUMNS)
    theirs = ask_chdb(connection, folder, WINDOW, STEPS, runs=RUNS)["plain"]
    first = funnel(STEPS, WINDOW)
    declared = {"first": first, "any": replace(first, entry="any")}
    table = Table(
        "funnel",
        "chDB ms",
        "level per user ms",
        "ratio",
        "whole table ms",
        "ratio",
        title=f"{events:,} events, 2 threads, best of {RUNS}",
    )
    fits = True
    for entry, one in declared.items():
        level = best(connection, duckdb_sql(levels_query(one)))
        whole = best(connection, duckdb_sql(paths_query(one)))
        cells = (theirs, level, level / theirs, whole, whole / theirs)
        table.add_row(f"{entry} entry", *(f"{cell:,.2f}" if cell < 20 else f"{cell:,.0f}" for cell in cells))
        fits &= level / theirs <= LIMITS[entry]
    different = differing(connection, declared["any"], "plain")[0]
    connection.close()
    console.print(table)
    console.print(f"levels that differ (any entry, ids in no order): {different:,}; limits of the ratios: {LIMITS}")
    return fits


def best(connection: duckdb.DuckDBPyConnection, sql: str) -> float:
    """Milliseconds of the best of all runs into a table that is not kept, as chDB's is not synced to the disk."""
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        connection.execute(f"CREATE OR REPLACE TEMP TABLE made AS {sql}")
        times.append((time.perf_counter() - begin) * 1000)
    return min(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    events = parser.parse_args().events
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        is_equal = compare_levels(Path(name), console)
        fits = compare_times(Path(name), events, console)
    return int(not (is_equal and fits))


if __name__ == "__main__":
    sys.exit(main())
