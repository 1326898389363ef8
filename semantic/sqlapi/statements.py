"""Reading the statements of a query string: which kind each one is, and what it says.

Only what is listed here is served; everything else is refused by name. Queries are parsed by sqlglot; the statements
that manage the session are a few words each and are read from their tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from semantic.sqlapi.errors import NotSupported, ReadOnly, SqlSyntaxError
from semantic.sqlapi.grammar import check, check_tree
from semantic.sqlapi.kinds import (
    Begin,
    CloseCursor,
    Commit,
    Copy,
    Deallocate,
    Declare,
    Discard,
    Execute,
    Explain,
    Fetch,
    Prepare,
    Release,
    Reset,
    Rollback,
    Savepoint,
    Select,
    SetTransaction,
    SetVariable,
    Show,
    Statement,
    Unlisten,
)
from semantic.sqlapi.queries import parse_tree
from semantic.sqlapi.texts import Text, closing, name_of, near, split, unexpected

_WRITES = re.compile(
    "INSERT|UPDATE|DELETE|MERGE|TRUNCATE|CREATE|ALTER|DROP|GRANT|REVOKE|COMMENT|VACUUM|ANALYZE|REINDEX|CLUSTER|REFRESH"
    "|LOCK"
)
_QUOTED = frozenset((TokenType.STRING, TokenType.IDENTIFIER, TokenType.BYTE_STRING, TokenType.HEREDOC_STRING))
_QUERY_STARTS = frozenset(("SELECT", "WITH", "VALUES", "TABLE", "("))


CACHED_LENGTH = 10_000
"""Statements longer than this are not kept: a client could fill the memory with them."""


def parse_statements(sql: str) -> tuple[Statement, ...]:
    """The statements of a query string; none for an empty one.

    Raises SqlSyntaxError with the position, ReadOnly for what would write, NotSupported for any other statement.
    """
    return _parse_known(sql) if len(sql) <= CACHED_LENGTH else _parse_all(sql)


def _parse_all(sql: str) -> tuple[Statement, ...]:
    return tuple(_parse(text) for text in split(sql))


_parse_known = lru_cache(maxsize=1024)(_parse_all)


def _parse(text: Text) -> Statement:
    first = text.words[0]
    if first in _QUERY_STARTS:
        return _select(text)
    if _WRITES.fullmatch(first):
        raise ReadOnly(
            f"cannot execute {first} in a read-only transaction",
            hint="Headrace serves queries only; data comes in with `headrace ingest` and `headrace build`.",
        )
    reader = _READERS.get(first)
    if reader is None:
        raise SqlSyntaxError(
            f'syntax error at or near "{text.tokens[0].text}"',
            position=text.start + 1,
            hint="Queries and the statements of a session (SET, SHOW, BEGIN, DECLARE, COPY TO STDOUT, ...) are served.",
        )
    return reader(text)


def _select(text: Text) -> Select:
    sql = text.sql
    if text.words[0] not in _QUERY_STARTS and text.words[0] not in _READERS:
        raise near(text, 0)
    if text.words[0] == "TABLE":
        sql = "SELECT * FROM " + text.after(1)
    tree = parse_tree(sql, text.start)
    check(text.tokens, text.sql)
    if tree is not None:
        check_tree(tree, text.start)
    if isinstance(tree, exp.Values):
        width = len(tree.expressions[0].expressions) if tree.expressions else 0
        names = [exp.to_identifier(f"column{number + 1}") for number in range(width)]
        if not tree.alias:
            tree.set("alias", exp.TableAlias(this=exp.to_identifier("*VALUES*", quoted=True), columns=names))
        tree = exp.select("*").from_(tree)
    if isinstance(tree, exp.Subquery):
        tree = tree.unnest() if not tree.alias else tree
    if not isinstance(tree, exp.Query):
        raise NotSupported("only queries are supported here", position=text.start + 1)
    if tree.find(exp.Into, exp.Lock) is not None:
        raise ReadOnly("SELECT INTO and SELECT FOR UPDATE are not possible: Headrace serves queries only")
    return Select(sql, tree)


_MODES = frozenset(
    (
        "TRANSACTION",
        "WORK",
        "ISOLATION",
        "LEVEL",
        "SERIALIZABLE",
        "REPEATABLE",
        "READ",
        "COMMITTED",
        "UNCOMMITTED",
        "WRITE",
        "ONLY",
        "NOT",
        "DEFERRABLE",
    )
)


def _begin(text: Text) -> Statement:
    if text.words[0] == "START" and text.words[1:2] != ("TRANSACTION",):
        raise unexpected(text)
    _only(text, _MODES | {","})
    return Begin()


def _commit(text: Text) -> Statement:
    _check_end(text)
    return Commit()


def _check_end(text: Text) -> None:
    """COMMIT or ROLLBACK [WORK | TRANSACTION] [AND [NO] CHAIN]: raises for anything else."""
    words = text.words
    at = 2 if words[1:2] in (("TRANSACTION",), ("WORK",)) else 1
    if words[at : at + 1] == ("AND",):
        at += 2 if words[at + 1 : at + 2] == ("NO",) else 1
        if words[at : at + 1] != ("CHAIN",):
            raise near(text, at)
        at += 1
    if at < len(words):
        raise near(text, at)


def _only(text: Text, allowed: frozenset[str]) -> None:
    """Raises for the first word behind the first that is not among these; tokens may hold several words."""
    for index, words in enumerate(text.words):
        if index and not allowed.issuperset(words.split()):
            raise near(text, index)


def _rollback(text: Text) -> Statement:
    words = [word for word in text.words[1:] if word not in ("WORK", "TRANSACTION")]
    if words[:1] == ["TO"]:
        return Rollback(name_of(text.tokens[-1]))
    _check_end(text)
    return Rollback()


def _set(text: Text) -> Statement:
    index = 1
    is_local = text.words[1:2] == ("LOCAL",)
    if text.words[1:2] in (("LOCAL",), ("SESSION",)):
        index = 2
    rest = text.words[index:]
    if rest[:1] == ("TRANSACTION",) or rest[:1] == ("CHARACTERISTICS",):
        return SetTransaction()
    if rest[:2] == ("TIME", "ZONE"):
        return SetVariable("timezone", _zone(text, index + 2), is_local)
    if rest[:1] == ("NAMES",):
        return SetVariable("client_encoding", _value(text, index + 1), is_local)
    if rest[:1] in (("ROLE",), ("AUTHORIZATION",)):
        return SetTransaction()
    found = re.match(r'\s*([\w.]+|"[^"]+")\s*(?:=|\bTO\b)\s*', text.after(index), re.IGNORECASE) if rest else None
    if found is None:
        raise unexpected(text)
    raw = text.after(index)[found.end() :].strip()
    _check_values(text, text.start + text.sql.index(text.after(index)) + found.end())
    return SetVariable(found[1].strip('"').lower(), _unquoted(raw), is_local)


def _check_values(text: Text, start: int) -> None:
    """Whether what follows SET name = is a value, or several between commas."""
    first = next((at for at, token in enumerate(text.tokens) if token.start >= start), len(text.tokens))
    values = [at for at in range(first, len(text.tokens)) if text.tokens[at].text not in ("+", "-")]
    for number, at in enumerate(values):
        token = text.tokens[at]
        is_value = token.text[:1].isalnum() or token.text[:1] == "_" or token.token_type in _QUOTED
        if is_value == (number % 2 == 1):
            raise near(text, at)
    if len(values) % 2 == 0:
        raise near(text, len(text.tokens))


def _zone(text: Text, index: int) -> str | None:
    """A zone by name or by hours; LOCAL is the default."""
    if text.words[index : index + 1] == ("INTERVAL",) and len(text.tokens) > index + 1:
        return text.tokens[index + 1].text
    value = _value(text, index)
    return None if value is not None and value.upper() == "LOCAL" else value


def _value(text: Text, index: int) -> str | None:
    if index >= len(text.tokens):
        raise unexpected(text)
    return _unquoted(text.after(index).strip())


def _unquoted(raw: str) -> str | None:
    if raw.upper() == "DEFAULT":
        return None
    if len(raw) >= 2 and raw[0] == raw[-1] == "'" and "'" not in raw[1:-1].replace("''", ""):
        return raw[1:-1].replace("''", "'")
    return raw


def _reset(text: Text) -> Statement:
    name = ".".join(word.lower() for word in text.words[1:] if word != ".")
    if name in ("", "all"):
        return Reset(None)
    return Reset("timezone" if name == "time.zone" else name)


def _show(text: Text) -> Statement:
    name = " ".join(word.lower() for word in text.words[1:]).replace(" . ", ".")
    if not name:
        raise near(text, 1)
    special = {"transaction isolation level": "transaction_isolation", "time zone": "timezone"}
    if name not in (*special, "session authorization"):
        # A name, or several between points.
        for index in range(2, len(text.tokens)):
            if (text.words[index] == ".") != (index % 2 == 0):
                raise near(text, index)
    return Show(special.get(name, name.strip('"')))


def _declare(text: Text) -> Statement:
    words = text.words
    if "CURSOR" not in words or "FOR" not in words or len(words) < 5:
        raise unexpected(text)
    at = words.index("FOR")
    return Declare(
        name_of(text.tokens[1]),
        _select(text.tail(at + 1)) if at + 1 < len(words) else _fail(text),
        "BINARY" in words[:at],
        words[at - 2 : at] == ("WITH", "HOLD"),
    )


def _fail(text: Text) -> Select:
    raise unexpected(text)


def _fetch(text: Text) -> Statement:
    words = list(text.words[1:-1])
    for noise in ("FROM", "IN"):
        if words[-1:] == [noise]:
            words.pop()
    if words[:1] and words[0] in ("FORWARD", "NEXT"):
        words.pop(0)
    if len(text.tokens) < 2 or len(words) > 1:
        raise NotSupported("cursors can only be fetched forwards: FETCH [FORWARD] [n | ALL] FROM cursor")
    count: int | None = 1
    if words == ["ALL"]:
        count = None
    elif words:
        if not words[0].isdigit():
            raise NotSupported("cursors can only be fetched forwards: FETCH [FORWARD] [n | ALL] FROM cursor")
        count = int(words[0])
    return Fetch(name_of(text.tokens[-1]), count, text.words[0] == "MOVE")


def _named(make: Callable[[str | None], Statement], *noise: str) -> Callable[[Text], Statement]:
    """A reader for `WORD [noise] name | ALL`."""

    def read(text: Text) -> Statement:
        tokens = [token for token in text.tokens[1:] if token.text.upper() not in noise]
        if len(tokens) != 1:
            raise unexpected(text)
        return make(None if tokens[0].text.upper() == "ALL" else name_of(tokens[0]))

    return read


def _prepare(text: Text) -> Statement:
    """PREPARE name [(type, ...)] AS query."""
    words = text.words
    types: tuple[str, ...] = ()
    at = 2
    if words[2:3] == ("(",):
        at = closing(words) + 1
        types = tuple(one.strip().lower() for one in text.between(3, at - 1).sql.split(",")) if at > 4 else ()
    if len(words) < at + 2 or words[at] != "AS":
        raise unexpected(text)
    return Prepare(name_of(text.tokens[1]), types, _select(text.tail(at + 1)))


def _execute(text: Text) -> Statement:
    """EXECUTE name [(constant, ...)]."""
    if len(text.tokens) < 2:
        raise unexpected(text)
    values: tuple[str | None, ...] = ()
    if len(text.tokens) > 2:
        if text.words[2] != "(" or text.words[-1] != ")":
            raise unexpected(text)
        tree = parse_tree(f"SELECT ROW{text.after(2)}", text.start)
        row = tree.expressions[0] if isinstance(tree, exp.Select) else None
        if row is None or len(tree.expressions if tree else ()) != 1:
            raise unexpected(text)
        values = tuple(_constant(one, text) for one in row.expressions)
    return Execute(name_of(text.tokens[1]), values)


def _constant(node: exp.Expr, text: Text) -> str | None:
    """The text of a constant, cast or not."""
    inner = node.this if isinstance(node, exp.Cast) else node
    if isinstance(inner, exp.Null):
        return None
    if isinstance(inner, exp.Boolean):
        return str(inner.this).lower()
    sign = "-" if isinstance(inner, exp.Neg) else ""
    inner = inner.this if sign else inner
    if not isinstance(inner, exp.Literal):
        raise NotSupported("parameters of EXECUTE are constants here", position=text.start + 1)
    return f"{sign}{inner.this}"


def _savepoint(text: Text) -> Statement:
    if len(text.tokens) != 2:
        raise unexpected(text)
    return Savepoint(name_of(text.tokens[1]))


def _release(text: Text) -> Statement:
    if len(text.tokens) not in (2, 3):
        raise unexpected(text)
    return Release(name_of(text.tokens[-1]))


def _explain(text: Text) -> Statement:
    index = 1
    if text.words[1:2] == ("(",):
        index = text.words.index(")") + 1 if ")" in text.words else len(text.words)
    while index < len(text.words) and text.words[index] in ("ANALYZE", "VERBOSE"):
        index += 1
    if index >= len(text.tokens):
        raise unexpected(text)
    return Explain(_select(text.tail(index)))


def _copy(text: Text) -> Statement:
    """COPY (query) | view TO STDOUT [[WITH] (FORMAT csv, HEADER, DELIMITER ';', NULL '')]."""
    words = text.words
    if "TO" not in words:
        raise ReadOnly("COPY FROM is not possible: Headrace serves queries only")
    to = closing(words) + 1 if words[1:2] == ("(",) else words.index("TO")
    if words[to : to + 2] != ("TO", "STDOUT"):
        raise NotSupported(
            "only COPY ... TO STDOUT is supported: files of the server are out of reach", sqlstate="42501"
        )
    inner = text.between(2, to - 1) if words[1] == "(" else text.between(1, to)
    select = _select(inner) if words[1] == "(" else _select(_prefixed(inner))
    options = text.after(to + 2) if to + 2 < len(words) else ""
    return _copy_options(select, options)


def _prefixed(text: Text) -> Text:
    sql = f"SELECT * FROM {text.sql}"
    return split(sql)[0]


def _copy_options(select: Select, options: str) -> Copy:
    found = re.search(r"\bFORMAT\s+'?\"?(\w+)|\b(CSV|BINARY)\b", options, re.IGNORECASE)
    kind = (found[1] or found[2]).lower() if found else "text"
    if kind not in ("text", "csv", "binary"):
        raise NotSupported(f'COPY format "{kind}" not recognized: text, csv and binary are', sqlstate="22023")
    header = re.search(r"\bHEADER\b(?!\s+'?(?:false|off|0))", options, re.IGNORECASE) is not None
    delimiter = re.search(r"\bDELIMITER\s+(?:AS\s+)?E?'((?:\\t)|[^'])'", options, re.IGNORECASE)
    null = re.search(r"\bNULL\s+(?:AS\s+)?E?'([^']*)'", options, re.IGNORECASE)
    return Copy(
        select,
        kind,
        header,
        delimiter[1].replace("\\t", "\t") if delimiter else ("," if kind == "csv" else "\t"),
        null[1] if null else ("" if kind == "csv" else "\\N"),
    )


def _discard(text: Text) -> Statement:
    return Discard(" ".join(text.words[1:]) or "ALL")


_READERS: dict[str, Callable[[Text], Statement]] = {
    "BEGIN": _begin,
    "START": _begin,
    "COMMIT": _commit,
    "END": _commit,
    "ROLLBACK": _rollback,
    "ABORT": _rollback,
    "SAVEPOINT": _savepoint,
    "RELEASE": _release,
    "SET": _set,
    "RESET": _reset,
    "SHOW": _show,
    "DECLARE": _declare,
    "FETCH": _fetch,
    "MOVE": _fetch,
    "CLOSE": _named(CloseCursor),
    "PREPARE": _prepare,
    "EXECUTE": _execute,
    "DEALLOCATE": _named(Deallocate, "PREPARE"),
    "DISCARD": _discard,
    "UNLISTEN": lambda _: Unlisten(),
    "EXPLAIN": _explain,
    "COPY": _copy,
}
