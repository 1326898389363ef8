"""The house's rules that a machine can check: which room imports which, and how large a module may grow."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("headrace", "ingestion", "contracts", "semantic", "sqlmesh_project", "benchmarks", "tests")
MAY_IMPORT = {
    "contracts": set(),
    "ingestion": {"contracts", "headrace.warehouse", "headrace.config", "headrace.errors"},
    "semantic": {"contracts", "headrace.warehouse", "headrace.config", "headrace.errors"},
    "sqlmesh_project": {"contracts"},
}
LONGEST_MODULE = 600


def modules(room: str) -> list[Path]:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", f"{room}/*.py"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [ROOT / name for name in tracked.stdout.split() if (ROOT / name).is_file()]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything that a module imports, also within functions and for types only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_allowed(name: str, room: str) -> bool:
    top = name.split(".")[0]
    allowed = MAY_IMPORT[room] | {room}
    return top not in ROOMS or any(name == one or name.startswith(f"{one}.") for one in allowed)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    ours = {ROOT / "sqlmesh_project" / "config.py"}  # SQLMesh's way in: it loads the configuration at the root
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(room)
        if path not in ours
        for line, name in imports(path)
        if not is_allowed(name, room)
    ]
    assert wrong == []


def test_no_module_is_too_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for room in ROOMS for path in modules(room)}
    assert [str(path.relative_to(ROOT)) for path, length in lengths.items() if length > LONGEST_MODULE] == []
