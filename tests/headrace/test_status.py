"""What `headrace status` tells of environments and contracts: stated with a hand-made warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.checks import RuleResult
from contracts.results import Report, write_results
from headrace.arrivals import remember_build
from headrace.config import Settings, load_settings
from headrace.status import warehouse_status
from headrace.warehouse import open_warehouse
from ingestion.ledger import create_ledger
from tests.commandline import run

NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)
HOLDS = RuleResult("core", "notes", "1.0.0", "not_null", ("note_id",), "error", 5, 0, "must not be NULL")
WARNS = RuleResult("core", "notes", "1.0.0", "ge", ("pages",), "warn", 5, 2, "must be at least 1", '{"pages": 0}')
BREAKS = RuleResult(
    "core",
    "notes",
    "1.0.0",
    "unique",
    ("note_id",),
    "error",
    5,
    4,
    "must be unique",
    '[{"note_id": 1}, {"note_id": 2}]',
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(environ={"HEADRACE_DATA": str(tmp_path)})
    with open_warehouse(settings, read_only=False) as backend:
        create_ledger(backend.con)
        backend.raw_sql("CREATE SCHEMA core; CREATE SCHEMA core__dev")
    return settings


def checked(settings: Settings, *results: RuleResult, hour: int, environment: str = "prod") -> None:
    with open_warehouse(settings, read_only=False) as backend:
        write_results(backend, Report(environment, NOW + timedelta(hours=hour), results))


def sections(settings: Settings) -> dict[str, list[dict[str, object]]]:
    return {
        section.name: [dict(zip(section.columns, row, strict=True)) for row in section.rows]
        for section in warehouse_status(settings, None, NOW)
    }


def test_only_the_newest_check_of_an_environment_counts(settings: Settings) -> None:
    checked(settings, HOLDS, BREAKS, hour=0)
    checked(settings, HOLDS, WARNS, hour=1)
    checked(settings, BREAKS, hour=0, environment="dev")
    found = sections(settings)
    assert [(row["environment"], row["rule"], row["failing"]) for row in found["broken"]] == [
        ("dev", "unique", 4),
        ("prod", "ge", 2),
    ]
    assert found["broken"][0]["example"] == "note_id=1"
    assert found["broken"][1] == {
        "environment": "prod",
        "table": "core.notes",
        "column": "pages",
        "rule": "ge",
        "severity": "warn",
        "rows": 5,
        "failing": 2,
        "example": "pages=0",
        "checked at": "2025-07-01 13:00",
    }
    counts = [(row["rules"], row["broken errors"], row["broken warnings"]) for row in found["environments"]]
    assert counts == [(2, 0, 1), (1, 1, 0)]


def test_the_data_model_tells_the_newest_check_from_earlier_ones(settings: Settings) -> None:
    checked(settings, HOLDS, BREAKS, hour=0)
    checked(settings, HOLDS, WARNS, hour=1)
    checked(settings, BREAKS, hour=0, environment="dev")
    query = "SELECT environment, rule, MEASURE(failed_count) FROM data_quality WHERE is_latest_run GROUP BY 1, 2"
    found = run("query", f"{query} ORDER BY 1, 2", "--format", "csv", "--quiet", data=settings.data).stdout
    assert found.splitlines()[1:] == ["dev,unique,1", "prod,ge,1", "prod,not_null,0"]


def test_environments_that_are_gone_are_left_out(settings: Settings) -> None:
    checked(settings, BREAKS, hour=0, environment="old")
    found = sections(settings)
    assert found["broken"] == []
    assert [row["environment"] for row in found["environments"]] == ["prod", "dev"]


@pytest.mark.parametrize(
    ("results", "says"),
    [((), "No contract was checked yet"), ((HOLDS,), "No rule of the contracts is broken: 1 were checked")],
)
def test_nothing_broken_is_a_line(settings: Settings, results: tuple[RuleResult, ...], says: str) -> None:
    checked(settings, *results, hour=0)
    assert warehouse_status(settings, None, NOW)[2].empty == says


BATCH = """
    INSERT INTO raw.loads BY NAME
    SELECT
        $minute::VARCHAR AS batch_id, 'consent' AS source, 'consent__events' AS table_name, 'a.csv' AS file,
        '' AS location, '' AS content_hash, 0 AS size_bytes, 0 AS modified_ns, 5 AS rows_read, $rows AS rows_loaded,
        0 AS rows_quarantined, 0 AS rows_duplicate, 0 AS rows_late, '1.0.0' AS contract_version, '' AS lake_file,
        $now + to_minutes($minute) AS started_at, $now + to_minutes($minute) AS finished_at, $status AS status,
        '' AS message, [] AS warnings
"""


def test_batches_wait_for_the_next_build(settings: Settings) -> None:
    with open_warehouse(settings, read_only=False) as backend:
        for minute, environment in ((0, "prod"), (2, "dev")):
            remember_build(backend.con, environment, NOW + timedelta(minutes=minute), is_restated=True)
        for minute, rows, status in ((0, 5, "loaded"), (1, 5, "loaded"), (2, 0, "loaded"), (3, 5, "failed")):
            backend.con.execute(BATCH, {"minute": minute, "rows": rows, "status": status, "now": NOW})
    environments = sections(settings)["environments"]
    assert [(row["environment"], row["built through"], row["batches waiting"]) for row in environments] == [
        ("prod", "2025-07-01 12:00", 1),
        ("dev", "2025-07-01 12:02", 0),
    ]
