"""Samples: seeded, in the original formats, with their dirt, and with truths that are really in them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from headrace.config import Settings
from ingestion.declaration import known_sources
from ingestion.errors import IngestionError, UnknownSource
from ingestion.load import ingest
from ingestion.sample import write_sample

Rows = Callable[..., list[tuple[Any, ...]]]


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".gz", ".sqlite"})
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_equal_seeds_give_equal_files_and_others_do_not(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        write_sample(tmp_path / name, scale=0.01, days=10, seed=seed)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert digests(tmp_path / "one")["consent/events/csv/events-company-1-2025-06-30.csv"] != digests(
        tmp_path / "three"
    ).get("consent/events/csv/events-company-1-2025-06-30.csv")


def test_impossible_samples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownSource, match="no sample of source shop; there are: consent"):
        write_sample(tmp_path, sources=["shop"])
    with pytest.raises(IngestionError, match="a sample needs scale > 0"):
        write_sample(tmp_path, scale=0)


def test_without_dirt_nothing_is_rejected(settings: Settings, tmp_path: Path) -> None:
    write_sample(tmp_path / "sample", scale=0.02, days=30, late=0, dirty=0)
    for source in known_sources():
        report = ingest(settings, source, tmp_path / "sample" / source)
        assert report.failures == ()
        assert report.warnings == ()
        assert report.counts.rows_quarantined == 0


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, scale=0.3, days=120, dirty=0.02, late=0.02)
    return folder


def test_consent_has_the_dirt_of_real_exports(settings: Settings, sample: Path, rows: Rows) -> None:
    report = ingest(settings, "consent", sample / "consent")
    assert report.failures == ()
    counts = report.counts
    assert 0.01 < counts.rows_quarantined / counts.rows_read < 0.03
    assert counts.rows_duplicate > 0
    rules = {row[0] for row in rows("SELECT DISTINCT unnest(rules) FROM quarantine.consent__events")}
    assert {"event_id.not_null", "rate.gt", "event_time.type", "count.not_null", "record"} <= rules
    assert rows("SELECT bool_and(country LIKE '\"__\"') FROM raw.consent__events") == [(True,)]
    (noise,) = rows(
        "SELECT count(*) FILTER (rate IS NULL), count(*) FILTER (rate::VARCHAR LIKE '0.1000000%'), "
        "count(*) FILTER (user_id IS NULL), "
        "count(*) FILTER (event_time < '2025-05-22' AND _source_file LIKE '%06-30%') "
        "FROM raw.consent__events"
    )
    assert min(noise) > 0
    assert rows("SELECT count(*) FILTER (hq_country IS NULL), count(*) FROM raw.consent__companies") == [(7, 40)]


def test_more_people_leave_before_step_5_once_a_page_was_added(settings: Settings, sample: Path, rows: Rows) -> None:
    ingest(settings, "web_funnel", sample / "web_funnel")
    found = rows(
        "SELECT users.date >= DATE '2025-05-01', count(*) FILTER (page = 'step5') / count(*) FILTER (page = 'step4') "
        "FROM raw.web_funnel__pages JOIN raw.web_funnel__users AS users USING (user_id) GROUP BY 1 ORDER BY 1"
    )
    (_, before), (_, after) = found
    assert before == pytest.approx(0.18, abs=0.03)
    assert after == pytest.approx(0.07, abs=0.03)


def test_the_database_holds_the_same_as_the_files(settings: Settings, sample: Path, rows: Rows) -> None:
    files = ingest(settings, "web_funnel", sample / "web_funnel").counts
    again = ingest(settings, "web_funnel", sample / "web_funnel_sqlite" / "web_funnel.sqlite")
    assert again.counts.rows_loaded == 0
    assert rows("SELECT count(*) FROM raw.web_funnel__pages")[0][0] + files.rows_quarantined > 0


def test_an_offer_changes_and_what_users_saw_stands(settings: Settings, sample: Path, rows: Rows) -> None:
    ingest(settings, "rewards", sample / "rewards")
    (changed,) = rows(
        "SELECT count(DISTINCT offer_version_id), count(*) FILTER (shown.shown_at < versions.published_at), "
        "count(*) FILTER (next.published_at <= shown.shown_at) FROM raw.rewards__user_offers AS shown "
        "JOIN raw.rewards__offer_versions AS versions USING (offer_version_id) "
        "LEFT JOIN raw.rewards__offer_versions AS next "
        "ON next.offer_id = versions.offer_id AND next.version = versions.version + 1"
    )
    assert changed == (36, 0, 0)
    ring = rows(
        "SELECT device_id, count(DISTINCT user_id) FROM raw.rewards__devices "
        "GROUP BY 1 HAVING count(DISTINCT user_id) > 5"
    )
    assert ring == [("device-ring-1", 25)]


def test_members_of_one_client_are_stuck_at_eligibility(settings: Settings, sample: Path, rows: Rows) -> None:
    ingest(settings, "intake", sample / "intake")
    found = rows(
        "WITH steps AS (SELECT user_id, contexts_funnel ->> 'step_name' AS step FROM raw.intake__events) "
        "SELECT client_id, count(DISTINCT user_id) FILTER (step = 'CAREGIVING_GOAL') "
        "/ count(DISTINCT user_id) FILTER (step = 'VERIFY_ELIGIBILITY') AS passed FROM steps "
        "JOIN raw.intake__members USING (user_id) WHERE role = 'MEMBER' GROUP BY 1 ORDER BY passed"
    )
    assert found[0][0] == "client-07"
    assert found[0][1] < 0.2 < 0.8 < found[1][1]
    versions = rows("SELECT DISTINCT contexts_funnel_version FROM raw.intake__events ORDER BY 1 NULLS LAST")
    assert versions == [("1-0-3",), ("1-0-4",), (None,)]


def test_orders_of_three_regions_meet_in_their_numbers(settings: Settings, sample: Path, rows: Rows) -> None:
    ingest(settings, "commerce", sample / "commerce")
    assert rows("SELECT DISTINCT region, record_source FROM raw.commerce__orders ORDER BY ALL") == [
        ("AUS", "Order Manager"),
        ("EU", "Order Manager"),
        ("EU", "Shopify"),
        ("US", "Recharge"),
        ("US", "Shopify"),
    ]
    assert rows(
        "SELECT count(*) > 0 FROM (SELECT order_id FROM raw.commerce__orders GROUP BY 1 HAVING count(*) > 1)"
    ) == [(True,)]
    assert rows("SELECT count(*) > 10 FROM raw.commerce__orders WHERE status = 'refunded'") == [(True,)]
    assert rows("SELECT bool_and(event_time < DATE '2025-07-01') FROM raw.commerce__events") == [(True,)]


def test_periods_end_in_the_past(tmp_path: Path) -> None:
    report = write_sample(tmp_path, scale=0.01, days=1, end=date(2024, 2, 29), sources=["commerce"])
    assert report.truths["page_added_on"] == "2024-02-29"
    assert report.rows()[0][:2] == ("commerce", "events/events-2024-03-01.csv.gz")
