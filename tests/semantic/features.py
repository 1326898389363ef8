"""What of Cube's data model works: the judged data models use it, or a marked test says why not.

`python -m tests.semantic.features` writes the page docs/features.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from semantic.datamodel.nodes import snake_case

ROOT = Path(__file__).parents[2]
LIST = ROOT / "tests" / "features" / "cube.yml"
PAGE = ROOT / "docs" / "features.md"
# Real Cube compiles these folders too; tests compare what it says of them, and the rows that its SQL gives.
JUDGED = ("tests/semantic/judge/model", "tests/semantic/judge/everything", "semantic/model")
OBJECTS = {"cubes": "cube", "views": "view", "view_groups": "view_group", "measures": "measure",
           "dimensions": "dimension", "segments": "segment", "hierarchies": "hierarchy", "joins": "join",
           "pre_aggregations": "pre_aggregation", "access_policy": "access_policy"}  # fmt: skip
MARKS = {"notimpl": "not built", "notyet": "cannot yet", "never": "no"}


@dataclass(frozen=True)
class Gap:
    """A feature that does not work: how it is marked, and why."""

    feature: str
    mark: str
    reason: str


def features() -> list[str]:
    """Cube's own list: `measure.filters`, and `measure.type: sum` for a value of a choice."""
    content = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    named = [f"{owner}.{name}" for owner, names in content["properties"].items() for name in names]
    return named + [f"{choice}: {value}" for choice, values in content["values"].items() for value in values]


def used() -> set[str]:
    """What the judged data models use."""
    found: set[str] = set()
    for folder in JUDGED:
        for path in sorted((ROOT / folder).rglob("*.y*ml")):
            text = path.read_text(encoding="utf-8")
            found.update(_references(text))
            for key, entries in yaml.safe_load(text).items():
                found.update(name for entry in entries for name in _walked(entry, OBJECTS[key]))
    return found


def _walked(node: Any, path: str) -> Iterator[str]:
    if isinstance(node, Mapping):
        for written, value in node.items():
            key = snake_case(written)
            yield f"{path}.{key}"
            if path.startswith("view.") and key == "name":
                continue
            inner = (
                OBJECTS.get(key, f"{path}.{key}") if path in ("cube", "view") and key != "cubes" else f"{path}.{key}"
            )
            if key != "meta":
                yield from _walked(value, inner)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for entry in node:
            yield from _walked(entry, path)
    else:
        yield f"{path}: {node}"


_REFERENCES = {
    "{CUBE}": r"\{CUBE",
    "{member}": r"\{[a-z_]+\}",
    "{cube.member}": r"\{[a-z_]+\.[a-z_]+\}",
    "{FILTER_PARAMS}": r"FILTER_PARAMS\.",
    "{FILTER_PARAMS} with a lambda": r"\.filter\(lambda",
    "{FILTER_GROUP}": r"FILTER_GROUP\(",
    "{SQL_UTILS}": r"SQL_UTILS\.",
}


def _references(text: str) -> Iterator[str]:
    return (f"reference: {name}" for name, pattern in _REFERENCES.items() if re.search(pattern, text))


def page(gaps: Iterable[Gap], without_effect: Mapping[str, str]) -> str:
    """The page: a table per object, a line per feature."""
    missing = {gap.feature: gap for gap in gaps}
    lines = [_HEAD]
    owner = ""
    for feature in features():
        choice, _, value = feature.partition(": ")
        above, _, name = (choice, "", value) if value else choice.rpartition(".")
        if above != owner:
            owner = above
            lines += ["", f"## {owner}", "", "| feature | works | |", "|---|---|---|"]
        gap = missing.get(feature)
        works, note = (MARKS[gap.mark], gap.reason) if gap else ("yes", "")
        if feature in without_effect:
            works, note = "read", without_effect[feature]
        lines.append(f"| `{name}` | {works} | {note} |")
    lines += ["", "## Beyond Cube", "", _BEYOND, "", "| key | what for |", "|---|---|"]
    lines += [f"| `{key}` | [{what}](semantic.md#{section}) |" for key, (what, section) in BEYOND.items()]
    return "\n".join(lines) + "\n"


# Keys of a measure's `meta` that mean something here: what they are for, and the section that says how.
BEYOND = {
    "meta.non_additive_dimension": ("balances and stocks, taken at one moment", "balances-and-stocks"),
    "meta.join_to_timespine": ("dates without rows", "dates-without-rows"),
    "meta.fill_nulls_with": ("what results show for no value", "dates-without-rows"),
}
_BEYOND = """Cube takes any `meta` and acts on none of it. These keys of a measure's have an effect here, so that
the data model still compiles in both."""

_HEAD = """# What of Cube's data model works

Made from the tests: `python -m tests.semantic.features` writes this page, and a test fails when it is not what they
say. *Yes* means that data models which use the feature compile here and in real Cube, that both describe them alike,
and that the same rows come out; or that a test of its own shows it where real Cube's planner cannot. *Not built* and
*no* have a test each that fails as long as they are true. *Read* is what has no effect here, so that one data model
serves both."""


if __name__ == "__main__":
    from tests.semantic.test_features import GAPS, WITHOUT_EFFECT

    PAGE.write_text(page(GAPS, WITHOUT_EFFECT), encoding="utf-8")
