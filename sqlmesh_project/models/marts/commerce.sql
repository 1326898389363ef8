MODEL (
  name marts.commerce,
  kind FULL,
  grain (ordered_on, region, record_source, status, currency),
  description 'One row per day, region, order system, status and currency: orders, items and amounts.',
  tags (
    commerce
  ),
  columns (
    ordered_on DATE,
    region STRING,
    record_source STRING,
    status STRING,
    currency STRING,
    order_count INT64,
    item_count INT64,
    customer_count INT64,
    gross_usd NUMERIC(38, 9),
    discount_usd NUMERIC(38, 9),
    shipping_usd NUMERIC(38, 9),
    tax_usd NUMERIC(38, 9),
    total_usd NUMERIC(38, 9),
    revenue_usd NUMERIC(38, 9)
  ),
  audits (
    contract_errors(`of` := marts.commerce),
    reconciles(ours := revenue_usd, source := core.orders, theirs := revenue_usd),
    reconciles(ours := item_count, source := core.orders, theirs := item_count),
    reconciles(ours := total_usd, source := core.orders, theirs := total_usd),
    reconciles(ours := order_count, source := core.orders, theirs := order_count)
  )
);

WITH orders AS (
  SELECT
    *
  FROM core.orders
)
SELECT
  DATE(ordered_at) AS ordered_on, /* Day of the orders (UTC). */
  region, /* Region of the shop: US, EU, AUS. */
  record_source, /* System that took the orders. */
  status, /* paid, refunded, cancelled. */
  currency, /* ISO code of the currency of the orders. */
  SUM(order_count) AS order_count, /* Orders. */
  SUM(item_count) AS item_count, /* Items. */
  COUNT(DISTINCT user_key) AS customer_count, /* Different known customers; not additive. */
  SUM(gross_usd) AS gross_usd, /* Price of the items before discount. */
  SUM(discount_usd) AS discount_usd, /* Discount. */
  SUM(shipping_usd) AS shipping_usd, /* Shipping that customers paid. */
  SUM(tax_usd) AS tax_usd, /* Tax. */
  SUM(total_usd) AS total_usd, /* What customers paid. */
  SUM(revenue_usd) AS revenue_usd /* Gross less discount plus shipping, of orders that stand. */
FROM orders
GROUP BY
  ordered_on,
  region,
  record_source,
  status,
  currency
