"""The forms in which findings are given, and the exit codes."""

from __future__ import annotations

import json

import pytest

from headrace.check.findings import RULES, Finding
from headrace.check.outputs import FORMATS
from headrace.check.run import exit_code

BREAK = Finding(
    "breaking", "error", "core.sales.price", "core.sales.price removed: 100% gone,\nreally",
    "contracts/core/sales.py", 7, ("shop.revenue", "shop.margin"),
)  # fmt: skip
WARNING = Finding(
    "audit", "warning", "core.sales", "core.sales is not audited", "sqlmesh_project/models/core/sales.sql", 3
)
NOTE = Finding("version", "note", "core.sales", "core.sales owner: was a, is b")


def test_text_is_for_people() -> None:
    assert FORMATS["text"]((NOTE, WARNING, BREAK), "3 contracts").splitlines() == [
        "error: contracts/core/sales.py:7: core.sales.price removed: 100% gone,",
        "really [breaking]",
        "    reaches shop.revenue",
        "    reaches shop.margin",
        "warning: sqlmesh_project/models/core/sales.sql:3: core.sales is not audited [audit]",
        "note: core.sales owner: was a, is b [version]",
        "1 error, 1 warning, 1 note in 3 contracts",
    ]


def test_json_is_for_programs() -> None:
    content = json.loads(FORMATS["json"]((BREAK,), "3 contracts"))
    assert content["summary"] == "1 error, 0 warnings, 0 notes"
    assert content["findings"][0]["reach"] == ["shop.revenue", "shop.margin"]


def test_sarif_names_rules_and_places() -> None:
    (run,) = json.loads(FORMATS["sarif"]((NOTE, BREAK), ""))["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(RULES)
    broken, noted = run["results"]
    assert broken["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "contracts/core/sales.py"},
        "region": {"startLine": 7},
    }
    assert broken["message"]["text"].endswith("reaches shop.revenue, shop.margin")
    assert run["tool"]["driver"]["rules"][broken["ruleIndex"]]["id"] == "breaking"
    assert "locations" not in noted


def test_github_annotations_are_escaped() -> None:
    first, *_ = FORMATS["github"]((BREAK, NOTE), "").splitlines()
    assert first == (
        "::error file=contracts/core/sales.py,line=7,title=core.sales.price breaking::"
        "core.sales.price removed: 100%25 gone,%0Areally; reaches shop.revenue, shop.margin"
    )


@pytest.mark.parametrize(
    ("findings", "code"),
    [((), 0), ((WARNING, NOTE), 0), ((BREAK,), 3), ((BREAK, Finding("data", "error", "a", "b")), 1)],
)
def test_exit_codes(findings: tuple[Finding, ...], code: int) -> None:
    assert exit_code(findings) == code
