"""`headrace build` through the command line: the whole chain, then again with what came later."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from tests.commandline import headrace

HEADER = (
    "EVENT_ID,USER_ID,TYPE,RATE,PARAMETERS,EVENT_TIME,WINDOW_START,APIKEY,CONSENT,COUNT,EXPERIMENT,SDK_TYPE,DOMAIN,"
    "DEPLOYMENT_ID,COUNTRY,REGION,BROWSER_FAMILY,DEVICE_TYPE"
)


def rows(data: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def events_file(folder: Path, company: str, *days: str) -> Path:
    """An export with one page view a day."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"late-{day},user-1,pageview,0.1,,{day} 05:40:41.173,{day} 05:00:00.000,{company},empty,10,,sdk-web,"
        f'site.example,abc,"""FR""",,Chrome,desktop'
        for day in days
    ]
    path = folder / "events-late.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def company(data: Path) -> str:
    return str(rows(data, "SELECT min(public_api_key) FROM raw.consent__companies")[0][0])


def test_every_row_is_accounted_for(built: Path) -> None:
    unbalanced = rows(
        built, "SELECT * FROM raw.loads WHERE rows_read <> rows_loaded + rows_quarantined + rows_duplicate"
    )
    assert unbalanced == []
    [(loaded,)] = rows(built, "SELECT sum(rows_loaded) FROM raw.loads WHERE table_name = 'consent__events'")
    assert rows(built, "SELECT count(*) FROM raw.consent__events") == [(loaded,)]
    [(quarantined,)] = rows(built, "SELECT sum(rows_quarantined) FROM raw.loads WHERE table_name = 'consent__events'")
    assert rows(built, "SELECT count(*) FROM quarantine.consent__events") == [(quarantined,)]
    assert quarantined > 0


def test_core_has_every_raw_event(built: Path) -> None:
    [(raw,)] = rows(built, "SELECT count(*) FROM raw.consent__events")
    assert rows(built, "SELECT count(*) FROM core.events WHERE record_source = 'consent'") == [(raw,)]


def test_contract_results_are_kept(built: Path) -> None:
    [(checked, failed)] = rows(
        built, "SELECT count(*), count(*) FILTER (NOT is_passed AND severity = 'error') FROM contracts.results"
    )
    assert checked > 50
    assert failed == 0


@pytest.mark.slow
def test_what_comes_later_is_built_and_what_comes_too_late_waits(data_folder: Path, tmp_path: Path) -> None:
    path = events_file(tmp_path / "exports", company(data_folder), "2025-07-03", "2025-06-29", "2025-04-01")
    headrace("ingest", "consent", "--from", str(path), data=data_folder)
    done = headrace("build", "--quiet", data=data_folder)
    assert "1 rows of raw.consent__events came later than the lookback (2025-04-01 to 2025-04-01)" in done.stderr
    found = "SELECT event_id FROM core.events WHERE event_id LIKE 'late-%' ORDER BY 1"
    assert rows(data_folder, found) == [("late-2025-06-29",), ("late-2025-07-03",)]
    headrace("build", "--quiet", "--restate", data=data_folder)
    assert rows(data_folder, found) == [("late-2025-04-01",), ("late-2025-06-29",), ("late-2025-07-03",)]


@pytest.mark.slow
def test_a_failed_file_fails_the_build_and_nothing_else(data_folder: Path) -> None:
    bad = data_folder / "sample" / "consent" / "events" / "csv" / "events-company-99.csv"
    bad.write_text("EVENT_ID,TYPE\n1,pageview\n")
    done = headrace("build", data=data_folder, code=1)
    assert "events-company-99.csv" in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(data_folder, "SELECT count(*) > 0 FROM core.events") == [(True,)]


def test_an_environment_needs_a_change_and_a_query_needs_an_environment(data_folder: Path) -> None:
    done = headrace("build", "--environment", "dev", "--quiet", data=data_folder, code=1)
    assert "environment dev would be the same as prod: change a model first" in done.stderr
    query = json.dumps({"measures": ["consent.event_count"]})
    done = headrace("query", query, "--environment", "nowhere", data=data_folder, code=1)
    assert "no environment 'nowhere'" in done.stderr


@pytest.mark.slow
@pytest.mark.real_data
def test_the_published_figures_of_the_real_exports(real_exports: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = headrace("ingest", "consent", "--from", str(real_exports / "consent"), data=data)
    assert "COUNT x RATE is about 1 on 4,758 of 4,758 rows" in done.stderr
    headrace("ingest", "web_funnel", "--from", str(real_exports / "web_funnel"), data=data)
    again = headrace("ingest", "web_funnel", "--from", str(real_exports / "web_funnel"), data=data)
    assert "7 files hold nothing new" in again.stderr
    headrace("build", "--quiet", data=data)
    loaded = "SELECT table_name, sum(rows_loaded) FROM raw.loads WHERE rows_loaded > 0 GROUP BY 1 ORDER BY 1"
    assert rows(data, loaded) == [
        ("consent__companies", 40),
        ("consent__events", 4758),
        ("web_funnel__pages", 295762),
        ("web_funnel__users", 90400),
    ]
