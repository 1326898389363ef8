"""`headrace query`: one REST query or one SELECT, answered in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from headrace.config import Settings
from headrace.errors import HeadraceError
from headrace.semantics import open_engine
from semantic.compiler import Compiler
from semantic.engine import Cancellation, Engine
from semantic.explain import explain
from semantic.query.types import Query
from semantic.sqlapi.planner import executed, plan_sql


@dataclass(frozen=True)
class QueryResult:
    """Rows as they are printed: REST's values are Cube's (numbers as text), SQL's are typed."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]


def run_query(settings: Settings, text: str, *, environment: str, warn: Callable[[str], None]) -> QueryResult:
    """Answer a Cube REST query (text that begins with `{`) or semantic SQL. Raises SemanticError, HeadraceError."""
    engine = open_engine(settings, environment, on_broken=warn)
    return _ask_rest(engine, text) if text.lstrip().startswith("{") else _ask_sql(engine, text)


def explain_query(
    settings: Settings, text: str, *, environment: str, warn: Callable[[str], None], dialect: str | None = None
) -> str:
    """How a query, or each semantic query within a SELECT, is answered, in SQL of the gateway or of `dialect`.

    Raises SemanticError, HeadraceError.
    """
    engine = open_engine(settings, environment, on_broken=warn)
    queries = (_parse(engine, text),) if text.lstrip().startswith("{") else plan_sql(engine, text).queries
    compiler = Compiler(engine.model, dialect=dialect, tables=engine.tables()) if dialect else engine.compiler()
    return "\n\n".join(explain(compiler, query).text() for query in queries)


def _ask_rest(engine: Engine, text: str) -> QueryResult:
    rows = engine.load(_parse(engine, text)).rows
    return QueryResult(rows.keys, rows.tuples())


def _parse(engine: Engine, text: str) -> Query:
    try:
        payload = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise HeadraceError(f"the query is not valid JSON: {error}") from error
    queries = engine.parse(payload).queries
    if len(queries) != 1:
        raise HeadraceError("a query that compares date ranges has several results: ask one range at a time")
    return queries[0]


def _ask_sql(engine: Engine, text: str) -> QueryResult:
    with executed(engine, plan_sql(engine, text), Cancellation()) as cursor:
        return QueryResult(tuple(column[0] for column in cursor.description or ()), cursor.fetchall())
