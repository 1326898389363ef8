"""The whole chain on DuckDB and on BigQuery's emulator gives the same tables, to the row and the type.

Both gateways build from one warehouse file: what landed is the same, and everything after it must be, though the first
build on the emulator is killed while it ships, while it makes views and tables, and while it computes core and marts.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator
from headrace.config import Settings, load_settings
from headrace.gateways import DUCKDB, EMULATOR
from tests.bigquery.loading import connection_to
from tests.bigquery.parity import differences, layers, tables
from tests.commandline import environ, headrace

ROOT = Path(__file__).resolve().parents[2]
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


def on_gateway(data: Path, gateway: str) -> Settings:
    return load_settings(environ={**environ(data), "HEADRACE_GATEWAY": gateway})


def assert_alike(data: Path) -> None:
    ours, theirs = (tables(on_gateway(data, gateway)) for gateway in (DUCKDB, EMULATOR))
    assert layers(ours) == {"raw", "staging", "core", "marts"}
    assert differences(ours, theirs) == []


def kill_a_build(data: Path, emulator: Emulator, *, when: Callable[[], bool]) -> None:
    """Begin a build on the emulator, and kill it as no handler can hear of, once `when` says so."""
    command = [sys.executable, "-m", "headrace", "build", "--quiet", "--gateway", EMULATOR]
    with (
        (data / "killed.log").open("w") as log,
        subprocess.Popen(command, env=environ(data), stdout=log, stderr=log) as process,
    ):
        while not when():
            assert process.poll() is None, f"the build was over too early: {(data / 'killed.log').read_text()}"
            time.sleep(0.05)
        process.kill()


def made(client: bigquery.Client, dataset: str, *, filled: bool = False) -> int:
    """How many tables a dataset has; `filled`: those with rows."""
    try:
        found = [table.reference for table in client.list_tables(dataset)]
        return sum(not filled or has_rows(client, table) for table in found)
    except NotFound:
        return 0


def has_rows(client: bigquery.Client, table: bigquery.TableReference) -> bool:
    """The emulator's own count of rows knows of load jobs alone."""
    return bool(client.query(f"SELECT 1 FROM `{table.dataset_id}`.`{table.table_id}` LIMIT 1").result().total_rows)


def first_day_merged(client: bigquery.Client, table: str, since: datetime) -> str:
    """The earliest day that statements since then have replaced in a table: its partitions before it were let alone."""
    merge = re.compile(rf"MERGE INTO \S+{table}__.* BY SOURCE AND \S+ BETWEEN CAST\('(?P<day>.{{10}})", re.DOTALL)
    jobs = [job for job in client.list_jobs(max_results=5000) if job.job_type == "query" and job.created >= since]
    bounds = [found["day"] for job in jobs if (found := merge.match(job.query))]
    return min(bounds)


def commands_of_the_page() -> list[str]:
    """What docs/bigquery.md tells to look at once the emulator is built."""
    page = " ".join((ROOT / "docs" / "bigquery.md").read_text(encoding="utf-8").split())
    found = [one for one in re.findall(r"`(headrace [^`]+)`", page) if "--gateway bigquery_emulator" in one]
    return [one for one in found if not one.startswith("headrace build")]


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
    headrace("build", data=tmp_path)
    client = open_client(connection_to(emulator))
    kill_a_build(tmp_path, emulator, when=lambda: made(client, "raw", filled=True) >= 3)
    kill_a_build(tmp_path, emulator, when=lambda: made(client, "sqlmesh__staging") >= 5)
    kill_a_build(tmp_path, emulator, when=lambda: made(client, "sqlmesh__core") >= 4)
    kill_a_build(tmp_path, emulator, when=lambda: made(client, "sqlmesh__core", filled=True) >= 3)
    kill_a_build(tmp_path, emulator, when=lambda: made(client, "sqlmesh__marts", filled=True) >= 2)
    headrace("build", "--gateway", EMULATOR, data=tmp_path)
    assert_alike(tmp_path)
    for command in commands_of_the_page():
        headrace(*shlex.split(command)[1:], data=tmp_path)

    shutil.copytree(waiting, sample, dirs_exist_ok=True)
    with sqlite3.connect(sample / "rewards" / "rewards.sqlite") as database:
        database.executescript(NEW_VERSION)
    database.close()
    began = datetime.now(UTC)
    build_both(tmp_path)
    assert_alike(tmp_path)
    assert first_day_merged(client, "core__events", began) > "2025-05"  # the sample's first day less the lookbacks

    build_both(tmp_path, "--restate")
    assert_alike(tmp_path)
