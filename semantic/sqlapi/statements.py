"""The statements of a query string: which kinds there are, and what each one says.

Only what is listed here is served; everything else is refused by name. Queries are parsed by sqlglot; the statements
that manage the session are a few words each and are read from their tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from semantic.sqlapi.errors import NotSupported, ReadOnly, SqlSyntaxError
from semantic.sqlapi.grammar import check, check_tree
from semantic.sqlapi.queries import parse_tree, tokenize


@dataclass(frozen=True)
class Select:
    """A query: anything that returns rows from tables or values. The tree is shared: copy before changing it."""

    sql: str
    tree: exp.Query = field(compare=False)


@dataclass(frozen=True)
class Explain:
    select: Select


@dataclass(frozen=True)
class Copy:
    """COPY (query) TO STDOUT; `format` is text, csv or binary."""

    select: Select
    format: str
    header: bool
    delimiter: str
    null: str


@dataclass(frozen=True)
class Begin:
    pass


@dataclass(frozen=True)
class Commit:
    pass


@dataclass(frozen=True)
class Rollback:
    savepoint: str | None = None


@dataclass(frozen=True)
class Savepoint:
    name: str


@dataclass(frozen=True)
class Release:
    savepoint: str


@dataclass(frozen=True)
class SetVariable:
    """`value` is None for DEFAULT; `is_local` ends with the transaction."""

    name: str
    value: str | None
    is_local: bool = False


@dataclass(frozen=True)
class SetTransaction:
    pass


@dataclass(frozen=True)
class Reset:
    name: str | None


@dataclass(frozen=True)
class Show:
    name: str


@dataclass(frozen=True)
class Declare:
    cursor: str
    select: Select
    binary: bool
    hold: bool


@dataclass(frozen=True)
class Fetch:
    """`count` is None for ALL. MOVE is a fetch that shows nothing."""

    cursor: str
    count: int | None
    is_move: bool = False


@dataclass(frozen=True)
class CloseCursor:
    name: str | None


@dataclass(frozen=True)
class Prepare:
    """`types` are names of PostgreSQL's types, for as many parameters as were given one."""

    name: str
    types: tuple[str, ...]
    select: Select


@dataclass(frozen=True)
class Execute:
    """`values` are constants as texts; None is NULL."""

    name: str
    values: tuple[str | None, ...]


@dataclass(frozen=True)
class Deallocate:
    name: str | None


@dataclass(frozen=True)
class Discard:
    what: str


@dataclass(frozen=True)
class Unlisten:
    pass


Statement = (
    Select | Explain | Copy | Begin | Commit | Rollback | Savepoint | Release | SetVariable | SetTransaction | Reset
    | Show | Declare | Fetch | CloseCursor | Prepare | Execute | Deallocate | Discard
    | Unlisten
)  # fmt: skip

_WRITES = re.compile(
    "INSERT|UPDATE|DELETE|MERGE|TRUNCATE|CREATE|ALTER|DROP|GRANT|REVOKE|COMMENT|VACUUM|ANALYZE|REINDEX|CLUSTER|REFRESH"
    "|LOCK"
)
_QUOTED = frozenset((TokenType.STRING, TokenType.IDENTIFIER, TokenType.BYTE_STRING, TokenType.HEREDOC_STRING))
_QUERY_STARTS = frozenset(("SELECT", "WITH", "VALUES", "TABLE", "("))


@dataclass(frozen=True)
class _Text:
    """One statement's text and tokens; `start` is its place in the whole string."""

    sql: str
    tokens: tuple[Token, ...]
    start: int

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(token.text.upper() for token in self.tokens)

    def after(self, index: int) -> str:
        """The text from a token on."""
        return self.sql[self.tokens[index].start - self.start :]

    def tail(self, index: int) -> _Text:
        """The statement from a token on, e.g. the query of a DECLARE."""
        return _Text(self.after(index), self.tokens[index:], self.tokens[index].start)

    def between(self, first: int, last: int) -> _Text:
        sql = self.sql[self.tokens[first].start - self.start : self.tokens[last - 1].end + 1 - self.start]
        return _Text(sql, self.tokens[first:last], self.tokens[first].start)


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


def split(sql: str) -> list[_Text]:
    """The string cut at its semicolons."""
    texts: list[_Text] = []
    run: list[Token] = []
    for token in tokenize(sql):
        if token.token_type is TokenType.SEMICOLON:
            _append(texts, sql, run)
            run = []
        else:
            run.append(token)
    _append(texts, sql, run)
    return texts


