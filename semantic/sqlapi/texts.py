"""The texts of a query string's statements: their words, places and names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot.tokenizer_core import Token, TokenType

from semantic.sqlapi.errors import SqlSyntaxError
from semantic.sqlapi.queries import tokenize


@dataclass(frozen=True)
class Text:
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

    def tail(self, index: int) -> Text:
        """The statement from a token on, e.g. the query of a DECLARE."""
        return Text(self.after(index), self.tokens[index:], self.tokens[index].start)

    def between(self, first: int, last: int) -> Text:
        sql = self.sql[self.tokens[first].start - self.start : self.tokens[last - 1].end + 1 - self.start]
        return Text(sql, self.tokens[first:last], self.tokens[first].start)


def split(sql: str) -> list[Text]:
    """The string cut at its semicolons."""
    texts: list[Text] = []
    run: list[Token] = []
    for token in tokenize(sql):
        if token.token_type is TokenType.SEMICOLON:
            _append(texts, sql, run)
            run = []
        else:
            run.append(token)
    _append(texts, sql, run)
    return texts


def _append(texts: list[Text], sql: str, tokens: list[Token]) -> None:
    if tokens:
        start = tokens[0].start
        texts.append(Text(sql[start : tokens[-1].end + 1], tuple(tokens), start))


def closing(words: Sequence[str]) -> int:
    """The place of the parenthesis that closes the first one."""
    depth = 0
    for index, word in enumerate(words):
        depth += (word == "(") - (word == ")")
        if word == ")" and depth == 0:
            return index
    return len(words) - 1


def name_of(token: Token) -> str:
    """An identifier: as written when quoted, else in lower case."""
    return token.text if token.token_type is TokenType.IDENTIFIER else token.text.lower()


def near(text: Text, index: int) -> SqlSyntaxError:
    """What PostgreSQL says of a token that makes no sense where it stands."""
    if index >= len(text.tokens):
        return SqlSyntaxError("syntax error at end of input", position=text.start + len(text.sql) + 1)
    one = text.between(index, index + 1)
    return SqlSyntaxError(f'syntax error at or near "{one.sql}"', position=one.start + 1)


def unexpected(text: Text) -> SqlSyntaxError:
    """What is said of a statement that is not written as its kind is."""
    return SqlSyntaxError(f"syntax error in {text.words[0]}", position=text.start + 1)
