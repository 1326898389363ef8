"""SQL over HTTP: `/v1/cubesql` streams JSON lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from semantic.engine import Cancellation, Engine, QueryCancelled
from semantic.errors import EngineError, QueryError
from semantic.query.parse import check_cache, timezone_of
from semantic.rest.errors import BadRequest
from semantic.results import to_rows
from semantic.sqlapi.errors import QueryCanceled, SqlApiError
from semantic.sqlapi.planner import SqlPlan, executed, plan_sql

ROWS_PER_LINE = 1000

Json = dict[str, object]


_PROPERTIES = ("query", "timezone", "cache", "throwContinueWait")


def check(body: Mapping[str, object]) -> None:
    """Raises BadRequest, in Cube's words, for a body that has what is no property of it, or a wrong one."""
    for name in body if "query" in body else ():
        if name not in _PROPERTIES:
            raise BadRequest(f'Invalid query format: "{name}" is not allowed')
    try:
        check_cache(body)
        timezone_of(body)
    except QueryError as error:
        raise BadRequest(error.message) from error


def plan(engine: Engine, sql: object, context: Mapping[str, Any]) -> SqlPlan:
    """Semantic SQL as one statement. Raises BadRequest with the SQL API's message."""
    if not isinstance(sql, str) or not sql.strip():
        raise BadRequest('Invalid query format: "query" is required')
    try:
        return plan_sql(engine, sql, security_context=context)
    except SqlApiError as error:
        hint = f" {error.hint}" if error.hint else ""
        raise BadRequest(f"Error: {error.message}{hint}") from error


def run(engine: Engine, planned: SqlPlan, cancellation: Cancellation) -> pa.Table:
    """Its rows. Raises EngineError with the engine's message, QueryCancelled, WarehouseError."""
    if not planned.inputs:
        return engine.fetch(planned.sql, planned.parameters, cancellation)
    try:
        with executed(engine, planned, cancellation) as cursor:
            return cursor.to_arrow_table()
    except QueryCanceled as error:
        raise QueryCancelled(error.message) from error
    except SqlApiError as error:
        raise EngineError(error.message) from error


async def json_lines(table: pa.Table, refreshed_at: datetime) -> AsyncIterator[bytes]:
    """A line with the schema, then lines of rows; values as in REST: numbers and times are texts."""
    schema = [{"name": field.name, "column_type": column_type(field.type)} for field in table.schema]
    time = f"{refreshed_at:%Y-%m-%dT%H:%M:%S}.{refreshed_at.microsecond // 1000:03d}Z"
    yield msgspec.json.encode({"schema": schema, "lastRefreshTime": time}) + b"\n"
    kinds = ["time" if column_type(kind) == "Timestamp" else "" for kind in table.schema.types]
    keys = [str(number) for number in range(table.num_columns)]
    for start in range(0, table.num_rows, ROWS_PER_LINE):
        part = table.slice(start, ROWS_PER_LINE)
        rows = to_rows(part, keys, kinds)
        yield msgspec.json.encode({"data": rows.tuples()}) + b"\n"


def column_type(kind: pa.DataType) -> str:
    """The names that Cube gives to types of columns."""
    if pa.types.is_boolean(kind):
        return "Boolean"
    if pa.types.is_integer(kind):
        return "Int64"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "Double"
    return "Timestamp" if pa.types.is_timestamp(kind) else "String"
