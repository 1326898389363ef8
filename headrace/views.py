"""Views of DuckDB that give a table as it is, as SQLMesh's are."""

from __future__ import annotations

from functools import lru_cache

import sqlglot
from sqlglot import exp


@lru_cache(maxsize=4096)
def plain_source(view: str) -> tuple[str, str] | None:
    """The table (schema, name) of a view whose text is `SELECT * FROM table`; None for any other."""
    select = sqlglot.parse_one(view, read="duckdb").expression
    if not isinstance(select, exp.Select) or select.expressions != [exp.Star()]:
        return None
    source = select.args["from_"].this if select.args.get("from_") else None
    if {key for key, value in select.args.items() if value} != {"expressions", "from_"}:
        return None
    if not isinstance(source, exp.Table) or not isinstance(source.this, exp.Identifier):
        return None
    return source.db or "main", source.name
