"""What PostgreSQL and DuckDB say differently, and sqlglot does not translate."""

from __future__ import annotations

from sqlglot import exp

from semantic.sqlapi.parameters import parse_array
from semantic.sqlapi.types import TEXT


def speak_duckdb(tree: exp.Expr) -> None:
    """Change a statement in place: array literals, `= ANY(list)`, names of functions in FROM."""
    for cast in list(tree.find_all(exp.Cast)):
        if cast.to.this == exp.DataType.Type.ARRAY and isinstance(cast.this, exp.Literal):
            cast.set("this", array(cast.this.name))
    for equal in list(tree.find_all(exp.EQ)):
        if isinstance(equal.expression, exp.Any):
            equal.replace(contained(equal))
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            name_function_column(table)


def array(text: str) -> exp.Expr:
    """A literal such as '{a,b}' as a list; anything else stays a text."""
    try:
        items = parse_array(text, TEXT)
    except (ValueError, IndexError):
        return exp.Literal.string(text)
    return exp.Array(expressions=[exp.null() if item is None else exp.Literal.string(str(item)) for item in items])


def name_function_column(table: exp.Table) -> None:
    """The alias of a function in FROM names its column too."""
    alias = table.args.get("alias")
    if alias is not None and not alias.columns:
        alias.set("columns", [alias.this.copy()])


def contained(node: exp.EQ) -> exp.Expr:
    """`x = ANY(list)` as DuckDB says it; with a sub-query it stays."""
    items = node.expression.this.unnest()
    if isinstance(items, exp.Literal):
        items = array(items.name)
    if isinstance(items, exp.Query | exp.Subquery):
        return node
    return exp.Anonymous(this="list_contains", expressions=[items.copy(), node.this.copy()])
