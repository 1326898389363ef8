"""Reads GraphQL documents: the part of the language that a query of Cube needs (fields, arguments, variables).

Fragments, directives, mutations and introspection are not part of it; they are errors that say so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from semantic.rest.errors import BadRequest

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"

_TOKENS = re.compile(
    r"""(?P<skip>[\s,\ufeff]+|\#[^\n\r]*)
    |(?P<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<name>[_A-Za-z]\w*)
    |(?P<string>"(?:[^"\\\n\r]|\\.)*")
    |(?P<mark>\.\.\.|[{}()\[\]:!$=@|&])""",
    re.VERBOSE | re.ASCII,
)
_DEEPEST = 50


@dataclass(frozen=True)
class Field:
    """A selected field with its arguments and what is selected of it; `key` is its alias, else its name."""

    name: str
    key: str
    arguments: Mapping[str, Value] = field(default_factory=dict)
    selection: tuple[Field, ...] = ()


def parse_document(text: str, variables: Mapping[str, Value] | None = None) -> tuple[Field, ...]:
    """The fields that the (only) query of a document selects. Raises BadRequest with the place of what is wrong."""
    return _Parser(text, variables or {}).document()


class _Parser:
    def __init__(self, text: str, variables: Mapping[str, Value]) -> None:
        self._text = text
        self._tokens = list(_tokenize(text))
        self._next = 0
        self._variables = dict(variables)
        self._depth = 0

    def document(self) -> tuple[Field, ...]:
        if self._peek()[1] != "{":
            self._operation()
        selected = self._selection()
        if self._peek()[0] != "end":
            raise self._wrong("one query per document")
        return selected

    def _operation(self) -> None:
        kind, text, _ = self._take()
        if kind != "name" or text != "query":
            raise self._wrong("`query` or `{` (only queries are supported)", back=1)
        if self._peek()[0] == "name":
            self._take()
        if self._accept("("):
            while not self._accept(")"):
                self._variable_definition()

    def _variable_definition(self) -> None:
        self._expect("$")
        name = self._name()
        self._expect(":")
        while self._peek()[1] in ("[", "]", "!") or self._peek()[0] == "name":
            self._take()
        if self._accept("="):
            default = self._value()
            self._variables.setdefault(name, default)
        else:
            self._variables.setdefault(name, None)

    def _selection(self) -> tuple[Field, ...]:
        self._expect("{")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong("a selection that is not so deep")
        fields = []
        while not self._accept("}"):
            fields.append(self._field())
        self._depth -= 1
        return tuple(fields)

    def _field(self) -> Field:
        name = key = self._name()
        if self._accept(":"):
            name = self._name()
        arguments = self._arguments() if self._accept("(") else {}
        if self._peek()[1] == "@":
            raise self._wrong("a field without directives (they are not supported)")
        selection = self._selection() if self._peek()[1] == "{" else ()
        return Field(name, key, arguments, selection)

    def _arguments(self) -> dict[str, Value]:
        arguments: dict[str, Value] = {}
        while not self._accept(")"):
            name = self._name()
            self._expect(":")
            arguments[name] = self._value()
        return arguments

    def _value(self) -> Value:
        kind, text, _ = self._take()
        if kind == "number":
            return float(text) if re.search(r"[.eE]", text) else int(text)
        if kind == "string":
            return self._string(text)
        if kind == "name":
            return {"true": True, "false": False, "null": None}.get(text, text)
        if text == "$":
            return self._variable()
        if text in ("[", "{"):
            return self._nested(text)
        raise self._wrong("a value", back=1)

    def _nested(self, opening: str) -> Value:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong("a value that is not so deep")
        found: Value
        if opening == "[":
            found = []
            while not self._accept("]"):
                found.append(self._value())
        else:
            found = {}
            while not self._accept("}"):
                name = self._name()
                self._expect(":")
                found[name] = self._value()
        self._depth -= 1
        return found

    def _variable(self) -> Value:
        name = self._name()
        if name not in self._variables:
            raise BadRequest(f'Variable "${name}" is not defined')
        return self._variables[name]

    def _string(self, text: str) -> str:
        try:
            value = json.loads(text)
        except ValueError:
            raise self._wrong("a string with valid escapes", back=1) from None
        return str(value)

    def _peek(self) -> tuple[str, str, int]:
        return self._tokens[self._next]

    def _take(self) -> tuple[str, str, int]:
        token = self._peek()
        if token[0] != "end":
            self._next += 1
        return token

    def _accept(self, mark: str) -> bool:
        if self._peek()[1] == mark and self._peek()[0] == "mark":
            self._take()
            return True
        if self._peek()[0] == "end":
            raise self._wrong(f"`{mark}`")
        return False

    def _expect(self, mark: str) -> None:
        if not self._accept(mark):
            raise self._wrong(f"`{mark}`")

    def _name(self) -> str:
        kind, text, _ = self._take()
        if kind != "name":
            raise self._wrong("a name", back=1)
        return text

    def _wrong(self, expected: str, back: int = 0) -> BadRequest:
        _, text, place = self._tokens[max(self._next - back, 0)]
        line = self._text.count("\n", 0, place) + 1
        column = place - (self._text.rfind("\n", 0, place) + 1) + 1
        found = f"`{text}`" if text else "the end"
        return BadRequest(f"GraphQL syntax error at {line}:{column}: expected {expected}, found {found}")


def _tokenize(text: str) -> list[tuple[str, str, int]]:
    tokens, place = [], 0
    while place < len(text):
        found = _TOKENS.match(text, place)
        if found is None:
            line = text.count("\n", 0, place) + 1
            raise BadRequest(f"GraphQL syntax error at line {line}: unexpected character {text[place]!r}")
        if found.lastgroup != "skip":
            tokens.append((str(found.lastgroup), found.group(), place))
        place = found.end()
    return [*tokens, ("end", "", len(text))]
