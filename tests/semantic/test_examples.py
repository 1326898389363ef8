"""The scripts of docs/examples run, on a warehouse of a few rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parent.parent.parent
CONSENT = """
CREATE SCHEMA marts;
CREATE TABLE marts.consent_events AS
SELECT 'consent:' || id AS event_key, 'a' AS company_id, NULL AS user_key, industry, industry AS industry_group,
    'France' AS hq_country, 'consent.asked' AS event_type, 'full opt-in' AS consent_status,
    'empty' AS event_consent_status, 'FR' AS country, 'IDF' AS region, 'desktop' AS device_type,
    'Firefox' AS browser, 'web' AS platform, 'site.test' AS domain, TIMESTAMPTZ '2025-01-01 00:00:00Z' AS occurred_at,
    1 AS observed_count, 10.0 AS estimated_count, asked AS asked_count, given AS given_count, 60.0 AS seconds_to_given,
    FALSE AS is_sampling_rate_missing, TRUE AS is_paired
FROM (VALUES (1, 'Sport', 10.0, 4.0), (2, 'Games', 10.0, 9.0)) AS rows(id, industry, asked, given)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(CONSENT)
    return tmp_path


def test_consent_rates(data: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "docs" / "examples" / "consent_rates.py")],
        env={**os.environ, "HEADRACE_DATA": str(data)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("Sport") < done.stdout.index("Games"), "the lowest rate comes first"
    assert "0.4" in done.stdout
    assert "consent.company: Public key of the company." in done.stdout
