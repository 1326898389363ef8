"""What the parser of queries lets pass and PostgreSQL's grammar does not: commas too many, words out of place.

The parser takes `SELECT a, FROM t`, `VALUES (1, )` or `GROUP BY BY a`. Here the words of a query are looked at two by
two: after a comma, an operator or WHERE something has to begin, and FROM, AND or a closing parenthesis begins nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from semantic.sqlapi.errors import SqlSyntaxError, UnknownFunction

_TEXTS = frozenset((TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.HEREDOC_STRING, TokenType.BYTE_STRING))
_TEXT, _NUMBER, _NAME, _END = "'text'", "0", '"name"', ""

_INFIX = frozenset(("=", "<", ">", "<=", ">=", "<>", "!=", "/", "%", "||", "::"))
_CLAUSES = frozenset(
    ("FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "LIMIT", "OFFSET", "UNION", "INTERSECT", "EXCEPT", "FETCH",
     "WINDOW")
)  # fmt: skip
_INSIDE = frozenset(
    ("AND", "OR", "THEN", "WHEN", "ELSE", "IN", "LIKE", "ILIKE", "BETWEEN", "IS", "ON", "USING", "JOIN")
)
_WAITING = _INFIX | _CLAUSES | _INSIDE | {",", "+", "-", ".", "[", "CASE", "NOT", "PARTITION BY"}
"""After these something has to begin."""
_NO_BEGINNING = _INFIX | _CLAUSES | _INSIDE | {",", ")", "]", "?", "END", "AS", "ASC", "DESC", "PARTITION BY", _END}
"""These begin nothing."""

_NOT_AFTER_SELECT = _NO_BEGINNING - _CLAUSES - {")", _END}
_NOT_AFTER_BRACKET = _NO_BEGINNING - {")", "ORDER BY", "PARTITION BY", "WHERE", "FROM"}
_BEFORE_SELECT = ("(", ")", "UNION", "INTERSECT", "EXCEPT", "ALL", "DISTINCT")
_AFTER_STAR = _CLAUSES | {",", ")", "INTO", "FOR", _END}
_FITTING = frozenset(
    [("CASE", "WHEN"), ("[", "]"), ("DISTINCT", "ON")]
    + [("NOT", word) for word in ("IN", "LIKE", "ILIKE", "BETWEEN")]
)  # fmt: skip
_CLOSED_BY = {"(": ")", "[": "]"}
_QUERIES = ("SELECT", "WITH", "VALUES", "TABLE", "(")


def check(tokens: Sequence[Token], sql: str) -> None:
    """Raises SqlSyntaxError with its position for a query that PostgreSQL cannot read.

    `sql` is the text that the tokens were read from; not all that is wrong is found, and nothing that is right refused.
    """
    words = _words(tokens)
    _check_brackets(tokens, words, sql)
    _check_cases(tokens, words, sql)
    _check_ctes(tokens, words, sql)
    if "FETCH" in words and not ({"ROW", "ROWS"} & set(words) and {"ONLY", "TIES"} & set(words)):
        raise _misplaced(tokens, len(tokens), sql)
    for at, (word, following) in enumerate(pairwise((*words, _END))):
        if _is_out_of_place(words, at, word, following) or _touch(tokens, words, at, sql):
            raise _misplaced(tokens, at + 1, sql)


def _words(tokens: Sequence[Token]) -> list[str]:
    """A word per token: keywords and signs in capitals, one mark each for texts, numbers and names."""
    words: list[str] = []
    for token in tokens:
        before = words[-1] if words else ""
        word = " ".join(token.text.upper().split())
        if token.token_type in _TEXTS:
            word = _TEXT
        elif token.token_type is TokenType.NUMBER:
            word = _NUMBER
        elif token.token_type is TokenType.IDENTIFIER or (before in (".", "AS") and word[:1].isalpha()):
            # A keyword is a name behind AS and behind a point.
            word = _NAME
        words.append(word)
    return words


def _is_out_of_place(words: Sequence[str], at: int, word: str, following: str) -> bool:
    if word == "==":
        raise UnknownFunction("operator does not exist: ==")
    if word == "`":
        return True
    if (word, following) in _FITTING:
        return False
    if following == "[" and (word in ("(", "SELECT") or word in _WAITING - {",", "["}):
        return True
    if following == "SELECT":
        return word not in _BEFORE_SELECT
    if word == "FETCH":
        return following not in ("FIRST", "NEXT")
    if word in _WAITING:
        return following in _NO_BEGINNING
    if word in ("SELECT", "DISTINCT"):
        return following in _NOT_AFTER_SELECT
    if word == "(":
        return following in _NOT_AFTER_BRACKET or (following == ")" and not _may_be_empty(words, at))
    if word == "*" and at and words[at - 1] in ("SELECT", "DISTINCT", ","):
        return following not in _AFTER_STAR
    if word == "AS":
        return following not in (_NAME, "(")
    return word in ("GROUP", "ORDER") and not (following == "(" and at > 0 and words[at - 1] == "WITHIN")


def _may_be_empty(words: Sequence[str], at: int) -> bool:
    """Whether `()` may stand here: behind a function, OVER, or among grouping sets."""
    before = words[at - 1] if at else ""
    return "GROUPING SETS" in words or not (before in _WAITING or before in ("", "(", ")", "SELECT", "VALUES", _TEXT))


def _touch(tokens: Sequence[Token], words: Sequence[str], at: int, sql: str) -> bool:
    """Whether two values stand side by side with nothing between them."""
    if at + 1 >= len(words):
        return False
    word, following = words[at], words[at + 1]
    if word == ")" and following == "(":
        return at + 2 >= len(words) or words[at + 2] not in _QUERIES
    if word == ")":
        return following == _NUMBER
    if word not in (_TEXT, _NUMBER) or following not in (_TEXT, _NUMBER, "(", "["):
        return False
    offset = tokens[0].start
    between = sql[tokens[at].end + 1 - offset : tokens[at + 1].start - offset]
    return not (word == following == _TEXT and "\n" in between)


def check_tree(tree: exp.Expr, start: int) -> None:
    """Raises SqlSyntaxError for a name that something gets where nothing can have one: `VALUES (1 one)`."""
    for alias in tree.find_all(exp.Alias):
        if not isinstance(alias.parent, exp.Select):
            place = start + int(alias.args["alias"].meta.get("start", 0)) + 1
            raise SqlSyntaxError(f'syntax error at or near "{alias.alias}"', position=place)
    for star in tree.find_all(exp.Star):
        if isinstance(star.parent, exp.Paren):
            raise SqlSyntaxError('syntax error at or near "*"', position=start + 1)


def _check_brackets(tokens: Sequence[Token], words: Sequence[str], sql: str) -> None:
    opened: list[str] = []
    for at, word in enumerate(words):
        if word in _CLOSED_BY:
            opened.append(_CLOSED_BY[word])
        elif word in (")", "]") and (not opened or opened.pop() != word):
            raise _misplaced(tokens, at, sql)
    if opened:
        raise _misplaced(tokens, len(tokens), sql)


def _check_cases(tokens: Sequence[Token], words: Sequence[str], sql: str) -> None:
    if "CASE" not in words:
        return
    if words.count("WHEN") != words.count("THEN") or words.count("CASE") != words.count("END"):
        at = next((at for at, word in enumerate(words) if word == "END"), len(tokens))
        raise _misplaced(tokens, at, sql)


def _check_ctes(tokens: Sequence[Token], words: Sequence[str], sql: str) -> None:
    """WITH name [(columns)] AS [[NOT] MATERIALIZED] (query), ...: the parser lets AS be left out."""
    for at, word in enumerate(words):
        if word != "WITH" or (at and words[at - 1] != "("):
            continue
        name = at + 1 + (words[at + 1 : at + 2] == ["RECURSIVE"])
        while name < len(words):
            behind = name + 1
            if words[behind : behind + 1] == ["("]:
                if words[behind + 1 : behind + 2] in (["SELECT"], ["WITH"], ["TABLE"]):
                    raise _misplaced(tokens, behind + 1, sql)
                behind = _end_of(words, behind) + 1
            if words[behind : behind + 1] != ["AS"]:
                raise _misplaced(tokens, behind, sql)
            opening = next((place for place in range(behind, len(words)) if words[place] == "("), len(words))
            end = _end_of(words, opening)
            if words[end + 1 : end + 2] != [","]:
                break
            name = end + 2


def _end_of(words: Sequence[str], opening: int) -> int:
    """The place of the parenthesis that closes one; behind the last word without one."""
    depth = 0
    for at in range(opening, len(words)):
        depth += (words[at] == "(") - (words[at] == ")")
        if depth == 0:
            return at
    return len(words)


def _misplaced(tokens: Sequence[Token], at: int, sql: str) -> SqlSyntaxError:
    if at >= len(tokens):
        return SqlSyntaxError("syntax error at end of input", position=tokens[-1].end + 2)
    offset = tokens[0].start
    near = sql[tokens[at].start - offset : tokens[at].end + 1 - offset]
    return SqlSyntaxError(f'syntax error at or near "{near}"', position=tokens[at].start + 1)
