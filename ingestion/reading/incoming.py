"""What a reader gives: a SELECT of the rows in their order, and what is known of them before they are read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ingestion.errors import SchemaDrift

LINES, FAULT, FAULTY_TEXT = "_lines", "_fault", "_faulty_text"
"""Columns beside the data: lines that the record spans; why it is no record; its text as it stands in the file."""


@dataclass(frozen=True)
class Incoming:
    """`sql` selects `columns` and then _lines, _fault and _faulty_text.

    `header_lines` is the number of lines before the first record, and `expected_lines` that of the whole file where the
    reader counted them: the sum of _lines must make up the rest, or rows were lost. None: the format has no lines.
    """

    sql: str
    columns: tuple[str, ...]
    header_lines: int | None = None
    expected_lines: int | None = None
    is_text: bool = False
    """Whether all of `columns` are VARCHAR, so that nobody needs to ask the engine."""


def column_names(found: Iterable[str], file: str) -> tuple[str, ...]:
    """The source's names in lower case, underscores for what is no letter or digit. Raises SchemaDrift for twins."""
    lowered = [re.sub(r"\W+", "_", one.strip().lower()).strip("_") or "column" for one in found]
    twins = sorted({one for one in lowered if lowered.count(one) > 1})
    if twins:
        raise SchemaDrift(f"{file}: line 1: column {', '.join(twins)} stands there more than once")
    return tuple(lowered)
