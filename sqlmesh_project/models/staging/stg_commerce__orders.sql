MODEL (
  name staging.stg_commerce__orders,
  kind VIEW,
  grain (region, order_system, order_id),
  description 'One row per order as its system knows it now; systems number their orders independently.',
  tags (
    commerce
  ),
  audits (
    not_null(columns := (order_id, region, order_system, ordered_at)),
    unique_combination_of_columns(columns := (region, order_system, order_id))
  )
);

WITH orders AS (
  SELECT
    *
  FROM raw.commerce__orders
), deduplicated AS (
  SELECT
    *
  FROM orders
  QUALIFY
    @first_loaded(region, record_source, order_id)
)
SELECT
  order_id, /* Id of the order within its region and system. */
  NULLIF(user_id, '') AS user_id, /* Customer; NULL for guests. */
  ordered_at, /* When it was ordered (UTC). */
  updated_at, /* When the row last changed (UTC). */
  UPPER(region) AS region, /* Region of the shop: US, EU, AUS. */
  record_source AS order_system, /* System that took the order: Shopify, Recharge, Order Manager. */
  LOWER(status) AS status, /* paid, refunded, cancelled. */
  UPPER(currency) AS currency, /* ISO code of the currency of the amounts. */
  usd_per_unit, /* Value of one unit of the currency on the day of the order. */
  quantity AS item_count, /* Items. */
  gross_amount, /* Price of the items before discount. */
  discount_amount, /* Discount, as a positive amount. */
  shipping_amount, /* Shipping that the customer paid. */
  tax_amount, /* Tax within the total. */
  total_amount, /* Gross less discount, plus shipping and tax. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
