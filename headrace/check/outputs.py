"""Findings for people (text), programs (JSON), code scanning (SARIF) and pull requests (GitHub annotations)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace.check.findings import RULES, Finding

_ORDER = {"error": 0, "warning": 1, "note": 2}


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Errors first, then by place."""
    return sorted(findings, key=lambda one: (_ORDER[one.level], one.file, one.line, one.subject, one.rule))


def counts(findings: Sequence[Finding]) -> str:
    """`2 errors, 1 warning, 0 notes`"""
    numbers = {level: sum(one.level == level for one in findings) for level in _ORDER}
    return ", ".join(f"{number} {level}{'s' * (number != 1)}" for level, number in numbers.items())


def as_text(findings: Sequence[Finding], scope: str) -> str:
    """A line per finding, what it reaches below it, and a summary."""
    lines = []
    for one in ordered(findings):
        place = f"{one.file}:{one.line}: " if one.file else ""
        lines.append(f"{one.level}: {place}{one.message} [{one.rule}]")
        lines += [f"    reaches {name}" for name in one.reach]
    return "\n".join([*lines, f"{counts(findings)} in {scope}"])


def as_json(findings: Sequence[Finding], scope: str) -> str:
    """One object with `findings` and the counts."""
    rows = [
        {
            "rule": one.rule,
            "level": one.level,
            "subject": one.subject,
            "message": one.message,
            "file": one.file,
            "line": one.line,
            "reach": list(one.reach),
        }
        for one in ordered(findings)
    ]
    return json.dumps({"summary": counts(findings), "scope": scope, "findings": rows}, indent=2, ensure_ascii=False)


def as_sarif(findings: Sequence[Finding], _scope: str) -> str:
    """SARIF 2.1.0 with one run."""
    rules = [{"id": name, "shortDescription": {"text": text}} for name, text in RULES.items()]
    run = {
        "tool": {"driver": {"name": "headrace check", "rules": rules}},
        "results": [_sarif_result(one) for one in ordered(findings)],
    }
    return json.dumps({"version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _sarif_result(one: Finding) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": one.rule,
        "ruleIndex": list(RULES).index(one.rule),
        "level": one.level,
        "message": {"text": one.text},
    }
    if one.file:
        place = {"artifactLocation": {"uri": one.file}, "region": {"startLine": one.line}}
        result["locations"] = [{"physicalLocation": place}]
    return result


def as_github(findings: Sequence[Finding], scope: str) -> str:
    """Workflow commands, which GitHub shows beside the lines of a pull request."""
    commands = {"error": "error", "warning": "warning", "note": "notice"}
    lines = []
    for one in ordered(findings):
        place = f"file={_property(one.file)},line={one.line}," if one.file else ""
        title = f"title={_property(f'{one.subject} {one.rule}')}"
        lines.append(f"::{commands[one.level]} {place}{title}::{_data(one.text)}")
    return "\n".join([*lines, f"{counts(findings)} in {scope}"])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


FORMATS: Mapping[str, Callable[[Sequence[Finding], str], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}
