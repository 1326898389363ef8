"""SQL that is written once: members and joins as text, kept for every statement that mentions them."""

from __future__ import annotations

from collections.abc import Callable, Hashable

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
        return exp.Var(**kept.args)


class Writer:
    """Writes trees as readable SQL, after `adapt` has put otherwise what the dialect does not have.

    For one statement at a time: sqlglot's generators keep what they are doing.
    """

    def __init__(self, dialect: str, adapt: Callable[[exp.Expr], exp.Expr]) -> None:
        self._adapt = adapt
        self._generator: Generator = Dialect.get_or_raise(dialect).generator(pretty=True, comments=False)

    def write(self, tree: exp.Expr) -> str:
        """The SQL of a tree that nobody needs afterwards."""
        return self._generator.generate(self._adapt(tree), copy=False)


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


def _is_movable(tree: exp.Expr) -> bool:
    return not any("\n" in str(node.this) for node in tree.find_all(exp.Literal, exp.Identifier))
