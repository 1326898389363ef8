"""Run time on DuckDB of ten queries over 10M rows: the SQL that we compile against the best we can write by hand.

Both return the same rows (checked); each is run in turn, five times, and the medians are compared. Another number of
rows may be given as the argument.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from semantic.compiler import Compiler
from semantic.datamodel.load import load_sources
from semantic.never_null import all_key_columns
from semantic.query.parse import parse_query

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
ROUNDS = 5
NOW = datetime(2025, 6, 30, tzinfo=UTC)

TABLES = f"""
CREATE SCHEMA shop;
CREATE TABLE shop.customers AS
    SELECT i AS id, 'city ' || (hash(i) % 200) AS city, (hash(i + 7) % 10000) / 100 AS credit, i % 9 = 0 AS is_vip
    FROM range({ROWS // 20}) AS t(i);
CREATE TABLE shop.orders AS
    SELECT
        i AS id,
        (hash(i) % {ROWS // 20})::INTEGER AS customer_id,
        ['new', 'paid', 'sent', 'returned'][(hash(i + 1) % 4)::INTEGER + 1] AS status,
        (hash(i + 2) % 20000)::INTEGER AS cents,
        TIMESTAMP '2023-01-01' + INTERVAL (hash(i + 3) % 63072000) SECOND AS placed_at
    FROM range({ROWS}) AS t(i);
CREATE TABLE shop.items AS
    SELECT i AS id, (hash(i + 4) % {ROWS})::INTEGER AS order_id, (hash(i + 5) % 9 + 1)::INTEGER AS quantity
    FROM range({ROWS // 2}) AS t(i);
"""

MODEL = """
cubes:
  - name: customers
    sql_table: shop.customers
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: city, sql: city, type: string }
      - { name: is_vip, sql: is_vip, type: boolean }
    measures:
      - { name: count, type: count }
      - { name: credit, sql: credit, type: sum }
  - name: orders
    sql_table: shop.orders
    joins:
      - { name: customers, relationship: many_to_one, sql: "{CUBE}.customer_id = {customers.id}" }
      - { name: items, relationship: one_to_many, sql: "{CUBE}.id = {items}.order_id" }
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: status, sql: status, type: string }
      - { name: placed_at, sql: placed_at, type: time }
    measures:
      - { name: count, type: count }
      - { name: cents, sql: cents, type: sum }
      - { name: mean_cents, sql: cents, type: avg }
      - { name: buyers, sql: customer_id, type: count_distinct }
      - { name: paid_count, type: count, filters: [{ sql: "{CUBE}.status = 'paid'" }] }
      - { name: paid_share, sql: "1.0 * {paid_count} / NULLIF({count}, 0)", type: number }
      - { name: month_to_date, sql: cents, type: sum, rolling_window: { type: to_date, granularity: month } }
  - name: items
    sql_table: shop.items
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
    measures:
      - { name: quantity, sql: quantity, type: sum }
"""
YEAR = ["2024-01-01", "2024-12-31"]


@dataclass(frozen=True)
class Task:
    """A query, and the SQL that one would write for it."""

    name: str
    query: dict[str, Any]
    sql: str


def _in_time(granularity: str | None, span: list[str] | None = None) -> list[dict[str, Any]]:
    part: dict[str, Any] = {"dimension": "orders.placed_at"}
    return [part | ({"granularity": granularity} if granularity else {}) | ({"dateRange": span} if span else {})]


IN_2024 = "placed_at >= TIMESTAMP '2024-01-01' AND placed_at < TIMESTAMP '2025-01-01'"
TASKS = (
    Task("count", {"measures": ["orders.count"]}, "SELECT count(*) FROM shop.orders"),
    Task(
        "sums by status",
        {"measures": ["orders.count", "orders.cents", "orders.mean_cents"], "dimensions": ["orders.status"]},
        "SELECT status, count(*), sum(cents), avg(cents) FROM shop.orders GROUP BY 1 ORDER BY 2 DESC",
    ),
    Task(
        "ratio of a filtered count",
        {"measures": ["orders.paid_share"], "dimensions": ["orders.status"]},
        "SELECT status, 1.0 * count(CASE WHEN status = 'paid' THEN id END) / nullif(count(*), 0) "
        "FROM shop.orders GROUP BY 1 ORDER BY 2 DESC",
    ),
    Task(
        "by month",
        {"measures": ["orders.cents"], "timeDimensions": _in_time("month", YEAR)},
        f"SELECT date_trunc('month', placed_at), sum(cents) FROM shop.orders WHERE {IN_2024} GROUP BY 1 ORDER BY 1",
    ),
    Task(
        "by day in Berlin",
        {"measures": ["orders.count"], "timeDimensions": _in_time("day", YEAR), "timezone": "Europe/Berlin"},
        "SELECT date_trunc('day', timezone('Europe/Berlin', placed_at::TIMESTAMPTZ)), count(*) FROM shop.orders "
        "WHERE placed_at >= TIMESTAMP '2023-12-31 23:00' AND placed_at < TIMESTAMP '2024-12-31 23:00' "
        "GROUP BY 1 ORDER BY 1",
    ),
    Task(
        "distinct",
        {"measures": ["orders.buyers"], "dimensions": ["orders.status"], "timeDimensions": _in_time(None, YEAR)},
        f"SELECT status, count(DISTINCT customer_id) FROM shop.orders WHERE {IN_2024} GROUP BY 1 ORDER BY 2 DESC",
    ),
    Task(
        "joined dimension",
        {"measures": ["orders.cents"], "dimensions": ["customers.city"]},
        "SELECT c.city, sum(o.cents) FROM shop.orders AS o LEFT JOIN shop.customers AS c ON o.customer_id = c.id "
        "GROUP BY 1 ORDER BY 2 DESC",
    ),
    Task(
        "joined filter and top ten",
        {
            "measures": ["orders.cents"],
            "dimensions": ["customers.city"],
            "filters": [{"member": "customers.is_vip", "operator": "equals", "values": ["true"]}],
            "order": {"orders.cents": "desc", "customers.city": "asc"},
            "limit": 10,
        },
        "SELECT c.city, sum(o.cents) FROM shop.orders AS o JOIN shop.customers AS c ON o.customer_id = c.id "
        "WHERE c.is_vip GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
    ),
    Task(
        "fan-out",
        {"measures": ["orders.cents", "items.quantity"], "dimensions": ["orders.status"]},
        "WITH per_order AS (SELECT order_id, sum(quantity) AS quantity FROM shop.items GROUP BY 1) "
        "SELECT o.status, sum(o.cents), sum(i.quantity) FROM shop.orders AS o "
        "LEFT JOIN per_order AS i ON o.id = i.order_id GROUP BY 1 ORDER BY 2 DESC",
    ),
    Task(
        "month to date by day",
        {"measures": ["orders.month_to_date"], "timeDimensions": _in_time("day", ["2024-03-01", "2024-04-30"])},
        "WITH days AS (SELECT date_trunc('day', placed_at) AS day, sum(cents) AS cents FROM shop.orders "
        "WHERE placed_at >= TIMESTAMP '2024-03-01' AND placed_at < TIMESTAMP '2024-05-01' GROUP BY 1) "
        "SELECT day, sum(cents) OVER (PARTITION BY date_trunc('month', day) ORDER BY day) FROM days ORDER BY 1",
    ),
)


def main() -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 2")
    # The optimizer that tests/semantic/judge/test_duckdb.py shows to be wrong.
    connection.execute("SET disabled_optimizers = 'common_subplan'")
    connection.execute(TABLES)
    table = Table("query", title=f"Running ten queries over {ROWS:,} rows, 2 threads")
    for name in ("by hand ms", "compiled ms", "ratio"):
        table.add_column(name, justify="right")
    ratios = []
    model = load_sources({"shop.yml": MODEL})
    # What servers know too: DuckDB's statistics say that these tables' keys hold no NULL.
    compiler = Compiler(model, visible_only=False, never_null=all_key_columns(model))
    for task in TASKS:
        by_hand, compiled = _measured(connection, compiler, task)
        ratios.append(compiled / by_hand)
        table.add_row(task.name, f"{by_hand:.1f}", f"{compiled:.1f}", f"{ratios[-1]:.2f}")
    table.add_row("geometric mean", "", "", f"{statistics.geometric_mean(ratios):.2f}")
    Console().print(table)


def _measured(connection: duckdb.DuckDBPyConnection, compiler: Compiler, task: Task) -> tuple[float, float]:
    compiled = compiler.compile(parse_query(task.query, compiler.model, now=NOW))
    ways: tuple[tuple[str, tuple[Any, ...]], ...] = ((task.sql, ()), (compiled.sql, compiled.parameters))
    times: tuple[list[float], list[float]] = ([], [])
    rows: list[list[tuple[Any, ...]]] = [[], []]
    for _ in range(ROUNDS + 1):
        for way, (sql, parameters) in enumerate(ways):
            start = time.perf_counter()
            rows[way] = connection.execute(sql, list(parameters)).fetchall()
            times[way].append((time.perf_counter() - start) * 1000)
    assert sorted(map(_plain, rows[0])) == sorted(map(_plain, rows[1])), f"{task.name}: other rows"
    # The first round warms up.
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def _plain(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(f"{value:.9g}" if isinstance(value, int | float | Decimal) else str(value) for value in row)


if __name__ == "__main__":
    main()
