"""Compiled SQL with its values written out, for those who cannot bind them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from semantic.compiler import CompiledQuery
from semantic.sql.parameters import parse_compiled


def with_literals(compiled: CompiledQuery) -> exp.Expr:
    """The tree of the SQL with a literal, which sqlglot will quote, in place of each parameter."""
    values = [_literal(value) for value in compiled.parameters]
    if compiled.dialect != "duckdb":
        texts = [value.sql(compiled.dialect) for value in values]
        return sqlglot.parse_one(_filled(compiled.sql, texts, compiled.dialect), read=compiled.dialect)

    def bind(node: exp.Expr) -> exp.Expr:
        return values[int(node.name) - 1].copy() if isinstance(node, exp.Placeholder) else node

    return parse_compiled(compiled.sql).transform(bind)


def _filled(sql: str, texts: Sequence[str], dialect: str) -> str:
    """SQL whose `@p1`, `@p2`, ... are replaced token by token.

    Not by the tree: once SQLMesh is imported into the process, sqlglot takes `@p1` for one of its macros.
    """
    tokens = sqlglot.tokenize(sql, read=dialect)
    parts, end = [], 0
    for sign, name in pairwise(tokens):
        if sign.token_type == TokenType.PARAMETER and name.start == sign.end + 1:
            parts += [sql[end : sign.start], texts[int(name.text.removeprefix("p")) - 1]]
            end = name.end + 1
    return "".join((*parts, sql[end:]))


def _literal(value: Any) -> exp.Expr:
    """A value as an expression; a zero character, which no SQL text may hold, is put together."""
    if not isinstance(value, str) or "\0" not in value:
        return exp.convert(value)
    zero = exp.Anonymous(this="CHR", expressions=[exp.Literal.number(0)])
    parts = [part for text in value.split("\0") for part in (zero.copy(), exp.Literal.string(text))]
    return exp.Anonymous(this="CONCAT", expressions=parts[1:])
