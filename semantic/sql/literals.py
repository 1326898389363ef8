"""Compiled SQL with its values written out, for those who cannot bind them."""

from __future__ import annotations

from typing import Any

import sqlglot
from sqlglot import exp

from semantic.compiler import CompiledQuery
from semantic.sql.parameters import parse_compiled


def with_literals(compiled: CompiledQuery) -> exp.Expr:
    """The tree of the SQL with a literal, which sqlglot will quote, in place of each parameter."""
    values = [_literal(value) for value in compiled.parameters]

    def bind(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Placeholder):
            return values[int(node.name) - 1].copy()
        if isinstance(node, exp.Parameter):
            return values[int(node.name.removeprefix("p")) - 1].copy()
        return node

    if compiled.dialect == "duckdb":
        return parse_compiled(compiled.sql).transform(bind)
    return sqlglot.parse_one(compiled.sql, read=compiled.dialect).transform(bind)


def _literal(value: Any) -> exp.Expr:
    """A value as an expression; a zero character, which no SQL text may hold, is put together."""
    if not isinstance(value, str) or "\0" not in value:
        return exp.convert(value)
    zero = exp.Anonymous(this="CHR", expressions=[exp.Literal.number(0)])
    parts = [part for text in value.split("\0") for part in (zero.copy(), exp.Literal.string(text))]
    return exp.Anonymous(this="CONCAT", expressions=parts[1:])
