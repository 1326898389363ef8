"""One call from a query to SQL: the stages of the compiler, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

ColumnType = Literal["number", "string", "boolean", "time", "geo"]
TableResolver = Callable[[str], str]
"""Maps a cube's `sql_table` (`core.events`) to the table to read (`core__dev.events`)."""


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result: its key in REST rows (`orders.created_at.month`), its alias in the SQL
    (`orders__created_at_month`), the member behind it (`orders.created_at`), its type, and what it is."""

    key: str
    alias: str
    member: str
    type: ColumnType
    kind: Literal["dimension", "time_dimension", "measure"]
    granularity: str | None = None


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """SQL with bound parameters, and the columns it returns, in order.

    For `duckdb` the parameters stand as `$1`, `$2`, ... and are numbered from one; for `bigquery` as `@p1`, `@p2`.
    Parameters are str, int, float, bool or (naive, UTC) datetime.
    """

    sql: str
    parameters: tuple[Any, ...]
    columns: tuple[ResultColumn, ...]
    dialect: str = "duckdb"
    used_pre_aggregations: tuple[str, ...] = ()
    security_context: Mapping[str, Any] | None = None
