"""Where contracts and their columns are written, for findings that point at a line."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from contracts.base import Contract


class Place(NamedTuple):
    """A file relative to the project, and a line from 1."""

    file: str
    line: int


def place_of(contract: type[Contract], root: Path, column: str | None = None) -> Place:
    """The line of a contract's class, or of a column in it (the class's, where the column is inherited)."""
    path = Path(inspect.getsourcefile(contract) or "")
    lines = _lines(path).get(contract.__name__, {})
    line = lines.get(column or "", lines.get("", 1))
    return Place(relative(path, root), line)


def relative(path: Path, root: Path) -> str:
    """The path inside the project, with slashes; as it is when it lies elsewhere."""
    return path.resolve().relative_to(root).as_posix() if path.resolve().is_relative_to(root) else path.as_posix()


def line_of(path: Path, word: str) -> int:
    """The first line that has the word by itself, else 1."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((number for number, line in enumerate(lines, 1) if word in re.findall(r"\w+", line)), 1)


@cache
def _lines(path: Path) -> dict[str, dict[str, int]]:
    """Class name -> column name -> line; the class's own line is under the empty name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: dict(_columns(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _columns(node: ast.ClassDef) -> Iterator[tuple[str, int]]:
    yield "", node.lineno
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield _spelled(statement), statement.lineno


def _spelled(statement: ast.AnnAssign) -> str:
    """The column's name: the attribute's, or what `name=` says."""
    if isinstance(statement.value, ast.Call):
        for keyword in statement.value.keywords:
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    assert isinstance(statement.target, ast.Name)
    return statement.target.id
