"""What of a table's partitions a run touches, by the SQL that reaches the emulator; and BigQuery's limit on them.

"Number of partitions modified by a single job: 4,000" (https://cloud.google.com/bigquery/quotas#partitioned_tables)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlglot import exp, parse_one
from sqlmesh.core.dialect import parse
from sqlmesh.core.engine_adapter.bigquery import BigQueryEngineAdapter
from sqlmesh.core.model import SqlModel, load_sql_based_model

from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator
from headrace.bigquery.sqlmesh import DAYS_OF_A_JOB, EmulatorConnection, spans_of_jobs
from tests.bigquery.loading import clear, connection_to

LIMIT = 4000
BETWEEN = re.compile(r"BETWEEN CAST\('(?P<low>.{10}) .*?AND CAST\('(?P<high>.{10}) ", re.DOTALL)
MODEL = """
MODEL (
  name core.visits,
  kind INCREMENTAL_BY_TIME_RANGE (time_column seen_at),
  physical_properties (require_partition_filter = TRUE, partition_expiration_days = 400),
);
SELECT id, seen_at FROM raw.visits WHERE seen_at BETWEEN @start_ts AND @end_ts
"""
COLUMNS = {"id": exp.DataType.build("INT64", dialect="bigquery"), "seen_at": exp.DataType.build("TIMESTAMPTZ")}


@pytest.fixture
def adapter(emulator: Emulator) -> Iterator[BigQueryEngineAdapter]:
    """SQLMesh's hands, and an empty table `core.visits` that is partitioned by day."""
    with closing(open_client(connection_to(emulator))) as client:
        clear(client)
    found = EmulatorConnection(endpoint=emulator.url, project=emulator.project).create_engine_adapter()
    assert isinstance(found, BigQueryEngineAdapter)
    found.create_schema("core")
    found.create_table("core.visits", COLUMNS, partitioned_by=[exp.column("seen_at")])
    yield found
    found.close()


def day(number: int) -> datetime:
    return datetime(2014, 1, 1, tzinfo=UTC) + timedelta(days=number)


def replace(adapter: BigQueryEngineAdapter, days: range, start: datetime, end: datetime) -> list[str]:
    """A row on each of some days for those that are there; the statements that it took."""
    values = ", ".join(f"STRUCT({one} AS id, TIMESTAMP '{day(one):%Y-%m-%d} 10:00:00+00' AS seen_at)" for one in days)
    rows = parse_one(f"SELECT id, seen_at FROM UNNEST([{values}])", dialect="bigquery")
    assert isinstance(rows, exp.Query)
    began = datetime.now(UTC)
    adapter.insert_overwrite_by_time_partition(
        "core.visits", rows, start, end, visits().convert_to_time_column, "seen_at", COLUMNS
    )
    return statements(adapter, began)


def statements(adapter: BigQueryEngineAdapter, since: datetime) -> list[str]:
    jobs = [job for job in adapter.client.list_jobs() if job.job_type == "query" and job.created >= since]
    return [job.query for job in sorted(jobs, key=lambda job: job.created)]


def visits() -> SqlModel:
    found = load_sql_based_model(parse(MODEL, default_dialect="bigquery"), dialect="bigquery")
    assert isinstance(found, SqlModel)
    return found


def stored(adapter: BigQueryEngineAdapter) -> list[int]:
    return [int(row[0]) for row in adapter.fetchall("SELECT id FROM core.visits ORDER BY id")]


def merged(asked: list[str]) -> list[tuple[str, str]]:
    """The first and the last day that each MERGE may change. Every one must name them."""
    merges = [one for one in asked if one.startswith("MERGE INTO")]
    found = [BETWEEN.search(one.split("WHEN NOT MATCHED BY SOURCE")[1]) for one in merges]
    assert all(found), merges
    return [(one["low"], one["high"]) for one in found if one]


def test_a_day_is_replaced_without_the_others(adapter: BigQueryEngineAdapter) -> None:
    replace(adapter, range(10), day(0), day(10))
    asked = replace(adapter, range(7, 8), day(7), day(8))
    assert merged(asked) == [("2014-01-08", "2014-01-08")]
    assert not [one for one in asked if re.match(r"DELETE|TRUNCATE|CREATE", one)]
    assert stored(adapter) == list(range(10))


def test_twelve_years_are_replaced_by_jobs_within_the_limit(adapter: BigQueryEngineAdapter) -> None:
    end = day(12 * 366)
    every_month = range(0, 12 * 366, 30)
    for _ in range(2):  # what was killed in the midst is run again
        spans = merged(replace(adapter, every_month, day(0), end))
        assert [low for low, _ in spans] == ["2014-01-01", f"{day(DAYS_OF_A_JOB):%Y-%m-%d}"]
        assert [high for _, high in spans] == [
            f"{day(DAYS_OF_A_JOB - 1):%Y-%m-%d}",
            f"{end - timedelta(days=1):%Y-%m-%d}",
        ]
        assert stored(adapter) == list(every_month)
    tables = [table.table_id for table in adapter.client.list_tables("core")]
    assert tables == ["visits"]


@pytest.mark.parametrize("days", [1, DAYS_OF_A_JOB, DAYS_OF_A_JOB + 1, 2 * DAYS_OF_A_JOB, 50 * 366])
def test_spans_are_whole_and_within_the_limit(days: int) -> None:
    spans = list(spans_of_jobs(day(0), day(days)))
    assert [start for start, _ in spans] == [day(0), *(end for _, end in spans[:-1])]
    assert spans[-1][1] == day(days)
    assert all(timedelta() < end - start <= timedelta(days=DAYS_OF_A_JOB) for start, end in spans)
    assert DAYS_OF_A_JOB <= LIMIT


def test_a_model_may_require_filters_and_let_partitions_expire(adapter: BigQueryEngineAdapter) -> None:
    began, model = datetime.now(UTC), visits()
    adapter.create_table(
        "core.limited",
        COLUMNS,
        partitioned_by=model.partitioned_by,
        partition_interval_unit=model.partition_interval_unit,
        table_properties=model.physical_properties,
    )
    [created] = [one for one in statements(adapter, began) if "core`.`limited" in one]
    assert "PARTITION BY TIMESTAMP_TRUNC(`seen_at`, DAY)" in created
    assert "require_partition_filter=TRUE" in created
    assert "partition_expiration_days=400" in created
