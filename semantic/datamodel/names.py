"""Titles out of names, as Cube makes them: `created_at` -> `Created at`, `total_amount` -> `Total Amount`."""

from __future__ import annotations

import re

IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")

_LOWER_CASE = frozenset(
    ["and", "or", "nor", "a", "an", "the", "so", "but", "to", "of", "at", "by", "from", "into", "on", "onto", "off",
     "out", "in", "over", "with", "for"]
)  # fmt: skip


def titleize(name: str) -> str:
    """The words of a name, capitalised but for small words; the first is always capitalised."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    words = [word for word in spaced.lower().split("_") if word]
    if not words:
        return name
    titled = [word if word in _LOWER_CASE else word[:1].upper() + word[1:] for word in words]
    titled[0] = titled[0][:1].upper() + titled[0][1:]
    return " ".join(titled)
