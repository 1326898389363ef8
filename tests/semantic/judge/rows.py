"""Running compiled SQL on DuckDB, and rows in a shape in which two compilers' answers can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb

Value = str | float | bool | None
Rows = list[dict[str, Value]]


def connect() -> duckdb.DuckDBPyConnection:
    """An empty database in memory."""
    connection = duckdb.connect()
    settle(connection)
    return connection


def settle(connection: duckdb.DuckDBPyConnection) -> None:
    """Days are UTC; and without the optimizer that test_duckdb.py shows to be wrong."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET disabled_optimizers = 'common_subplan'")


def run(connection: duckdb.DuckDBPyConnection, sql: str, params: Sequence[object], keys: Mapping[str, str]) -> Rows:
    """The rows by REST key; `keys` maps column aliases to them."""
    cursor = connection.execute(sql, list(params))
    names = [keys[column[0]] for column in cursor.description or ()]
    return [dict(zip(names, map(plain, row), strict=True)) for row in cursor.fetchall()]


def plain(value: Any) -> Value:
    """Numbers as floats of nine digits, times as naive UTC text; all else as it is."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal):
        return float(f"{float(value):.9g}")
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return naive.isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00.000"
    return str(value)


def bag(rows: Rows) -> Counter[tuple[tuple[str, str], ...]]:
    """The rows without their order."""
    return Counter(tuple(sorted((key, repr(value)) for key, value in row.items())) for row in rows)


def difference(ours: Rows, theirs: Rows) -> str:
    """Empty when both hold the same rows in any order, else the first rows that only one side has."""
    left, right = bag(ours), bag(theirs)
    if left == right:
        return ""
    lines = [f"{len(ours)} rows of ours, {len(theirs)} of theirs"]
    for mark, only in (("ours  ", left - right), ("theirs", right - left)):
        lines += [f"{mark} {count} x {dict(row)}" for row, count in list(only.items())[:4]]
    return "\n".join(lines)
