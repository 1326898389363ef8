"""Each table is reconciled with the one below: what is lost, doubled or altered on the way stops a plan."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlmesh import Context

from tests.sqlmesh_project.raw_rows import RawRows

pytestmark = pytest.mark.slow
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
ONE = Decimal(1)


@pytest.fixture(scope="module")
def built(project: Context) -> RawRows:
    """Two rows of everything, and every table over them."""
    raw = RawRows(project)
    for who in ("ada", "bob"):
        add_happenings(raw, who)
        add_offerwall(raw, who)
    raw.query(*RECONCILED, sql="SELECT 1")
    return raw


def add_happenings(raw: RawRows, who: str) -> None:
    asked = {"event_id": f"a{who}", "type": "consent.asked", "apikey": who, "user_id": who, "count": 1}
    raw.add("consent__events", asked, event_time=NOON)
    visit = {"event_id": f"s{who}", "user_id": who, "event_name": "page_view", "region": "EU"}
    raw.add("commerce__events", visit, event_time=NOON)
    amounts = ("gross_amount", "discount_amount", "shipping_amount", "tax_amount", "total_amount")
    money = {**dict.fromkeys(amounts, ONE), "usd_per_unit": ONE, "quantity": 1, "currency": "EUR", "status": "paid"}
    raw.add("commerce__orders", money, order_id=who, region="EU", record_source="Shopify", ordered_at=NOON)
    raw.add("web_funnel__users", {"user_id": who, "date": date(2025, 6, 1)})
    raw.add("web_funnel__pages", {"user_id": who, "page": "step1"})
    raw.add("intake__members", {"user_id": who, "role": "MEMBER", "created_at": NOON})
    entered = {"event_id": f"i{who}", "user_id": who, "contexts_funnel": '{"step_name": "CREATE_ACCOUNT"}'}
    raw.add("intake__events", entered, event_name="funnel", collector_tstamp=NOON)


def add_offerwall(raw: RawRows, who: str) -> None:
    named = {"user_id": who, "offer_id": who}
    place = {"country": "FR", "platform": "ios", "channel": "search", "campaign_id": who}
    raw.add("rewards__users", {"user_id": who, "signed_up_at": NOON, "is_staff": False, **place})
    spend = {"spent_on": date(2025, 6, 1), "spend_usd": ONE, "impressions": 1, "clicks": 1, "installs": 1, **place}
    raw.add("rewards__spend", spend)
    raw.add("rewards__devices", {"user_id": who, "device_id": "d"})
    raw.add("rewards__offers", {"offer_id": who, "advertiser": "Acme"})
    version = {"offer_version_id": f"v{who}", "offer_id": who, "version": 1, "published_at": NOON}
    raw.add("rewards__offer_versions", version)
    task = {"offer_task_version_id": f"t{who}", "offer_version_id": f"v{who}", "offer_id": who, "task_id": "level"}
    raw.add("rewards__offer_tasks", task)
    raw.add("rewards__user_offers", {**named, "user_offer_id": f"u{who}", "shown_at": NOON})
    fact = {"kind": "task_completed", "task_id": "level", "coins": 1000, "revenue_usd": Decimal(3)}
    raw.add("rewards__progress", {**named, **fact, "progress_id": f"p{who}", "occurred_at": NOON})
    raw.add("rewards__chargebacks", {**named, "chargeback_id": f"c{who}", "progress_id": f"p{who}", "amount_usd": ONE})
    raw.add("rewards__cash_outs", {"user_id": who, "cash_out_id": f"o{who}", "requested_at": NOON})


RECONCILED = (
    "core.events",
    "core.consents",
    "core.orders",
    "core.acquisition_spend",
    "core.offers",
    "core.offer_tasks",
    "core.offer_progress",
    "core.user_offers",
    "core.user_offer_tasks",
    "core.user_devices",
    "marts.consent_events",
    "marts.consent_by_company",
    "marts.web_funnel",
    "marts.intake_accounts",
    "marts.intake_funnel",
    "marts.acquisition",
    "marts.acquisition_payback",
    "marts.offer_performance",
    "marts.fraud_signals",
    "marts.commerce",
)


def changed(raw: RawRows, table: str, change: str) -> list[str]:
    """What the audits say of a table after a change, which is taken back."""
    raw.connection.execute(f"BEGIN; {change}")
    found = raw.complaints(table)
    raw.connection.execute("ROLLBACK")
    return found


@pytest.mark.parametrize("table", RECONCILED)
def test_a_lost_row_and_one_too_many_are_found(built: RawRows, table: str) -> None:
    assert built.complaints(table) == []
    for share in shares(built, table):
        row = f"rowid = (SELECT min(rowid) FROM {table} WHERE {share})"
        assert changed(built, table, f"DELETE FROM {table} WHERE {row}"), f"{share}: a row less"
        assert changed(built, table, f"INSERT INTO {table} SELECT * FROM {table} WHERE {row}"), f"{share}: a row more"


def shares(raw: RawRows, table: str) -> list[str]:
    """Conditions for the parts of a table that come from different tables below."""
    if table == "core.events":
        kinds = raw.connection.execute("SELECT DISTINCT record_source, event_name FROM core.events").fetchall()
        assert len(kinds) == 7, "every source, and of the offerwall what was shown, done and cashed out"
        return [f"(record_source, event_name) = ({source!r}, {name!r})" for source, name in kinds]
    measures = {"marts.web_funnel": "is_visited", "marts.acquisition": "revenue_usd > 0"}
    return [measures.get(table, "TRUE")]


MONEY = (
    ("core.orders", "total_amount"),
    ("core.orders", "item_count"),
    ("core.acquisition_spend", "spend_usd"),
    ("core.offer_progress", "revenue_usd"),
    ("core.offer_progress", "coin_count"),
    ("core.offer_progress", "chargeback_usd"),
    ("core.user_offers", "revenue_usd"),
    ("core.user_offers", "coin_count"),
    ("core.user_offers", "chargeback_usd"),
    ("core.user_offer_tasks", "coin_count"),
    ("core.user_offer_tasks", "revenue_usd"),
    ("marts.acquisition", "spend_usd"),
    ("marts.acquisition", "revenue_usd"),
    ("marts.acquisition", "chargeback_usd"),
    ("marts.acquisition", "payout_usd"),
    ("marts.acquisition", "signup_count"),
    ("marts.acquisition_payback", "spend_usd"),
    ("marts.acquisition_payback", "margin_usd"),
    ("marts.offer_performance", "margin_usd"),
    ("marts.fraud_signals", "chargeback_usd"),
    ("marts.commerce", "total_usd"),
    ("marts.commerce", "revenue_usd"),
    ("marts.consent_by_company", "event_count"),
)


@pytest.mark.parametrize(("table", "column"), MONEY)
def test_a_cent_that_is_not_there_is_found(built: RawRows, table: str, column: str) -> None:
    assert built.connection.execute(f"SELECT sum({column}) > 0 FROM {table}").fetchone() == (True,)
    least = "1" if column.endswith("count") else "0.01"
    row = f"rowid = (SELECT min(rowid) FROM {table})"
    assert changed(built, table, f"UPDATE {table} SET {column} = {column} + {least} WHERE {row}")
