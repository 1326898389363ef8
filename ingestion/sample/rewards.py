"""Sample of `rewards`: the offerwall's database, in which offers change mid-flight and a ring of accounts cheats."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ingestion.sample.database import write_database
from ingestion.sample.files import Written
from ingestion.sample.plan import RING_DEVICE, Plan
from ingestion.sample.population import moment

OFFERS = 24
TASKS = 4
RING = (10, 34)
"""The people of the ring, by their number."""
SCHEMA = Path(__file__).with_suffix(".sql")
_SHOWN = 20_000
_TABLES = (
    "users",
    "devices",
    "offers",
    "offer_versions",
    "offer_tasks",
    "user_offers",
    "user_offer_tasks",
    "progress",
    "cash_outs",
    "spend",
    "chargebacks",
)


def write_rewards(connection: duckdb.DuckDBPyConnection, plan: Plan, folder: Path) -> list[Written]:
    """Write rewards.sqlite below `folder`."""
    for make in _MAKERS:
        make(connection, plan)
    schema = SCHEMA.read_text(encoding="utf-8")
    queries = {table: f"SELECT COLUMNS(*)::VARCHAR FROM rewards_{table} ORDER BY ALL" for table in _TABLES}
    return write_database(connection, folder / "rewards.sqlite", schema, queries)


def _make_users(connection: duckdb.DuckDBPyConnection, _plan: Plan) -> None:
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE rewards_people AS
        SELECT *,
            person BETWEEN {RING[0]} AND {RING[1]} AS is_ring,
            CASE WHEN person BETWEEN {RING[0]} AND {RING[1]} THEN 'tiktok'
                ELSE pick(['organic', 'facebook', 'google', 'tiktok', 'influencer'], person, 'channel') END AS channel,
            CASE WHEN person BETWEEN {RING[0]} AND {RING[1]} THEN '{RING_DEVICE}'
                ELSE 'device-' || left(md5('device' || person), 12) END AS device_id,
            CASE WHEN person BETWEEN {RING[0]} AND {RING[1]} THEN '203.0.113.7'
                ELSE '10.' || person % 250 || '.' || (person // 250) % 250 || '.' || person % 200 END AS ip_address
        FROM people WHERE u(person, 'rewards') < 0.5 OR person BETWEEN {RING[0]} AND {RING[1]};

        CREATE OR REPLACE TABLE rewards_users AS
        SELECT user_id, instant_text(joined_at) AS signed_up_at, country, platform,
            CASE WHEN u(person, 'no channel') < 0.03 THEN NULL ELSE channel END AS channel,
            CASE WHEN channel <> 'organic' THEN channel || '-' || (1 + person % 3) END AS campaign_id,
            timezone, is_staff::INTEGER AS is_staff, instant_text(joined_at + to_hours(person % 48)) AS updated_at
        FROM rewards_people;

        CREATE OR REPLACE TABLE rewards_devices AS
        SELECT user_id, device_id, platform, ip_address, instant_text(joined_at) AS first_seen_at,
            instant_text(joined_at + to_hours(person % 400)) AS updated_at
        FROM rewards_people
        UNION ALL
        SELECT user_id, device_id || '-2', 'web', ip_address, instant_text(joined_at + to_hours(30)),
            instant_text(joined_at + to_hours(60))
        FROM rewards_people WHERE NOT is_ring AND u(person, 'second device') < 0.08
        """
    )


