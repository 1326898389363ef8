MODEL (
  name core.orders,
  kind FULL,
  grain order_key,
  references user_key,
  description 'One row per order of any region and system, in its present state, amounts in the currency of the order and in USD.',
  tags (
    commerce
  ),
  columns (
    order_key STRING,
    order_id STRING,
    user_key STRING,
    ordered_at TIMESTAMP,
    updated_at TIMESTAMP,
    region STRING,
    record_source STRING,
    status STRING,
    currency STRING,
    usd_per_unit NUMERIC(38, 9),
    order_count INT64,
    item_count INT64,
    gross_amount NUMERIC(38, 9),
    discount_amount NUMERIC(38, 9),
    shipping_amount NUMERIC(38, 9),
    tax_amount NUMERIC(38, 9),
    total_amount NUMERIC(38, 9),
    gross_usd NUMERIC(38, 9),
    discount_usd NUMERIC(38, 9),
    shipping_usd NUMERIC(38, 9),
    tax_usd NUMERIC(38, 9),
    total_usd NUMERIC(38, 9),
    revenue_usd NUMERIC(38, 9),
    is_paid BOOL,
    is_guest BOOL
  ),
  audits (
    contract_errors(`of` := core.orders),
    keeps_rows(
      source := raw.commerce__orders,
      id := CONCAT(region, ':', record_source, ':', order_id)
    ),
    reconciles(ours := total_amount, source := staging.stg_commerce__orders, theirs := total_amount),
    reconciles(ours := item_count, source := staging.stg_commerce__orders, theirs := item_count)
  )
);

WITH orders AS (
  SELECT
    *
  FROM staging.stg_commerce__orders
)
SELECT
  CONCAT(region, ':', order_system, ':', order_id) AS order_key, /* Region, system and id of the order. */
  order_id, /* Id of the order within its region and system. */
  CONCAT('commerce:', user_id) AS user_key, /* Customer; NULL for guests. */
  ordered_at, /* When it was ordered (UTC). */
  updated_at, /* When it last changed (UTC). */
  region, /* Region of the shop: US, EU, AUS. */
  order_system AS record_source, /* System that took the order: Shopify, Recharge, Order Manager. */
  status, /* paid, refunded, cancelled. */
  currency, /* ISO code of the currency of the amounts. */
  usd_per_unit, /* Value of one unit of the currency on the day of the order. */
  1 AS order_count, /* 1 in every row, to be summed. */
  item_count, /* Items. */
  gross_amount, /* Price of the items before discount, in the currency. */
  discount_amount, /* Discount, in the currency. */
  shipping_amount, /* Shipping that the customer paid, in the currency. */
  tax_amount, /* Tax, in the currency. */
  total_amount, /* Gross less discount, plus shipping and tax, in the currency. */
  @in_usd(gross_amount, usd_per_unit) AS gross_usd, /* Price of the items before discount. */
  @in_usd(discount_amount, usd_per_unit) AS discount_usd, /* Discount. */
  @in_usd(shipping_amount, usd_per_unit) AS shipping_usd, /* Shipping that the customer paid. */
  @in_usd(tax_amount, usd_per_unit) AS tax_usd, /* Tax. */
  @in_usd(total_amount, usd_per_unit) AS total_usd, /* What the customer paid. */
  CASE
    WHEN status = 'paid'
    THEN @in_usd(gross_amount - discount_amount + shipping_amount, usd_per_unit)
    ELSE 0
  END AS revenue_usd, /* Gross less discount plus shipping, of orders neither refunded nor cancelled. */
  status = 'paid' AS is_paid, /* Whether the order stands. */
  user_id IS NULL AS is_guest /* Whether no customer is known. */
FROM orders
