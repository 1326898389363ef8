"""The marts find what the sample hides: the client stuck at eligibility, the fraud ring, the page that loses people."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from ingestion.sample.plan import RING_DEVICE, STUCK_CLIENT


@pytest.fixture(scope="module")
def connection(built: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    made = duckdb.connect(str(built / "warehouse.duckdb"), read_only=True)
    made.execute("SET TimeZone = 'UTC'")
    yield made
    made.close()


def test_the_stuck_client_loses_most_at_eligibility(connection: duckdb.DuckDBPyConnection) -> None:
    client, loss, next_loss = connection.execute(
        "WITH losses AS (SELECT company_key, 1 - SUM(next_reached_count) / SUM(reached_count) AS loss"
        " FROM marts.intake_funnel WHERE funnel_name = 'intake' AND step_name = 'verify_eligibility' GROUP BY 1)"
        " SELECT company_key, loss, LEAD(loss) OVER (ORDER BY loss DESC) FROM losses ORDER BY loss DESC"
    ).fetchall()[0]
    assert client == f"intake:{STUCK_CLIENT}"
    assert loss > 3 * next_loss


def test_the_fraud_ring_is_up_for_review_and_nobody_else(connection: duckdb.DuckDBPyConnection) -> None:
    judged = connection.execute(
        "SELECT user_key, is_for_review, user_key IN (SELECT user_key FROM core.user_devices WHERE device_id = ?)"
        " FROM marts.fraud_review",
        [RING_DEVICE],
    ).fetchall()
    ring = {user for user, _, is_ring in judged if is_ring}
    assert len(ring) > 2
    assert {user for user, is_for_review, _ in judged if is_for_review} == ring


def test_the_page_that_was_added_loses_people_from_its_month_on(connection: duckdb.DuckDBPyConnection) -> None:
    losses = connection.execute(
        "SELECT 1 - SUM(next_reached_count) / SUM(reached_count) FROM marts.web_funnel WHERE step_number = 4"
        " GROUP BY visited_month_on ORDER BY visited_month_on"
    ).fetchall()
    jumps = [later - earlier for (earlier,), (later,) in pairwise(losses)]
    assert max(jumps) > 0.05
    assert sorted(jumps)[-2] < 0.03


def test_staff_is_not_counted_among_members(connection: duckdb.DuckDBPyConnection) -> None:
    counts = connection.execute(
        "SELECT COUNT(*) FILTER (users.is_staff), COUNT(*) FROM core.funnel_entries"
        " JOIN core.users USING (user_key) WHERE funnel_name = 'intake'"
    ).fetchone()
    assert counts is not None
    assert counts[0] == 0 < counts[1]


def test_money_reconciles_from_raw_to_marts(connection: duckdb.DuckDBPyConnection) -> None:
    sums = connection.execute(
        "SELECT (SELECT SUM(revenue_usd) FROM raw.rewards__progress), (SELECT SUM(revenue_usd) FROM core.user_offers),"
        " (SELECT SUM(revenue_usd) FROM marts.offer_performance)"
    ).fetchone()
    assert sums is not None
    assert sums[0] == sums[1] == sums[2]
