"""Titles out of names, as Cube makes them: `created_at` -> `Created at`, `customer_id` -> `Customer ID`."""

from __future__ import annotations

import re

IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")

_LOWER_CASE = frozenset(
    ["and", "or", "nor", "a", "an", "the", "so", "but", "to", "of", "at", "by", "from", "into", "on", "onto", "off",
     "out", "in", "over", "with", "for"]
)  # fmt: skip


def titleize(name: str) -> str:
    """The words of a name, capitalised but for small words; the first is always capitalised.

    A new word begins at an underscore before a letter, at a capital and after digits, which stay with what is before
    them: `revenue_30d` -> `Revenue30 D`, `userId` -> `User ID`.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name)
    joined = re.sub(r"^[_-]+", "", spaced.lower())
    joined = re.sub(r"[_-]+(.?)", _upper, joined)
    joined = re.sub(r"[0-9]+.?", _upper, joined)
    words = [word for word in re.split(r"(?=[A-Z])", joined[:1].upper() + joined[1:]) if word]
    if not words:
        return name
    titled = " ".join(word.lower() if word.lower() in _LOWER_CASE else word for word in words)
    return re.sub(r"\bId(s?)\b", r"ID\1", titled[:1].upper() + titled[1:])


def _upper(match: re.Match[str]) -> str:
    return match.group(match.lastindex or 0).upper()
