"""Funnel declarations: what is shipped loads, and every mistake is named with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmesh_project.funnels.errors import DeclarationError
from sqlmesh_project.funnels.loader import load_funnel, load_funnels

GOOD = """name: f
description: A funnel.
source: consent
conversion_window: 1 day
steps:
  - {name: one, where: {event_type: consent.asked}}
  - {name: two, where: {event_type: [consent.given, pageview], not properties.kind: test}}
"""


def mistakes(folder: Path, text: str) -> list[str]:
    path = folder / "f.yml"
    path.write_text(text)
    try:
        load_funnel(path)
    except DeclarationError as error:
        return list(error.mistakes)
    return []


def test_what_is_shipped_loads() -> None:
    assert {"consent", "intake", "intake_ten_steps", "offer", "shop", "web_funnel"} <= {
        one.name for one in load_funnels()
    }


def test_a_good_declaration_has_no_mistakes(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: f", "name: other", "f.yml:1: name 'other' differs from the file's: call the file other.yml"),
        ("1 day", "soon", "f.yml:4: expected a duration such as `30 minutes` or `7 days`"),
        ("event_type: consent.asked", "kind: x", "f.yml:6: events have no 'kind'; known: event_type"),
        ("source: consent", "source: consent\norder: loose", "f.yml:4: 'loose' is none of ordered, strict, unordered"),
        ("source: consent", "source: consent\ncolour: red", "f.yml:4: unknown key `colour`; known: "),
        ("source: consent", "source: consent\ncount: totals", "f.yml:4: `count: totals` counts every attempt"),
        ("source: consent", "source: consent\ntimezone: Mars/Base", "f.yml:4: 'Mars/Base' is no time zone"),
        ("source: consent", "source: consent\nattribution: step:9", "f.yml:4: 'step:9' is none of first_touch"),
        ("source: consent", "source: consent\ntie_order: names", "f.yml:4: 'names' is none of event_id, steps"),
        (
            "source: consent",
            "source: consent\norder: unordered\ntie_order: steps",
            "f.yml:5: the steps of an unordered funnel have no order that ties could follow",
        ),
        ("name: two", "name: one", "f.yml:7: two steps are called 'one'"),
        ("source: consent\n", "", "f.yml:1: `source` is missing"),
        ("steps:", "exclusions:\n  - {where: {event_type: x}}\nsteps:", "f.yml:6: an exclusion needs `effect`"),
        ("name: f", "name: [f", "f.yml:2: not valid YAML"),
        ("source: consent", "source: consnt", "f.yml:3: there is no source 'consnt'; known: commerce, consent, "),
        ("1 day", "-1 day", "f.yml:4: expected a duration"),
        ("1 day", "99999999 days", "f.yml:4: a window lasts 3650 days at most"),
        ("description: A funnel.", "description:", "f.yml:2: expected a text"),
        ("name: one", "name: ''", "f.yml:6: expected a text"),
        ("{event_type: consent.asked}", "{[a, b]: c}", "f.yml:6: a key is a single word"),
        ("consent.asked", "!kind asked", "f.yml:6: expected a single value"),
        ("consent.asked", "", "f.yml:6: `event_type` compares to no value"),
        ("source: consent", "source: consent\nstrict_increase: !x y", "f.yml:4: 'y' is not what it says it is"),
        ("source: consent", "source: consent\norder: !!bool maybe", "f.yml:4: 'maybe' is not what it says it is"),
        ("source: consent", "source: consent\norder: !!timestamp soon", "f.yml:4: 'soon' is not what it says it is"),
        ("source: consent", "source: consent\ntimezone: 2025-13-45", "f.yml:4: '2025-13-45' is not what it says"),
        ("source: consent", "source: consent\nattribution: step:²", "f.yml:4: 'step:²' is none of first_touch"),
        ("name: f", "name: f\a", "f.yml:1: not valid YAML: unacceptable character"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = mistakes(tmp_path, GOOD.replace(old, new, 1))
    assert any(one.startswith(expected) for one in found), found


def test_a_file_that_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "f.yml").write_bytes(GOOD.replace("A funnel.", "Café").encode("latin-1"))
    with pytest.raises(DeclarationError, match=r"^f\.yml:2: not UTF-8: save the file as UTF-8$"):
        load_funnel(tmp_path / "f.yml")


def test_a_folder_has_funnels_and_nothing_that_nobody_reads(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="no funnel is declared"):
        load_funnels(tmp_path)
    for name in ("f.yml", "f.yaml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(DeclarationError, match=r"^f\.yaml:1: nobody reads it: call it f\.yml$"):
        load_funnels(tmp_path)


def test_what_events_are_compared_to_is_the_text_as_written(tmp_path: Path) -> None:
    """Norway is no falsehood, and versions are no numbers; JSON writes its truths in small letters."""
    where = "{country: [NO, no], properties.version: 1.10, properties.code: 007, properties.new: True}"
    path = tmp_path / "f.yml"
    path.write_text(GOOD.replace("{event_type: consent.asked}", where))
    conditions = load_funnel(path).steps[0].where.conditions
    assert [one.values for one in conditions] == [("NO", "no"), ("1.10",), ("007",), (True,)]


def test_all_mistakes_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    broken = (
        GOOD.replace("1 day", "soon").replace("name: two", "name: one").replace("source: consent", "source: Consent")
    )
    assert [one.split(":")[1] for one in mistakes(tmp_path, broken)] == ["3", "4", "7"]
