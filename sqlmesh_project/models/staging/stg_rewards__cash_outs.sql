MODEL (
  name staging.stg_rewards__cash_outs,
  kind VIEW,
  grain cash_out_id,
  description 'One row per request of a user to turn coins into money.',
  tags (
    rewards
  ),
  audits (
    not_null(columns := (cash_out_id, user_id, requested_at)),
    unique_values(columns := (
      cash_out_id
    ))
  )
);

WITH cash_outs AS (
  SELECT
    *
  FROM raw.rewards__cash_outs
), deduplicated AS (
  /* The time is part of the key so that a run's filter on it reaches the scan; ids are unique since ingestion. */
  SELECT
    *
  FROM cash_outs
  QUALIFY
    @first_loaded(cash_out_id, requested_at)
)
SELECT
  cash_out_id, /* Id of the request. */
  user_id, /* User who asked. */
  requested_at, /* When the user asked (UTC). */
  paid_at, /* When it was paid (UTC). */
  LOWER(method) AS method, /* How it is paid. */
  LOWER(status) AS status, /* requested, paid, rejected. */
  coins, /* Coins that are spent. */
  amount_usd, /* Money that is paid: 1,000 coins are 1 USD. */
  _batch_id AS batch_id, /* Batch that loaded the row. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
