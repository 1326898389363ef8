"""SQL that is written once: members and joins as text, kept for every statement that mentions them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import cast

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.generator import Generator

_MOST = 50_000


class Texts:
    """The texts of one data model in one dialect. Safe to use from several threads: a text made twice is the same."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self._kept: dict[Hashable, exp.Var] = {}

    def leaf(self, key: Hashable, build: Callable[[], exp.Expr], writer: Writer, *, line: bool = False) -> exp.Expr:
        """What `build` gives, as a leaf that holds its text; built only when the key is new. A tree that cannot be
        text without its place in a statement (a literal of several lines would be indented) is given as it is.
        With `line` the text begins on a line of its own.
        """
        kept = self._kept.get(key)
        if kept is None:
            tree = build()
            if not _is_movable(tree):
                return tree
            kept = text_leaf("\n" * line + writer.write(tree), tree)
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[key] = kept
        return again(kept)


class Writer:
    """Writes trees as readable SQL, after `adapt` has put otherwise what the dialect does not have.

    For one statement at a time: sqlglot's generators keep what they are doing.
    """

    def __init__(self, dialect: str, adapt: Callable[[exp.Expr], exp.Expr]) -> None:
        self._adapt = adapt
        self._generator: Generator = _generator_class(dialect)(dialect=dialect, pretty=True, comments=False)

    def write(self, tree: exp.Expr) -> str:
        """The SQL of a tree that nobody needs afterwards."""
        return self._generator.generate(self._adapt(tree), copy=False)


@lru_cache(maxsize=8)
def _generator_class(dialect: str) -> type[Generator]:
    """sqlglot's generator of a dialect, with short cuts for what most of a statement consists of."""
    base = Dialect.get_or_raise(dialect).generator_class
    transforms = {**base.TRANSFORMS, exp.Identifier: _identifier, exp.Var: lambda _, node: node.args["this"]}
    return type("QuickGenerator", (base,), {"TRANSFORMS": transforms})


def _identifier(generator: Generator, node: exp.Expr) -> str:
    name = node.args["this"]
    if node.args.get("quoted") and name.isascii() and name.isidentifier():
        return f"{generator.dialect.IDENTIFIER_START}{name}{generator.dialect.IDENTIFIER_END}"
    return generator.identifier_sql(cast("exp.Identifier", node))


def text_leaf(text: str, tree: exp.Expr) -> exp.Var:
    """A leaf with the text of a tree, which remembers what the places where it stands ask about the tree."""
    return exp.Var(this=text, atom=is_atom(tree), column=isinstance(tree, exp.Column), either=isinstance(tree, exp.Or))


# What binds at least as tightly as any operator around it, and so needs no parentheses.
_ATOMS = (exp.Column, exp.Literal, exp.Func, exp.Paren, exp.Cast, exp.Subquery, exp.Boolean, exp.Null,
          exp.Parameter, exp.Bracket, exp.Window, exp.Case)  # fmt: skip


def is_atom(tree: exp.Expr) -> bool:
    """Whether a tree may stand as an operand without parentheses."""
    if isinstance(tree, exp.Var):
        return bool(tree.args.get("atom", True))
    return isinstance(tree, _ATOMS) and not isinstance(tree, exp.Connector)


def is_either(tree: exp.Expr) -> bool:
    """Whether a tree is an OR, which needs parentheses beside an AND."""
    return isinstance(tree, exp.Or) or (isinstance(tree, exp.Var) and bool(tree.args.get("either")))


def is_column(tree: exp.Expr) -> bool:
    """Whether a tree is nothing but a column."""
    return isinstance(tree, exp.Column) or (isinstance(tree, exp.Var) and bool(tree.args.get("column")))


def again(tree: exp.Expr) -> exp.Expr:
    """A tree once more, for another place: a node stands in one only. What is repeated most, a text or a column of a
    table, is made anew in a tenth of the time of a copy."""
    if type(tree) is exp.Var:
        return exp.Var(**tree.args)
    if type(tree) is exp.Column and all(type(part) is exp.Identifier for part in tree.args.values()):
        return exp.Column(**{name: exp.Identifier(**part.args) for name, part in tree.args.items()})
    return tree.copy()


def _is_movable(tree: exp.Expr) -> bool:
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if type(node) is exp.Literal or type(node) is exp.Identifier:
            if "\n" in str(node.this):
                return False
            continue
        for value in node.args.values():
            if isinstance(value, exp.Expr):
                nodes.append(value)
            elif type(value) is list:
                nodes += [one for one in value if isinstance(one, exp.Expr)]
    return True
