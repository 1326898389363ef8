"""Declarations: what is known, and mistakes with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.declaration import known_sources, load_source
from ingestion.errors import DeclarationError, UnknownSource

GOOD = """
source: shop
description: A shop
tables:
  events:
    contract: consent__events
    files: ["events*"]
    mode: append
    time_column: event_time
"""


def test_every_source_is_declared_and_valid() -> None:
    assert known_sources() == ("commerce", "consent", "intake", "rewards", "web_funnel")
    for name in known_sources():
        source = load_source(name)
        assert source.name == name
        assert all(table.contract.startswith(f"{name}__") for table in source.tables.values())


def test_an_unknown_source_names_the_known_ones() -> None:
    with pytest.raises(UnknownSource, match="'shopp' is declared; known: commerce, consent"):
        load_source("shopp")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("mode: append", "mode: apend", r"shop\.yml:8: tables\.events\.mode: Invalid enum value 'apend'"),
        ("mode: append", "mood: append", r"shop\.yml:8: tables\.events\.mood: .*unknown field `mood`"),
        ("    mode: append\n", "", r"shop\.yml:5: tables\.events: .*missing required field `mode`"),
        ("files:", "fils:", r"shop\.yml:7: tables\.events\.fils: .*unknown field `fils`"),
        (
            "consent__events",
            "shop__events",
            r"shop\.yml:6: tables\.events\.contract: no contract for raw\.shop__events",
        ),
        ("event_time", "at", r"shop\.yml:9: tables\.events\.time_column: the contract has no column 'at'"),
        (
            "time_column: event_time",
            "time_fallback: event_time",
            r"shop\.yml:9: tables\.events\.time_fallback: declare `time_column` too",
        ),
        ("source: shop", "source: store", r"shop\.yml:2: source: must be the name of the file, 'shop'"),
        ("description: A shop", "descripton: A shop", r"shop\.yml:3: descripton: unknown property"),
        ('    files: ["events*"]\n', "", r"shop\.yml:5: tables\.events: declare `files`, `relations` or both"),
        ("tables:", "tables: [", "not valid YAML"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, before: str, after: str, message: str) -> None:
    (tmp_path / "shop.yml").write_text(GOOD.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(DeclarationError, match=message):
        load_source("shop", tmp_path)
