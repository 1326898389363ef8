"""What PostgreSQL and DuckDB say differently, and sqlglot does not translate."""

from __future__ import annotations

import re

from sqlglot import exp

from semantic.sqlapi.parameters import parse_array
from semantic.sqlapi.types import TEXT

_SETS = (exp.GenerateSeries, exp.ExplodingGenerateSeries, exp.Unnest, exp.Explode)
_SET_NAMES = frozenset(("unnest", "generate_series", "generate_subscripts", "json_each", "pg_get_keywords"))
_DIRECTIVE = re.compile(r"(%[ILs%])")


def speak_duckdb(tree: exp.Expr) -> None:
    """Change a statement in place: array literals, `= ANY(list)`, names of functions in FROM, LIMIT ALL, numeric."""
    for cast in list(tree.find_all(exp.Cast)):
        if cast.to.this == exp.DataType.Type.ARRAY and isinstance(cast.this, exp.Literal):
            cast.set("this", array(cast.this.name))
        if cast.to.this == exp.DataType.Type.DECIMAL and not cast.to.expressions:
            # PostgreSQL's has any scale; DuckDB's would have three digits.
            cast.set("to", exp.DataType.build("DECIMAL(38, 10)", dialect="duckdb"))
    for equal in list(tree.find_all(exp.EQ)):
        if isinstance(equal.expression, exp.Any):
            equal.replace(contained(equal))
    for unequal in list(tree.find_all(exp.NEQ)):
        if isinstance(unequal.expression, exp.All):
            unequal.replace(contained(unequal))
    for table in list(tree.find_all(exp.Table)):
        if isinstance(table.this, exp.Identifier):
            continue
        if isinstance(table.this, _SETS) or table.this.name.lower() in _SET_NAMES:
            name_function_column(table)
        else:
            table.replace(_one_row(table))
    for limit in list(tree.find_all(exp.Limit)):
        if isinstance(limit.expression, exp.Null) or limit.expression == exp.column("all", quoted=True):
            limit.pop()
    for function in list(tree.find_all(exp.Format)):
        function.replace(_formatted(function))


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


def contained(node: exp.EQ | exp.NEQ) -> exp.Expr:
    """`x = ANY(list)` and `x <> ALL(list)` as DuckDB says them; with a sub-query they stay."""
    items = node.expression.this.unnest()
    if isinstance(items, exp.Query | exp.Subquery):
        return node
    if isinstance(items, exp.Literal):
        items = array(items.name)
    found = exp.Anonymous(this="list_contains", expressions=[items.copy(), node.this.copy()])
    return found if isinstance(node, exp.EQ) else exp.Not(this=found)


def _one_row(table: exp.Table) -> exp.Expr:
    """A function in FROM that gives one value is a table of one row."""
    name = table.alias or table.this.name.lower() or "value"
    return exp.select(exp.alias_(table.this.copy(), name, quoted=True)).subquery(exp.to_identifier(name, quoted=True))


def _formatted(node: exp.Format) -> exp.Expr:
    """format('%I.%I', a, b): PostgreSQL's directives; DuckDB's format() has others."""
    arguments = iter(node.expressions)
    parts: list[exp.Expr] = []
    for piece in _DIRECTIVE.split(node.this.name):
        if piece in ("%I", "%L", "%s"):
            value = next(arguments, exp.null()).copy()
            wrap = {"%I": "quote_ident", "%L": "quote_literal"}.get(piece)
            parts.append(exp.Anonymous(this=wrap, expressions=[value]) if wrap else value)
        elif piece:
            parts.append(exp.Literal.string("%" if piece == "%%" else piece))
    return exp.Concat(expressions=parts)
