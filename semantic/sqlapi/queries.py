"""Text to a query's tree, by PostgreSQL's grammar, and what is wrong with text that is none."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.tokenizer_core import Token, TokenType

from semantic.sqlapi.errors import NotSupported, SqlSyntaxError

_DIALECT = Postgres()
_RESERVED = frozenset((TokenType.LIMIT, TokenType.OFFSET, TokenType.FETCH))
_LABELS = frozenset(
    (TokenType.SELECT, TokenType.UPDATE, TokenType.INSERT, TokenType.DELETE, TokenType.TABLE, TokenType.FROM,
     TokenType.WHERE, TokenType.HAVING, TokenType.LIMIT, TokenType.OFFSET, TokenType.UNION, TokenType.JOIN,
     TokenType.ON, TokenType.IN, TokenType.AND, TokenType.OR, TokenType.CASE, TokenType.WHEN, TokenType.THEN,
     TokenType.ELSE, TokenType.END, TokenType.USING, TokenType.FETCH)
)  # fmt: skip
"""Reserved words that are names behind AS, as they are behind a point."""
_REGTYPE_ARRAY = re.compile(r"::regtype\[\]", re.IGNORECASE)
_UNTERMINATED = re.compile(r"Missing (.+) from \d+:(\d+)")
_QUOTES = {"'": "quoted string", '"': "quoted identifier"}
_DETAILS = (
    (re.compile(r"Expecting \)"), "A closing parenthesis is missing."),
    (re.compile(r"Expecting \("), "An opening parenthesis is missing."),
    (re.compile(r"Expected table name"), "The name of a table is missing."),
    (re.compile(r"Required keyword"), "Something that belongs here is missing."),
)


class _Tokenizer(Postgres.Tokenizer):
    """Sees every word: sqlglot's own swallows what follows DECLARE, FETCH, SHOW and the like in one token."""

    COMMANDS: ClassVar[set[TokenType]] = set()


class _Parser(PostgresParser):
    """Takes PostgreSQL's reserved words for no names: `GROUP BY ROLLUP (a) LIMIT 3` has no column "limit"."""

    ID_VAR_TOKENS: ClassVar[set[TokenType]] = set(PostgresParser.ID_VAR_TOKENS) - _RESERVED
    ALIAS_TOKENS: ClassVar[set[TokenType]] = set(PostgresParser.ALIAS_TOKENS) - _RESERVED
    FUNCTIONS: ClassVar[dict[str, Callable[..., exp.Expr]]] = {
        **PostgresParser.FUNCTIONS,
        # sqlglot reads the patterns of to_char wrongly; `rewriting.timeformats` knows them.
        "TO_CHAR": lambda args: exp.Anonymous(this="to_char", expressions=args),
    }
    TABLE_ALIAS_TOKENS: ClassVar[set[TokenType]] = set(PostgresParser.TABLE_ALIAS_TOKENS) - _RESERVED


def tokenize(sql: str) -> list[Token]:
    """The words of a query string. Raises SqlSyntaxError for a quote or a comment without its end."""
    try:
        return _Tokenizer(dialect=_DIALECT).tokenize(sql)
    except TokenError as error:
        raise _unterminated(error, sql) from error


def parse_tree(sql: str, start: int) -> exp.Expr | None:
    """The tree of one statement, which begins at `start` of what the client sent; None for an empty one.

    Raises SqlSyntaxError with the position, NotSupported for what is nested too deeply.
    """
    # Casts to regtype[] have no grammar in sqlglot: the names that they give are text.
    text = _REGTYPE_ARRAY.sub("::text[]", sql)
    tokens = _DIALECT.tokenize(text)
    for before, token in pairwise(tokens):
        if before.token_type is TokenType.DOT or (before.token_type is TokenType.ALIAS and token.token_type in _LABELS):
            token.token_type = TokenType.VAR if token.text[:1].isalpha() else token.token_type
    try:
        trees = _Parser(dialect=_DIALECT).parse(tokens, text)
    except ParseError as error:
        raise _syntax_error(error, sql, start) from error
    except RecursionError as error:
        raise NotSupported("the statement is nested too deeply", sqlstate="54001") from error
    return trees[0] if len(trees) == 1 else None


def _syntax_error(error: ParseError, sql: str, start: int) -> SqlSyntaxError:
    details = error.errors[0] if error.errors else {}
    near = str(details.get("highlight") or "")
    line, column = int(details.get("line") or 1), int(details.get("col") or 1)
    lines = sql.split("\n")
    position = start + sum(len(before) + 1 for before in lines[: line - 1]) + max(column - len(near), 0) + 1
    shown = f' at or near "{near}"' if near else " at end of input"
    said = str(details.get("description") or "")
    detail = next((text for pattern, text in _DETAILS if pattern.match(said)), None)
    return SqlSyntaxError(f"syntax error{shown}", position=position, detail=detail)


def _unterminated(error: TokenError, sql: str) -> SqlSyntaxError:
    found = _UNTERMINATED.search(str(error.__cause__))
    if found is None:
        return SqlSyntaxError("unterminated comment or quoted string")
    start = int(found[2])
    kind = _QUOTES.get(found[1], "dollar-quoted string")
    return SqlSyntaxError(f'unterminated {kind} at or near "{sql[start : start + 40]}"', position=start + 1)
