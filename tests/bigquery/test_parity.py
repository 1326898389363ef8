"""The whole chain on DuckDB and on BigQuery's emulator gives the same tables, to the row and the type.

Both gateways build from one warehouse file: what landed is the same, and everything after it must be.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from headrace.bigquery.emulator import Emulator
from headrace.config import load_settings
from headrace.gateways import EMULATOR
from tests.bigquery.parity import differences, layers, tables
from tests.commandline import headrace

HELD_BACK = ("*-2025-06-30.*", "events-tsv.tsv.gz")
"""Files of the sample that come with the second batch: the last day's, and one with rows of every day."""
NEW_VERSION = """
INSERT INTO offer_versions
SELECT 'offer-01-v9', offer_id, 9, title, '7.25', reward_coins + 100, conversion_days, '2025-06-29 12:00:00.000',
    'editor-1', 'dearer' FROM offer_versions WHERE offer_version_id = 'offer-01-v1';
INSERT INTO offer_tasks
SELECT 'offer-01-v9-' || position, 'offer-01-v9', offer_id, task_id, position, title, reward_coins + 10, payout_usd,
    is_repeatable, is_required FROM offer_tasks WHERE offer_version_id = 'offer-01-v1';
UPDATE offers SET retired_at = '2025-06-29 13:00:00.000', updated_at = '2025-06-29 13:00:00.000'
WHERE offer_id = 'offer-02';
"""
"""Slowly changing dimensions change: an offer gets dearer, another is taken out."""


def build_both(data: Path, *options: str) -> None:
    headrace("build", *options, data=data)
    headrace("build", *options, "--gateway", EMULATOR, data=data)


def assert_alike(data: Path) -> None:
    environ = {**os.environ, "HEADRACE_DATA": str(data)}
    ours = tables(load_settings(environ={**environ, "HEADRACE_GATEWAY": "duckdb"}))
    theirs = tables(load_settings(environ={**environ, "HEADRACE_GATEWAY": EMULATOR}))
    assert layers(ours) == {"raw", "staging", "core", "marts"}
    assert differences(ours, theirs) == []


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_first_load_second_batch_and_restatement(emulator: Emulator, tmp_path: Path) -> None:
    sample, waiting = tmp_path / "sample", tmp_path / "waiting"
    headrace("sample", "--scale", "0.01", "--days", "14", data=tmp_path)
    held = [path for pattern in HELD_BACK for path in sorted(sample.rglob(pattern))]
    for path in held:
        place = waiting / path.relative_to(sample)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, place)
    build_both(tmp_path)
    assert_alike(tmp_path)

    shutil.copytree(waiting, sample, dirs_exist_ok=True)
    with sqlite3.connect(sample / "rewards" / "rewards.sqlite") as database:
        database.executescript(NEW_VERSION)
    database.close()
    build_both(tmp_path)
    assert_alike(tmp_path)

    build_both(tmp_path, "--restate")
    assert_alike(tmp_path)
