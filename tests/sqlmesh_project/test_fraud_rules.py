"""The rules of the fraud review: what is shipped loads, and every mistake is named with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmesh_project.fraud.errors import RulesError
from sqlmesh_project.fraud.rules import Review, Rule, load_review

GOOD = """review_from: 50
rules:
  - {signal: speed, at_least: 3, weight: 30, reason: too fast}
  - {signal: speed, at_least: 9, weight: 30, reason: far too fast}
"""


def load(folder: Path, text: str) -> Review:
    (folder / "rules.yml").write_text(text)
    return load_review(["speed"], folder / "rules.yml")


def test_rules_are_what_the_file_says(tmp_path: Path) -> None:
    rules = (Rule("speed", 3, 30, "too fast"), Rule("speed", 9, 30, "far too fast"))
    assert load(tmp_path, GOOD) == Review(50, rules)


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("review_from: 50", "review_form: 50", "rules.yml:1: expected `review_from` and `rules`, and nothing else"),
        ("review_from: 50", "review_from: 0", "rules.yml:1: `review_from` must be a whole number from 1 to 100"),
        (
            "weight: 30, reason: far",
            "wieght: 30, reason: far",
            "rules.yml:4: a rule has signal, at_least, weight, reas",
        ),
        ("speed, at_least: 9", "sped, at_least: 9", "rules.yml:4: there is no signal 'sped'; known: speed"),
        ("at_least: 3", "at_least: 2.5", "rules.yml:3: `at_least` must be a whole number, not 2.5"),
        ("weight: 30", "weight: -30", "rules.yml:3: `weight` must be 1 or more, not -30"),
        ("too fast}", "}", "rules.yml:3: `reason` must be a text, not None"),
        ("rules:", "rules: [", "rules.yml:3: not valid YAML"),
        (GOOD, "review_from: 50\nrules: []\n", "rules.yml:2: expected a list of rules"),
        (GOOD, "", "rules.yml:1: expected `review_from` and `rules`"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, old: str, new: str, mistake: str) -> None:
    with pytest.raises(RulesError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert caught.value.mistakes[0].startswith(mistake), caught.value.mistakes
