"""The marts find what the sample hides: the client stuck at eligibility, the fraud ring, the page that loses people."""

from __future__ import annotations

from collections.abc import Iterator
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
    ring = connection.execute("SELECT user_key FROM core.user_devices WHERE device_id = ?", [RING_DEVICE]).fetchall()
    suspects = connection.execute("SELECT user_key FROM marts.fraud_review WHERE is_for_review").fetchall()
    assert len(ring) > 2
    assert {row[0] for row in suspects} == {row[0] for row in ring}


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