def _append(texts: list[_Text], sql: str, tokens: list[Token]) -> None:
    if tokens:
        start = tokens[0].start
        texts.append(_Text(sql[start : tokens[-1].end + 1], tuple(tokens), start))


def _parse(text: _Text) -> Statement:
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


def _select(text: _Text) -> Select:
    sql = text.sql
    if text.words[0] not in _QUERY_STARTS and text.words[0] not in _READERS:
        raise _near(text, 0)
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


def _begin(text: _Text) -> Statement:
    if text.words[0] == "START" and text.words[1:2] != ("TRANSACTION",):
        raise _unexpected(text)
    _only(text, _MODES | {","})
    return Begin()


def _commit(text: _Text) -> Statement:
    _only(text, frozenset(("TRANSACTION", "WORK", "AND", "NO", "CHAIN")))
    return Commit()


def _only(text: _Text, allowed: frozenset[str]) -> None:
    """Raises for the first word behind the first that is not among these; tokens may hold several words."""
    for index, words in enumerate(text.words):
        if index and not allowed.issuperset(words.split()):
            raise _near(text, index)


def _rollback(text: _Text) -> Statement:
    words = [word for word in text.words[1:] if word not in ("WORK", "TRANSACTION")]
    if words[:1] == ["TO"]:
        return Rollback(_name(text.tokens[-1]))
    _only(text, frozenset(("TRANSACTION", "WORK", "AND", "NO", "CHAIN")))
    return Rollback()


def _set(text: _Text) -> Statement:
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
        raise _unexpected(text)
    raw = text.after(index)[found.end() :].strip()
    _check_values(text, text.start + text.sql.index(text.after(index)) + found.end())
    return SetVariable(found[1].strip('"').lower(), _unquoted(raw), is_local)


def _check_values(text: _Text, start: int) -> None:
    """Whether what follows SET name = is a value, or several between commas."""
    first = next((at for at, token in enumerate(text.tokens) if token.start >= start), len(text.tokens))
    values = [at for at in range(first, len(text.tokens)) if text.tokens[at].text not in ("+", "-")]
    for number, at in enumerate(values):
        token = text.tokens[at]
        is_value = token.text[:1].isalnum() or token.text[:1] == "_" or token.token_type in _QUOTED
        if is_value == (number % 2 == 1):
            raise _near(text, at)
    if len(values) % 2 == 0:
        raise _near(text, len(text.tokens))


def _zone(text: _Text, index: int) -> str | None:
    """A zone by name or by hours; LOCAL is the default."""
    if text.words[index : index + 1] == ("INTERVAL",) and len(text.tokens) > index + 1:
        return text.tokens[index + 1].text
    value = _value(text, index)
    return None if value is not None and value.upper() == "LOCAL" else value


def _value(text: _Text, index: int) -> str | None:
    if index >= len(text.tokens):
        raise _unexpected(text)
    return _unquoted(text.after(index).strip())


def _unquoted(raw: str) -> str | None:
    if raw.upper() == "DEFAULT":
        return None
    if len(raw) >= 2 and raw[0] == raw[-1] == "'" and "'" not in raw[1:-1].replace("''", ""):
        return raw[1:-1].replace("''", "'")
    return raw


def _reset(text: _Text) -> Statement:
    name = ".".join(word.lower() for word in text.words[1:] if word != ".")
    if name in ("", "all"):
        return Reset(None)
    return Reset("timezone" if name == "time.zone" else name)


def _show(text: _Text) -> Statement:
    name = " ".join(word.lower() for word in text.words[1:]).replace(" . ", ".")
    if not name:
        raise _near(text, 1)
    special = {"transaction isolation level": "transaction_isolation", "time zone": "timezone"}
    if name not in (*special, "session authorization"):
        # A name, or several between points.
        for index in range(2, len(text.tokens)):
            if (text.words[index] == ".") != (index % 2 == 0):
                raise _near(text, index)
    return Show(special.get(name, name.strip('"')))


def _declare(text: _Text) -> Statement:
    words = text.words
    if "CURSOR" not in words or "FOR" not in words or len(words) < 5:
        raise _unexpected(text)
    at = words.index("FOR")
    return Declare(
        _name(text.tokens[1]),
        _select(text.tail(at + 1)) if at + 1 < len(words) else _fail(text),
        "BINARY" in words[:at],
        words[at - 2 : at] == ("WITH", "HOLD"),
    )


def _fail(text: _Text) -> Select:
    raise _unexpected(text)


def _fetch(text: _Text) -> Statement:
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
    return Fetch(_name(text.tokens[-1]), count, text.words[0] == "MOVE")


