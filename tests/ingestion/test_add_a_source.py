"""The page on adding a source, followed to the letter in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "add-a-source.md").read_text(encoding="utf-8")
COPIED = ("contracts", "headrace", "ingestion", "sqlmesh_project", "semantic")


def test_following_the_page_adds_a_source(tmp_path: Path) -> None:
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", ".cache", "logs"))
    shutil.copy(ROOT / "config.yaml", tmp_path)
    files = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert len(files) == 3
    for name, content in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    (commands,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    outputs = [run(command, tmp_path) for command in commands.splitlines()]
    assert re.search(r"raw\.newsletter__opens.*3.*2.*1.*0", outputs[0])
    assert "clicks ge: -1 must be at least 0" in outputs[1]


def run(command: str, folder: Path) -> str:
    """What the command says, on a wide terminal."""
    environment = {**os.environ, "COLUMNS": "300"}
    environment.pop("HEADRACE_DATA", None)
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout
