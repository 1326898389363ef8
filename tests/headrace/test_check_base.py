"""A branch against its base, on a copy of this project in a git repository of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from contracts import Contract, Deprecation, Number, Text, column
from contracts.changes import revision
from headrace.check.breaking import Lineage, check_changes
from headrace.check.revisions import checkout, contracts_in, lineage_in
from headrace.errors import ProjectError
from headrace.lineage.graph import Edge, Graph, Node

ROOT = Path(__file__).parents[2]
PARTS = ("config.yaml", "contracts", "headrace", "ingestion", "semantic", "sqlmesh_project")
CHECK = """
import sys
from pathlib import Path
from headrace.check import run_check
from headrace.config import load_settings
report = run_check(load_settings(Path.cwd()), base="main", fmt="json")
print(report.text)
sys.exit(report.exit_code)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".cache", "logs"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder / part)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "-m", "Base")
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def check(folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and findings about the base of the copy's own code."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "HEADRACE_DATA": str(folder / "data")}
    command = [sys.executable, "-W", "ignore", "-c", CHECK]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 3), done.stderr
    findings = json.loads(done.stdout)["findings"]
    return done.returncode, [one for one in findings if one["rule"] in ("version", "breaking")]


def edit(path: Path, pattern: str, text: str) -> None:
    changed, count = re.subn(pattern, text, path.read_text(), count=1, flags=re.DOTALL)
    assert count == 1, pattern
    path.write_text(changed)


def test_a_break_fails_and_names_its_measures_until_it_is_versioned_and_announced(project: Path) -> None:
    contract = project / "contracts" / "raw" / "consent.py"
    edit(contract, r"gt=0, le=warn\(1\)", "gt=0, le=1")
    code, found = check(project)
    assert code != 0
    assert sorted((one["rule"], one["level"]) for one in found) == [("breaking", "error"), ("version", "error")]
    for error in found:
        assert error["subject"] == "raw.consent__events.rate"
        assert "raw.consent__events.rate narrowed: le is now error" in error["message"]
        assert "consent.consent_rate" in error["reach"]
        assert error["file"] == "contracts/raw/consent.py"
        assert "rate: Number" in contract.read_text().splitlines()[error["line"] - 1]

    retired = 'retired={"rate": Deprecation(date(2025, 6, 1), "rates up to 1")}'
    edit(contract, r'version="1\.0\.0"', f'version="2.0.0", {retired}')
    edit(contract, "from datetime import timedelta", "from datetime import date, timedelta")
    edit(contract, "from contracts.base import ", "from contracts.base import Deprecation, ")
    _, (note,) = check(project)
    assert (note["level"], note["rule"]) == ("note", "breaking")
    assert "consent.consent_rate" in note["reach"]


def test_a_revision_is_read_by_its_own_code(project: Path) -> None:
    with checkout(project, "main") as folder:
        found = contracts_in(folder, "main")
        assert not (folder / ".git").exists()
    assert found["raw.consent__events"].terms.key == ("event_id",)
    assert not folder.exists()


def test_revisions_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    with pytest.raises(ProjectError, match="git does not know revision nowhere"), checkout(tmp_path, "nowhere"):
        pass
    (tmp_path / "config.yaml").write_text("headrace: {}\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "-m", "Empty")
    with checkout(tmp_path, "main") as folder:
        with pytest.raises(ProjectError, match="revision main has no contracts to compare with"):
            contracts_in(folder, "main")
        assert lineage_in(folder, "main") == Graph({})


class Sales(Contract, layer="core", table="sales", version="1.0.0", key="sale_id"):
    """One row per sale."""

    sale_id: Text = column("Sale.")


class Before(Contract, layer="core", table="sales", version="1.0.0", key="sale_id"):
    """One row per sale."""

    sale_id: Text = column("Sale.")
    price: Number = column("Price.")


def lineage_of(*edges: tuple[str, str], measures: tuple[str, ...] = ()) -> Callable[[], Graph]:
    names = {name for edge in edges for name in edge}
    nodes = {name: Node(name, "measure" if name in measures else "column", name in measures) for name in names}
    return lambda: Graph(nodes, frozenset(Edge(*edge) for edge in edges))


def test_measures_of_a_column_that_is_gone_are_found_in_the_older_lineage() -> None:
    older = lineage_of(
        ("core.sales.price", "sales.revenue"), ("sales.revenue", "shop.revenue"), measures=("shop.revenue",)
    )
    lineage = Lineage(newer=lineage_of(("core.sales.sale_id", "shop.count")), older=older)
    found = list(check_changes([Sales], revision([Before.statement()]), lineage, root=ROOT, today=date(2025, 6, 2)))
    assert [(one.rule, one.level, one.reach) for one in found] == [
        ("version", "error", ("shop.revenue",)),
        ("breaking", "error", ("shop.revenue",)),
    ]


def test_lineage_is_built_only_for_breaks() -> None:
    def unasked() -> Graph:
        raise AssertionError("nothing broke")

    class Deprecating(Contract, layer="core", table="sales", version="1.1.0", key="sale_id"):
        """One row per sale."""

        sale_id: Text = column("Sale.")
        price: Number = column("Price.", deprecated=Deprecation(date(2026, 1, 1), "nothing"))

    lineage = Lineage(newer=unasked, older=unasked)
    (found,) = check_changes([Deprecating], revision([Before.statement()]), lineage, root=ROOT, today=date(2025, 6, 2))
    assert (found.level, found.message) == (
        "note",
        "core.sales.price deprecated: goes on 2026-01-01: nothing (a minor change)",
    )