def _named(make: Callable[[str | None], Statement], *noise: str) -> Callable[[_Text], Statement]:
    """A reader for `WORD [noise] name | ALL`."""

    def read(text: _Text) -> Statement:
        tokens = [token for token in text.tokens[1:] if token.text.upper() not in noise]
        if len(tokens) != 1:
            raise _unexpected(text)
        return make(None if tokens[0].text.upper() == "ALL" else _name(tokens[0]))

    return read


def _prepare(text: _Text) -> Statement:
    """PREPARE name [(type, ...)] AS query."""
    words = text.words
    types: tuple[str, ...] = ()
    at = 2
    if words[2:3] == ("(",):
        at = _closing(words) + 1
        types = tuple(one.strip().lower() for one in text.between(3, at - 1).sql.split(",")) if at > 4 else ()
    if len(words) < at + 2 or words[at] != "AS":
        raise _unexpected(text)
    return Prepare(_name(text.tokens[1]), types, _select(text.tail(at + 1)))


def _execute(text: _Text) -> Statement:
    """EXECUTE name [(constant, ...)]."""
    if len(text.tokens) < 2:
        raise _unexpected(text)
    values: tuple[str | None, ...] = ()
    if len(text.tokens) > 2:
        if text.words[2] != "(" or text.words[-1] != ")":
            raise _unexpected(text)
        tree = parse_tree(f"SELECT ROW{text.after(2)}", text.start)
        row = tree.expressions[0] if isinstance(tree, exp.Select) else None
        if row is None or len(tree.expressions if tree else ()) != 1:
            raise _unexpected(text)
        values = tuple(_constant(one, text) for one in row.expressions)
    return Execute(_name(text.tokens[1]), values)


def _constant(node: exp.Expr, text: _Text) -> str | None:
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


def _savepoint(text: _Text) -> Statement:
    if len(text.tokens) != 2:
        raise _unexpected(text)
    return Savepoint(_name(text.tokens[1]))


def _release(text: _Text) -> Statement:
    if len(text.tokens) not in (2, 3):
        raise _unexpected(text)
    return Release(_name(text.tokens[-1]))


def _explain(text: _Text) -> Statement:
    index = 1
    if text.words[1:2] == ("(",):
        index = text.words.index(")") + 1 if ")" in text.words else len(text.words)
    while index < len(text.words) and text.words[index] in ("ANALYZE", "VERBOSE"):
        index += 1
    if index >= len(text.tokens):
        raise _unexpected(text)
    return Explain(_select(text.tail(index)))


def _copy(text: _Text) -> Statement:
    """COPY (query) | view TO STDOUT [[WITH] (FORMAT csv, HEADER, DELIMITER ';', NULL '')]."""
    words = text.words
    if "TO" not in words:
        raise ReadOnly("COPY FROM is not possible: Headrace serves queries only")
    to = _closing(words) + 1 if words[1:2] == ("(",) else words.index("TO")
    if words[to : to + 2] != ("TO", "STDOUT"):
        raise NotSupported(
            "only COPY ... TO STDOUT is supported: files of the server are out of reach", sqlstate="42501"
        )
    inner = text.between(2, to - 1) if words[1] == "(" else text.between(1, to)
    select = _select(inner) if words[1] == "(" else _select(_prefixed(inner))
    options = text.after(to + 2) if to + 2 < len(words) else ""
    return _copy_options(select, options)


def _prefixed(text: _Text) -> _Text:
    sql = f"SELECT * FROM {text.sql}"
    return split(sql)[0]


def _closing(words: Sequence[str]) -> int:
    depth = 0
    for index, word in enumerate(words):
        depth += (word == "(") - (word == ")")
        if word == ")" and depth == 0:
            return index
    return len(words) - 1


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


def _discard(text: _Text) -> Statement:
    return Discard(" ".join(text.words[1:]) or "ALL")


def _name(token: Token) -> str:
    """An identifier: as written when quoted, else in lower case."""
    return token.text if token.token_type is TokenType.IDENTIFIER else token.text.lower()


def _near(text: _Text, index: int) -> SqlSyntaxError:
    """What PostgreSQL says of a token that makes no sense where it stands."""
    if index >= len(text.tokens):
        return SqlSyntaxError("syntax error at end of input", position=text.start + len(text.sql) + 1)
    near = text.between(index, index + 1)
    return SqlSyntaxError(f'syntax error at or near "{near.sql}"', position=near.start + 1)


def _unexpected(text: _Text) -> SqlSyntaxError:
    return SqlSyntaxError(f"syntax error in {text.words[0]}", position=text.start + 1)


_READERS: dict[str, Callable[[_Text], Statement]] = {
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
