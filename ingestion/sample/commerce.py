"""Sample of `commerce`: shop events with one robot among them, and orders of three regions and several systems."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ingestion.sample.files import Written, copy
from ingestion.sample.plan import Plan
from ingestion.sample.population import moment

ROBOT = "robot-1"
"""A visitor who sees a page every 20 seconds for 30 hours: a session ends after 24."""
_SESSIONS = 10_000


def write_commerce(connection: duckdb.DuckDBPyConnection, plan: Plan, folder: Path) -> list[Written]:
    """Write events as compressed CSV and as Parquet, and orders per region as CSV; refunds come second."""
    _make_events(connection, plan)
    _make_rows(connection, plan)
    _make_orders(connection, plan)
    columns = "event_id, user_id, event_time, event_name, region, page, device, order_id"
    written = []
    for export, label, ending in ((1, plan.export_on, "csv.gz"), (2, plan.end, "parquet")):
        query = f"SELECT {columns} FROM commerce_rows WHERE export = {export} ORDER BY event_time, event_id"
        written.append(copy(connection, folder / "events" / f"events-{label}.{ending}", query))
        for region in ("US", "EU", "AUS"):
            query = (
                "SELECT * EXCLUDE export FROM commerce_orders "
                f"WHERE export = {export} AND region = '{region}' ORDER BY ordered_at, order_id"
            )
            written.append(copy(connection, folder / "orders" / f"orders-{region.lower()}-{label}.csv", query))
    return written


def _make_events(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Sessions of one to nine events; deeper ones reach the cart, the checkout and a purchase."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE commerce_events AS
        WITH sessions AS (
            SELECT i, person, user_id, device, 1 + floor(9 * u(i, 'depth') * u(i, 'depth 2'))::BIGINT AS depth,
                CASE country WHEN 'US' THEN 'US' WHEN 'AU' THEN 'AUS' ELSE 'EU' END AS region,
                {moment(plan, "i", "session", "hours_ahead")} AS begun_at
            FROM range({plan.rows(_SESSIONS)}) AS ids(i)
            JOIN people ON people.person = floor(u(i, 'shopper') * u(i, 'shopper 2') * {plan.people})::BIGINT
        ), steps AS (
            SELECT *, 5 + 120 * -ln(1 - u(i, 'gap ' || n)) AS seconds,
                CASE WHEN n = 1 THEN 'page_view' WHEN n <= 3 THEN 'product_view' WHEN n = 4 THEN 'add_to_cart'
                    WHEN n = 5 THEN 'checkout' WHEN n = 6 THEN 'purchase' ELSE 'page_view' END AS event_name
            FROM (SELECT *, unnest(range(1, depth + 1)) AS n FROM sessions)
        )
        SELECT i, n, uuid_of(i * 10 + n, 'shop') AS event_id,
            CASE WHEN u(i, 'anonymous') < 0.1 AND n < 4 THEN NULL ELSE user_id END AS user_id, person, device, region,
            event_name, begun_at
                + to_milliseconds((1000 * sum(seconds) OVER (PARTITION BY i ORDER BY n))::BIGINT) AS happened_at
        FROM steps
        UNION ALL
        SELECT 900000000 + i, 1, uuid_of(i, 'robot'), '{ROBOT}', -1, 'desktop', 'US', 'page_view',
            TIMESTAMP '{plan.start}' + to_seconds(20 * i) FROM range({30 * 3600 // 20}) AS ids(i)
        """
    )


def _make_rows(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """The events as exported: late, twice, or at a time that cannot be."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE commerce_rows AS
        WITH delivered AS (
            SELECT *,
                CASE WHEN happened_at < TIMESTAMP '{plan.export_on}' AND u(i * 10 + n, 'late') >= {plan.late}
                    THEN 1 ELSE 2 END AS export
            FROM commerce_events WHERE happened_at < TIMESTAMP '{plan.end}' + to_days(1)
        ), twice AS (
            SELECT * FROM delivered UNION ALL SELECT * FROM delivered WHERE u(i * 10 + n, 'again') < 0.005
        )
        SELECT event_id, user_id,
            CASE WHEN u(i * 10 + n, 'dirty') < {plan.dirty} THEN 'soon' ELSE instant_text(happened_at) END
                AS event_time,
            event_name, region, '/' || replace(event_name, '_', '-') AS page, device,
            CASE event_name WHEN 'purchase' THEN 'o' || i END AS order_id, export
        FROM twice
        """
    )


def _make_orders(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """An order per purchase; every system counts its orders from 1, so that numbers meet across systems."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE commerce_orders AS
        WITH bought AS (
            SELECT *, CASE region WHEN 'US' THEN pick(['Shopify', 'Shopify', 'Recharge'], i, 'system')
                    WHEN 'EU' THEN pick(['Shopify', 'Order Manager'], i, 'system') ELSE 'Order Manager' END
                    AS record_source,
                CASE region WHEN 'US' THEN 'USD' WHEN 'EU' THEN 'EUR' ELSE 'AUD' END AS currency,
                CASE region WHEN 'US' THEN 1.0 WHEN 'EU' THEN 1.08 ELSE 0.65 END AS usd_per_unit,
                1 + floor(4 * u(i, 'quantity'))::BIGINT AS quantity, (5 + 60 * u(i, 'price'))::DECIMAL(18, 2) AS price,
                CASE WHEN u(i, 'discount') < 0.25 THEN 0.15 ELSE 0 END AS discount
            FROM commerce_events
            WHERE event_name = 'purchase' AND happened_at < TIMESTAMP '{plan.end}' + to_days(1)
        ), priced AS (
            SELECT *, row_number() OVER (PARTITION BY region, record_source ORDER BY happened_at, i) AS number,
                (quantity * price)::DECIMAL(18, 2) AS gross, (quantity * price * discount)::DECIMAL(18, 2) AS off,
                CASE WHEN quantity * price < 50 THEN 4.90 ELSE 0 END::DECIMAL(18, 2) AS shipping,
                (quantity * price * 0.08)::DECIMAL(18, 2) AS tax
            FROM bought
        ), stated AS (
            SELECT *, 'paid' AS status, happened_at AS changed_at,
                CASE WHEN happened_at < TIMESTAMP '{plan.export_on}' THEN 1 ELSE 2 END AS export FROM priced
            UNION ALL
            SELECT *, 'refunded', TIMESTAMP '{plan.export_on}' + to_hours(number % 24), 2 FROM priced
            WHERE happened_at < TIMESTAMP '{plan.export_on}' AND u(i, 'refund') < 0.06
        )
        SELECT
            CASE record_source WHEN 'Shopify' THEN '#' || (1000 + number) WHEN 'Recharge' THEN number::VARCHAR
                ELSE 'OM-' || number END AS order_id,
            region, record_source, CASE WHEN u(i, 'guest') < 0.1 THEN NULL ELSE user_id END AS user_id,
            instant_text(happened_at) AS ordered_at, status, currency, usd_per_unit, quantity,
            CASE WHEN u(i, 'dirty order') < {plan.dirty} THEN -gross ELSE gross END AS gross_amount,
            off AS discount_amount,
            shipping AS shipping_amount, tax AS tax_amount, gross - off + shipping + tax AS total_amount,
            instant_text(changed_at) AS updated_at, export
        FROM stated
        """
    )
