MODEL (
  name staging.stg_commerce__events,
  kind VIEW,
  grain event_id,
  description 'One row per event of the shops.',
  tags (
    commerce
  ),
  audits (
    not_null(
      columns := (event_id, occurred_at, event_type),
      condition := @not_audited_before(
        staging.stg_commerce__events,
        occurred_at,
        @EVAL(@lookback_days + @identity_window_days)
      )
    ),
    unique_values(
      columns := (
        event_id
      ),
      condition := @not_audited_before(
        staging.stg_commerce__events,
        occurred_at,
        @EVAL(@lookback_days + @identity_window_days)
      )
    )
  )
);

WITH events AS (
  SELECT
    *
  FROM raw.commerce__events
), deduplicated AS (
  /* The time is part of the key so that a run's filter on it reaches the scan; ids are unique since ingestion. */
  SELECT
    *
  FROM events
  QUALIFY
    @first_loaded(event_id, event_time)
)
SELECT
  event_id, /* Id of the event. */
  NULLIF(user_id, '') AS user_id, /* Visitor; NULL until one is known. */
  order_id, /* Order of a purchase. */
  event_time AS occurred_at, /* When it happened (UTC). */
  event_name AS event_type, /* page_view, product_view, add_to_cart, checkout, purchase. */
  UPPER(region) AS region, /* Shop of the event: US, EU, AUS. */
  page, /* Path of the page. */
  LOWER(device) AS device_type, /* desktop, mobile, tablet. */
  _batch_id AS batch_id, /* Batch that loaded the row. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
