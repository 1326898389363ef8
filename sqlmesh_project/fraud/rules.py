"""Reads the rules of the fraud review: YAML -> `Review`, with every mistake of the file reported at once, by line."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sqlmesh_project.fraud.errors import RulesError

RULES = Path(__file__).with_suffix(".yml")
MAX_SCORE = 100

_KEYS = {"signal": str, "at_least": int, "weight": int, "reason": str}


@dataclass(frozen=True)
class Rule:
    """A signal that adds `weight` to the score, and `reason` to the user's row, from `at_least` on."""

    signal: str
    at_least: int
    weight: int
    reason: str


@dataclass(frozen=True)
class Review:
    """The rules, and the score from which on a person should look at the user."""

    review_from: int
    rules: tuple[Rule, ...]


def load_review(signals: Collection[str], path: Path = RULES) -> Review:
    """What a file declares, of known signals. Raises RulesError, each mistake as `file:line: what to mend`."""
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise RulesError([f"{path.name}:{line}: not valid YAML: {' '.join(str(error).split())}"]) from error
    mistakes = list(_mistakes(content, root, signals))
    if mistakes:
        raise RulesError([f"{path.name}:{line}: {text}" for line, text in mistakes])
    return Review(content["review_from"], tuple(Rule(**rule) for rule in content["rules"]))


def _mistakes(content: Any, root: yaml.Node | None, signals: Collection[str]) -> Iterator[tuple[int, str]]:
    if not isinstance(content, dict) or set(content) != {"review_from", "rules"}:
        yield 1, "expected `review_from` and `rules`, and nothing else"
        return
    lines = {key.value: value for key, value in root.value} if isinstance(root, yaml.MappingNode) else {}
    if not _is(content["review_from"], int) or not 1 <= content["review_from"] <= MAX_SCORE:
        yield _line(lines["review_from"]), f"`review_from` must be a whole number from 1 to {MAX_SCORE}"
    if not isinstance(content["rules"], list) or not content["rules"]:
        yield _line(lines["rules"]), "expected a list of rules"
        return
    for rule, node in zip(content["rules"], lines["rules"].value, strict=True):
        for mistake in _mistakes_of(rule, signals):
            yield _line(node), mistake


def _mistakes_of(rule: Any, signals: Collection[str]) -> Iterator[str]:
    if not isinstance(rule, dict) or set(rule) != set(_KEYS):
        yield f"a rule has {', '.join(_KEYS)}, and nothing else"
        return
    for key, type_ in _KEYS.items():
        if not _is(rule[key], type_) or rule[key] == "":
            yield f"`{key}` must be a {'text' if type_ is str else 'whole number'}, not {rule[key]!r}"
        elif type_ is int and rule[key] < 1:
            yield f"`{key}` must be 1 or more, not {rule[key]}"
    if rule["signal"] not in signals:
        yield f"there is no signal {rule['signal']!r}; known: {', '.join(signals)}"


def _is(value: object, type_: type) -> bool:
    return isinstance(value, type_) and not isinstance(value, bool)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
