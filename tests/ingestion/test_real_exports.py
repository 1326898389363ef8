"""The real exports, where they are: every row is loaded, once, and a contradiction is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.config import Settings
from ingestion.load import ingest

Rows = Callable[..., list[tuple[Any, ...]]]
pytestmark = pytest.mark.real_data


def test_consent(settings: Settings, real_exports: Path, rows: Rows) -> None:
    report = ingest(settings, "consent", real_exports / "consent")
    assert (report.counts.rows_read, report.counts.rows_loaded) == (4798, 4798)
    assert rows("SELECT count(*) FROM raw.consent__events") == [(4758,)]
    assert rows("SELECT count(*) FROM raw.consent__companies") == [(40,)]
    (warning,) = report.warnings
    assert "is about 1 on 4,758 of 4,758 rows (100.0%)" in warning
    assert ingest(settings, "consent", real_exports / "consent").counts.rows_read == 0
    company = "7725cda3-efd1-440b-8cc4-f80972acee43"
    assert rows(
        "SELECT round(sum(count / rate)), round(sum(count / rate) FILTER (event_time::DATE = '2025-09-05')) "
        f"FROM raw.consent__events WHERE apikey = '{company}'"
    ) == [(104_736, 64_937)]


def test_web_funnel(settings: Settings, real_exports: Path, rows: Rows) -> None:
    ingest(settings, "web_funnel", real_exports / "web_funnel")
    assert rows("SELECT count(*) FROM raw.web_funnel__users") == [(90_400,)]
    assert [row[1] for row in rows("SELECT page, count(*) FROM raw.web_funnel__pages GROUP BY 1 ORDER BY 1")] == [
        90_400,
        81_360,
        72_320,
        45_200,
        6_030,
        452,
    ]
    assert ingest(settings, "web_funnel", real_exports / "web_funnel").counts.rows_read == 0
