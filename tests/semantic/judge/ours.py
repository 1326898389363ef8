"""Our compiler's answer to a REST query, run on DuckDB for either dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import duckdb
import sqlglot
from sqlglot import exp

from semantic.compiler import CompiledQuery, compile_count, compile_query
from semantic.datamodel.types import DataModel
from semantic.query.parse import parse_query
from semantic.query.types import Query
from tests.semantic.judge import rows

Dialect = Literal["duckdb", "bigquery"]
DIALECTS: tuple[Dialect, ...] = ("duckdb", "bigquery")
NOW = datetime(2025, 6, 30, 12, tzinfo=UTC)


def parsed(model: DataModel, query: Mapping[str, Any]) -> Query:
    return parse_query(dict(query), model, now=NOW, default_limit=None)


def compiled(model: DataModel, query: Mapping[str, Any], dialect: Dialect = "duckdb") -> CompiledQuery:
    return compile_query(model, parsed(model, query), dialect=dialect, security_context=None, tables=None)


def answer(
    connection: duckdb.DuckDBPyConnection,
    model: DataModel,
    query: Mapping[str, Any],
    dialect: Dialect = "duckdb",
) -> rows.Rows:
    """The rows; BigQuery's SQL is translated to DuckDB's by sqlglot, which our compiler has no part in."""
    return run(connection, compiled(model, query, dialect), dialect)


def run(connection: duckdb.DuckDBPyConnection, result: CompiledQuery, dialect: Dialect = "duckdb") -> rows.Rows:
    """The rows of a compiled query."""
    sql = result.sql if dialect == "duckdb" else _translated(result.sql)
    return rows.run(connection, sql, result.parameters, {column.alias: column.key for column in result.columns})


def total(
    connection: duckdb.DuckDBPyConnection, model: DataModel, query: Mapping[str, Any], dialect: Dialect = "duckdb"
) -> int:
    """How many rows the query has, by the SQL that counts them."""
    result = compile_count(model, parsed(model, query), dialect=dialect)
    sql = result.sql if dialect == "duckdb" else _translated(result.sql)
    ((found,),) = connection.execute(sql, list(result.parameters)).fetchall()
    return int(found)


def _translated(sql: str) -> str:
    """What sqlglot leaves to be said: a backslash escapes in BigQuery's LIKE, `WEEK(MONDAY)` is DuckDB's week, and
    IEEE_DIVIDE its division."""
    tree = sqlglot.parse_one(sql, read="bigquery").transform(_escaped)
    for node in reversed([node for node in tree.find_all(exp.Anonymous) if node.name.upper() == "IEEE_DIVIDE"]):
        dividend, divisor = (exp.Paren(this=part) for part in node.expressions)
        node.replace(exp.Paren(this=exp.Div(this=dividend, expression=divisor, typed=False)))
    translated = tree.sql("duckdb").replace("WEEK(MONDAY)", "'week'")
    return re.sub(r"[@$]p(\d+)\b", r"$\1", translated)


def _escaped(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Like) and not isinstance(node.parent, exp.Escape):
        return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))
    return node
