"""Sessions and funnels of many events, as the models compute them, beside the bare DuckDB window query, in one run.

    python -m benchmarks.models_bench [--events 10000000]

Both read the same table with two threads. The bare session query cuts on the gap alone and groups; the bare funnel
query takes each step's first time after the step before, without ties, by joins. Ends with 1 when building sessions
takes over 1.5 times the bare time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import sqlglot
from rich.console import Console
from rich.table import Table
from sqlmesh import Context

from headrace.config import find_root
from sqlmesh_project.funnels.compiler import paths_query
from sqlmesh_project.funnels.declaration import Condition, Funnel, Predicate, Step

LIMIT = 1.5
DAY = "2025-06-01"
BARE_SESSIONS = """
CREATE OR REPLACE TABLE bare_sessions AS
WITH gapped AS (
    SELECT user_key, event_key, occurred_at,
        CASE WHEN occurred_at - LAG(occurred_at) OVER journey <= INTERVAL 30 MINUTE THEN 0 ELSE 1 END AS is_start
    FROM core.events WINDOW journey AS (PARTITION BY user_key ORDER BY occurred_at, event_id)
), numbered AS (
    SELECT *, SUM(is_start) OVER
        (PARTITION BY user_key ORDER BY occurred_at, event_key ROWS UNBOUNDED PRECEDING) AS number
    FROM gapped
)
SELECT user_key, number, MIN(occurred_at) AS started_at, MAX(occurred_at) AS ended_at, COUNT(*) AS event_count,
    MIN(CASE WHEN is_start = 1 THEN event_key END) AS session_key
FROM numbered GROUP BY user_key, number
"""
BARE_FUNNEL = """
CREATE OR REPLACE TABLE bare_funnel AS
WITH one AS (SELECT user_key, MIN(occurred_at) AS at FROM core.events WHERE event_name = 'e0' GROUP BY 1),
two AS (SELECT one.user_key, one.at AS begun, MIN(e.occurred_at) AS at FROM one JOIN core.events e USING (user_key)
    WHERE event_name = 'e1' AND e.occurred_at > one.at GROUP BY 1, 2),
three AS (SELECT two.user_key, two.begun, MIN(e.occurred_at) AS at FROM two JOIN core.events e USING (user_key)
    WHERE event_name = 'e2' AND e.occurred_at > two.at GROUP BY 1, 2)
SELECT one.user_key, two.at AS second_at, three.at AS third_at
FROM one LEFT JOIN two USING (user_key) LEFT JOIN three USING (user_key)
"""
STEPS = tuple(Step(f"e{number}", Predicate((Condition("event_name", (f"e{number}",)),))) for number in range(3))
FUNNEL = Funnel("bench", "Three steps.", "x", STEPS, conversion_window=30 * 86400)


def make_events(connection: duckdb.DuckDBPyConnection, events: int, columns: dict[str, str]) -> None:
    """Events of 30 days, 100 a user, some of them at the same moment."""
    listed = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
    connection.execute(f"CREATE SCHEMA core; CREATE TABLE core.events ({listed})")
    connection.execute(
        f"""
        INSERT INTO core.events BY NAME
        SELECT 'x:' || i AS event_key, i::VARCHAR AS event_id, 'x:u' || hash(i) % {max(events // 100, 1)} AS user_key,
            TIMESTAMPTZ '{DAY} 00:00:00+00' + to_seconds((hash(i + 1) % (30 * 86400 // 7))::BIGINT * 7) AS occurred_at,
            'x' AS record_source, 'e' || hash(i + 2) % 8 AS event_name, FALSE AS is_staff, FALSE AS is_bot
        FROM range({events}) AS numbers (i)
        """
    )


def sessions_sql(project: Context) -> str:
    query = project.get_model("core.sessions", raise_if_missing=True).render_query_or_raise(start=DAY, end="2025-07-01")
    return f"CREATE OR REPLACE TABLE made AS {query.sql('duckdb', comments=False)}"


def funnel_sql(funnel: Funnel) -> str:
    bounded = paths_query(funnel).replace("@start_ts", f"'{DAY} 00:00:00'").replace("@end_ts", "'2025-07-01 23:59:59'")
    return f"CREATE OR REPLACE TABLE made AS {sqlglot.transpile(bounded, read='bigquery', write='duckdb')[0]}"


def seconds(work: Callable[[], object]) -> float:
    """The better of two runs."""
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    events = parser.parse_args().events
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        project = Context(paths=[find_root() / "sqlmesh_project"])
    columns = project.get_model("core.events", raise_if_missing=True).columns_to_types or {}
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(str(Path(folder) / "warehouse.duckdb"))
        connection.execute("SET TimeZone = 'UTC'; SET threads = 2")
        make_events(connection, events, {name: type_.sql("duckdb") for name, type_ in columns.items()})
        sessions = project.get_model("core.sessions", raise_if_missing=True).columns_to_types or {}
        listed = ", ".join(f'"{name}" {type_.sql("duckdb")}' for name, type_ in sessions.items())
        connection.execute(f"CREATE TABLE core.sessions ({listed})")
        bare = seconds(lambda: connection.execute(BARE_SESSIONS))
        bare_funnel = seconds(lambda: connection.execute(BARE_FUNNEL))
        any_entry = replace(FUNNEL, entry="any", conversion_window=86400)
        rows = [
            ("sessions", bare, seconds(lambda: connection.execute(sessions_sql(project)))),
            ("funnel, first entry", bare_funnel, seconds(lambda: connection.execute(funnel_sql(FUNNEL)))),
            ("funnel, any entry", bare_funnel, seconds(lambda: connection.execute(funnel_sql(any_entry)))),
        ]
        connection.close()
    table = Table("models", "bare DuckDB s", "ours s", "ratio", title=f"{events:,} events, 2 threads")
    for name, theirs, ours in rows:
        table.add_row(name, f"{theirs:.2f}", f"{ours:.2f}", f"{ours / theirs:.2f}")
    Console().print(table)
    return int(rows[0][2] / rows[0][1] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
