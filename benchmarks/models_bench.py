"""Sessions of many events, as the model computes them, beside the bare DuckDB window query, in one run.

    python -m benchmarks models
    python benchmarks/models_bench.py --events 10000000

All read the same table with two threads. The bare queries cut on the gap alone, without the cap; they compare
microseconds, as times with a zone are slow to subtract. The lean one gives keys, times and counts of sessions, the
other all columns of the model. Ends with 1 when building sessions takes over 1.5 times the time of either.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table
from sqlmesh import Context

from benchmarks.events_table import DAY, connect, create, make_events
from headrace.config import find_root

LIMIT = 1.5
ATTRIBUTES = {"session_id": "event_id", "record_source": "record_source", "entry_event_name": "event_name"}
ATTRIBUTES |= {name: name for name in ("platform", "device_type", "country")}
"""Columns of a session by the columns of its first event that they are."""
BARE_SESSIONS = """
WITH gapped AS (
    SELECT user_key, event_key, event_id, occurred_at{read},
        CASE WHEN epoch_us(occurred_at) - LAG(epoch_us(occurred_at)) OVER journey <= 1800000000 THEN 0 ELSE 1 END
            AS is_start
    FROM core.events WINDOW journey AS (PARTITION BY user_key ORDER BY occurred_at, event_id)
), numbered AS (
    SELECT *, SUM(is_start) OVER
        (PARTITION BY user_key ORDER BY occurred_at, event_id ROWS UNBOUNDED PRECEDING) AS number
    FROM gapped
)
SELECT user_key, number, MIN(occurred_at) AS started_at, MAX(occurred_at) AS ended_at, COUNT(*) AS event_count,
    MIN(CASE WHEN is_start = 1 THEN event_key END) AS session_key{shown}
FROM numbered GROUP BY user_key, number
"""


def bare_sessions(attributes: Mapping[str, str]) -> str:
    """The bare query, with columns of the first event and, if there are any, what the model makes of the others."""
    read = [f", {name}" for name in attributes.values() if name != "event_id"]
    shown = [f", MIN(CASE WHEN is_start = 1 THEN {read} END) AS {name}" for name, read in attributes.items()]
    if attributes:
        shown.append(
            ", epoch(MAX(occurred_at) - MIN(occurred_at)) AS duration_seconds, COUNT(*) = 1 AS is_single_event"
        )
    return BARE_SESSIONS.format(read="".join(read), shown="".join(shown))


def columns_of(project: Context, model: str) -> dict[str, str]:
    """Columns of a model as DuckDB has them."""
    columns = project.get_model(model, raise_if_missing=True).columns_to_types or {}
    return {name: type_.sql("duckdb") for name, type_ in columns.items()}


def sessions_sql(project: Context) -> str:
    """The query of core.sessions over all events."""
    query = project.get_model("core.sessions", raise_if_missing=True).render_query_or_raise(start=DAY, end="2025-07-01")
    return query.sql("duckdb", comments=False)


def seconds(connection: duckdb.DuckDBPyConnection, sql: str) -> float:
    """The better of two runs into a table."""
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        connection.execute(f"CREATE OR REPLACE TABLE made AS {sql}")
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    events = parser.parse_args().events
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        project = Context(paths=[find_root() / "sqlmesh_project"])
    with tempfile.TemporaryDirectory() as folder:
        connection = connect(str(Path(folder) / "warehouse.duckdb"))
        make_events(connection, events, columns_of(project, "core.events"))
        create(connection, "core.sessions", columns_of(project, "core.sessions"))
        bare = {
            "lean bare query": seconds(connection, bare_sessions({})),
            "bare query of all columns": seconds(connection, bare_sessions(ATTRIBUTES)),
        }
        ours = seconds(connection, sessions_sql(project))
        connection.close()
    table = Table("core.sessions", "bare DuckDB s", "ours s", "ratio", "limit", title=f"{events:,} events, 2 threads")
    for name, took in bare.items():
        table.add_row(f"beside the {name}", f"{took:.2f}", f"{ours:.2f}", f"{ours / took:.2f}", f"{LIMIT}")
    Console().print(table)
    return int(ours / min(bare.values()) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
