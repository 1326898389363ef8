"""The project as it was in another git revision: its contracts, lineage and data model, read from its own code."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from contracts.changes import Revision, revision
from contracts.errors import ContractError
from contracts.odcs_import import from_document
from headrace.errors import ProjectError
from headrace.lineage.graph import Graph
from headrace.lineage.stored import graph_from
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import DataModel

_FOLDERS = ("config.yaml", "contracts", "headrace", "ingestion", "semantic", "sqlmesh_project")
_SECONDS = 120


@contextmanager
def checkout(root: Path, name: str) -> Iterator[Path]:
    """The files of a revision in a folder that goes away again. Raises ProjectError where git does not know it."""
    commit = _git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", about=name).decode().strip()
    known = _git(root, "ls-tree", "--name-only", commit, about=name).decode().split()
    archive = _git(root, "archive", commit, *(one for one in _FOLDERS if one in known), about=name)
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def contracts_in(folder: Path, name: str) -> Revision:
    """The contracts of a checked-out revision, as its own code states them."""
    if not (folder / "contracts" / "odcs.py").is_file():
        raise ProjectError(f"revision {name} has no contracts to compare with; choose a later one")
    text = _run(folder, ["-m", "contracts.odcs", "-"], f"the contracts of {name}")
    try:
        return revision(from_document(document) for document in json.loads(text))
    except (ContractError, json.JSONDecodeError) as error:
        raise ProjectError(f"the contracts of {name} cannot be read: {error}") from error


def lineage_in(folder: Path, name: str) -> Graph:
    """The lineage of a checked-out revision; nothing where that revision could not tell it yet."""
    if not (folder / "headrace" / "lineage" / "stored.py").is_file():
        return Graph({})
    return graph_from(_run(folder, ["-m", "headrace.lineage.stored"], f"the lineage of {name}"))


def data_model_in(folder: Path) -> DataModel:
    """The data model of a checked-out revision."""
    return load_data_model(folder / "semantic" / "model", strict=False)


def _git(root: Path, *arguments: str, about: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False, timeout=_SECONDS)
    except FileNotFoundError as error:
        raise ProjectError("comparing revisions needs git, which is not installed") from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip() or "no such commit, branch or tag"
        raise ProjectError(f"git does not know revision {about}: {reason}")
    return done.stdout


def _run(folder: Path, arguments: Sequence[str], what: str) -> str:
    """The output of that revision's own Python code; our own packages stay out of its way."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "HEADRACE_DATA": str(folder / "data")}
    command = [sys.executable, "-W", "ignore", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    if done.returncode:
        raise ProjectError(f"{what} cannot be read: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
    return done.stdout