def _make_offers(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Every second offer gets a new version mid-flight: other coins, another payout, another order of tasks."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE rewards_offers AS
        SELECT 'offer-' || lpad(i::VARCHAR, 2, '0') AS offer_id,
            pick(['Northlight Games', 'Paperboat', 'Tallow Bank', 'Quill Surveys'], i, 'advertiser') AS advertiser,
            pick(['game', 'game', 'survey', 'shopping', 'finance'], i, 'category') AS category,
            pick(['ios', 'android', 'web'], i, 'platform') AS platform,
            instant_text(TIMESTAMP '{plan.start}' - to_days(30)) AS created_at,
            CASE WHEN i = {OFFERS} THEN instant_text(TIMESTAMP '{plan.end}') END AS retired_at,
            instant_text(TIMESTAMP '{plan.start}' - to_days(30)) AS updated_at
        FROM range(1, {OFFERS + 1}) AS ids(i);

        CREATE OR REPLACE TABLE offer_drafts AS
        SELECT i, v, 'offer-' || lpad(i::VARCHAR, 2, '0') AS offer_id,
            'offer-' || lpad(i::VARCHAR, 2, '0') || '-v' || v AS offer_version_id,
            (1 + floor(u(i, 'payout') * 6) + CASE WHEN v = 2 THEN 0.5 ELSE 0 END)::DECIMAL(18, 2) AS payout_usd,
            1000 * (1 + i % 4) + CASE WHEN v = 2 THEN 500 ELSE 0 END AS reward_coins,
            CASE WHEN v = 1 THEN TIMESTAMP '{plan.start}' - to_days(30)
                ELSE TIMESTAMP '{plan.start}' + to_hours((24 * {plan.days} * (0.3 + 0.4 * u(i, 'change')))::BIGINT)
                END AS published_at
        FROM range(1, {OFFERS + 1}) AS ids(i), range(1, 3) AS versions(v)
        WHERE v = 1 OR i % 2 = 0
        """
    )


def _make_versions(connection: duckdb.DuckDBPyConnection, _plan: Plan) -> None:
    """Publish the drafts: a version of the offer, and of each of its tasks."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE rewards_offer_versions AS
        SELECT offer_version_id, offer_id, v AS version,
            'Offer ' || i || CASE WHEN v = 2 THEN ' with more coins' ELSE '' END AS title, payout_usd, reward_coins,
            30 AS conversion_days, instant_text(published_at) AS published_at, 'editor-' || (1 + i % 3) AS published_by,
            CASE WHEN v = 2 THEN 'raise the reward of a weak task' END AS change_note
        FROM offer_drafts;

        CREATE OR REPLACE TABLE rewards_offer_tasks AS
        SELECT offer_version_id || '-t' || p AS offer_task_version_id, offer_version_id, offer_id,
            offer_id || '-task-' || p AS task_id, p AS position, 'Task ' || p AS title,
            (200 * p * (1 + u(i, 'coins')) + CASE WHEN v = 2 THEN 100 * p ELSE 0 END)::BIGINT AS reward_coins,
            (0.4 * p * (1 + u(i, 'coins')))::DECIMAL(18, 2) AS payout_usd,
            (p = 2 AND i % 3 = 0)::INTEGER AS is_repeatable, (p < {TASKS} OR i % 4 <> 0)::INTEGER AS is_required
        FROM offer_drafts, range(1, {TASKS + 1}) AS places(p)
        """
    )


def _make_assignments(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """A user sees an offer in the version of that moment, and keeps it, whatever is published later."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE shown_offers AS
        WITH numbered AS (SELECT *, row_number() OVER (ORDER BY person) - 1 AS number FROM rewards_people),
        pairs AS (
            SELECT i, 1 + floor(u(i, 'offer') * {OFFERS})::BIGINT AS offer,
                floor(u(i, 'user') * {plan.people} / 2) AS number,
                {moment(plan, "i", "shown")} AS seen_at
            FROM range({plan.rows(_SHOWN)}) AS ids(i)
            UNION ALL
            SELECT 100000000 + number * 100 + offer, offer, number, joined_at + to_minutes(offer)
            FROM numbered, range(1, 7) AS offers(offer) WHERE is_ring
        ), placed AS (
            SELECT pairs.i, 'offer-' || lpad(offer::VARCHAR, 2, '0') AS offer_id, numbered.*,
                greatest(seen_at, joined_at + to_minutes(1 + i % 50)) AS shown_at
            FROM pairs JOIN numbered USING (number)
            QUALIFY row_number() OVER (PARTITION BY person, offer ORDER BY seen_at, pairs.i) = 1
        )
        SELECT placed.*, offer_drafts.offer_version_id, offer_drafts.reward_coins, offer_drafts.payout_usd,
            'uo-' || lpad(placed.i::VARCHAR, 9, '0') AS user_offer_id,
            CASE WHEN u(placed.i, 'variant') < 0.3 THEN 'boost' ELSE 'control' END AS variant,
            CASE WHEN u(placed.i, 'variant') < 0.3 THEN 1.2 ELSE 1.0 END AS coin_multiplier
        FROM placed ASOF JOIN offer_drafts
            ON placed.offer_id = offer_drafts.offer_id AND placed.shown_at >= offer_drafts.published_at
        WHERE shown_at < TIMESTAMP '{plan.end}' + to_days(1)
        """
    )


def _make_shown_tasks(connection: duckdb.DuckDBPyConnection, _plan: Plan) -> None:
    """With the offer, its tasks are frozen, at the coins that this user was promised."""
    connection.execute(
        """
        CREATE OR REPLACE TABLE rewards_user_offers AS
        SELECT user_offer_id, user_id, offer_id, offer_version_id, variant, coin_multiplier::VARCHAR AS coin_multiplier,
            instant_text(shown_at) AS shown_at
        FROM shown_offers;

        CREATE OR REPLACE TABLE shown_tasks AS
        SELECT shown_offers.*, tasks.task_id, tasks.offer_task_version_id, tasks.position, tasks.is_repeatable,
            tasks.is_required, tasks.payout_usd::DECIMAL(18, 2) AS task_payout_usd,
            round(tasks.reward_coins * coin_multiplier)::BIGINT AS task_coins
        FROM shown_offers JOIN rewards_offer_tasks AS tasks USING (offer_version_id);

        CREATE OR REPLACE TABLE rewards_user_offer_tasks AS
        SELECT user_offer_id, task_id, offer_task_version_id, task_coins AS reward_coins,
            instant_text(shown_at) AS shown_at
        FROM shown_tasks
        """
    )


def _make_done_tasks(connection: duckdb.DuckDBPyConnection, _plan: Plan) -> None:
    """Users start, do task after task, and leave or complete; the ring does all tasks within seconds."""
    connection.execute(
        """
        CREATE OR REPLACE TABLE done_tasks AS
        WITH tried AS (
            SELECT *, shown_at + to_seconds(30 + (3600 * u(i, 'start'))::BIGINT) AS started_at,
                CASE WHEN is_ring THEN 4 ELSE 7200 * (0.1 - ln(1 - u(i, 'pace ' || position)) * position) END
                    AS seconds,
                is_ring OR u(i, 'goes on ' || position) < 0.85 - 0.07 * position AS goes_on
            FROM shown_tasks WHERE is_ring OR u(i, 'starts') < 0.6
        )
        SELECT *, started_at + to_milliseconds(
                (1000 * sum(seconds) OVER (PARTITION BY user_offer_id ORDER BY position))::BIGINT) AS done_at
        FROM tried
        QUALIFY bool_and(goes_on) OVER (PARTITION BY user_offer_id ORDER BY position)
        """
    )


def _make_progress(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """The log of what users did, some of it without a start, before it, late, or dirty."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE progress_facts AS
        WITH starts AS (
            SELECT DISTINCT ON (user_offer_id) * FROM shown_tasks
            WHERE is_ring OR u(i, 'starts') < 0.6 ORDER BY user_offer_id, position
        ), whole AS (
            SELECT *, max(done_at) OVER (PARTITION BY user_offer_id) AS completed_at FROM done_tasks
            QUALIFY count(*) OVER (PARTITION BY user_offer_id) = {TASKS}
        ), facts AS (
            SELECT i, 0 AS n, user_offer_id, user_id, offer_id, NULL AS task_id, 'started' AS kind,
                shown_at + to_seconds(30 + (3600 * u(i, 'start'))::BIGINT) AS occurred_at, 0 AS coins,
                0::DECIMAL(18, 2) AS revenue_usd, device_id, ip_address, is_ring FROM starts
            UNION ALL
            SELECT i, position,
                CASE WHEN u(i * 10 + position, 'unknown start') < 0.003 THEN NULL ELSE user_offer_id END,
                user_id, offer_id, task_id, 'task_completed',
                CASE WHEN u(i * 10 + position, 'clock') < 0.002 THEN shown_at - to_minutes(5) ELSE done_at END,
                task_coins, task_payout_usd, device_id, ip_address, is_ring FROM done_tasks
            UNION ALL
            SELECT i, 10 + position, user_offer_id, user_id, offer_id, task_id, 'task_completed',
                done_at + to_hours(5), task_coins, task_payout_usd, device_id, ip_address, is_ring
            FROM done_tasks WHERE is_repeatable = 1 AND u(i, 'again') < 0.4
            UNION ALL
            SELECT i, 99, user_offer_id, user_id, offer_id, NULL, 'offer_completed', completed_at + to_seconds(1),
                round(reward_coins * coin_multiplier)::BIGINT, payout_usd, device_id, ip_address, is_ring
            FROM whole WHERE position = {TASKS}
        )
        SELECT *, 'pr-' || lpad(i::VARCHAR, 9, '0') || '-' || n AS progress_id, occurred_at
            + CASE WHEN u(i * 100 + n, 'late') < {plan.late} THEN to_days(2) ELSE to_seconds(2) END AS recorded_at
        FROM facts WHERE occurred_at < TIMESTAMP '{plan.end}' + to_days(1);

        CREATE OR REPLACE TABLE rewards_progress AS
        SELECT progress_id, user_offer_id, user_id, offer_id, task_id,
            CASE WHEN u(i * 100 + n, 'dirty') < {plan.dirty} / 2 THEN 'unknown' ELSE kind END AS kind,
            instant_text(occurred_at) AS occurred_at, instant_text(recorded_at) AS recorded_at,
            CASE WHEN u(i * 100 + n, 'dirty') > 1 - {plan.dirty} / 2 THEN -1 ELSE coins END AS coins,
            revenue_usd, device_id, ip_address
        FROM progress_facts ORDER BY recorded_at, progress_id
        """
    )


def _make_money(connection: duckdb.DuckDBPyConnection, _plan: Plan) -> None:
    connection.execute(
        """
        CREATE OR REPLACE TABLE rewards_cash_outs AS
        SELECT 'co-' || user_id AS cash_out_id, user_id, sum(coins)::BIGINT AS coins,
            (sum(coins) / 1000)::DECIMAL(18, 2) AS amount_usd,
            pick(['paypal', 'gift_card', 'bank'], max(i), 'method') AS method,
            CASE WHEN bool_or(is_ring) THEN 'requested' WHEN u(max(i), 'rejected') < 0.05 THEN 'rejected'
                ELSE 'paid' END AS status,
            instant_text(max(occurred_at) + to_hours(3)) AS requested_at,
            CASE WHEN NOT bool_or(is_ring) AND u(max(i), 'rejected') >= 0.05
                THEN instant_text(max(occurred_at) + to_hours(27)) END AS paid_at,
            instant_text(max(occurred_at) + to_hours(27)) AS updated_at
        FROM progress_facts GROUP BY user_id HAVING sum(coins) >= 2000;

        CREATE OR REPLACE TABLE rewards_spend AS
        WITH installs AS (
            SELECT joined_at::DATE AS spent_on, channel, channel || '-' || (1 + person % 3) AS campaign_id, country,
                platform, count(*) AS installs
            FROM rewards_people WHERE channel <> 'organic' GROUP BY ALL
        )
        SELECT spent_on, channel, campaign_id, country, platform, installs * 400 AS impressions,
            installs * 12 AS clicks, installs,
            (installs * CASE channel WHEN 'influencer' THEN 2.9 WHEN 'tiktok' THEN 0.9 ELSE 1.6 END)::DECIMAL(18, 2)
                AS spend_usd,
            instant_text(spent_on + to_days(2)) AS updated_at
        FROM installs ORDER BY ALL;

        CREATE OR REPLACE TABLE rewards_chargebacks AS
        SELECT 'cb-' || progress_id AS chargeback_id, progress_id, user_id, offer_id, revenue_usd AS amount_usd,
            CASE WHEN is_ring THEN 'fraudulent install' ELSE 'not a new customer' END AS reason,
            instant_text(occurred_at + to_days(9)) AS charged_back_at
        FROM progress_facts
        WHERE revenue_usd > 0 AND u(i * 100 + n, 'charged back') < CASE WHEN is_ring THEN 0.6 ELSE 0.01 END
        """
    )


_MAKERS = (
    _make_users,
    _make_offers,
    _make_versions,
    _make_assignments,
    _make_shown_tasks,
    _make_done_tasks,
    _make_progress,
    _make_money,
)
