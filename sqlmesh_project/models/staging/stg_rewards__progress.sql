MODEL (
  name staging.stg_rewards__progress,
  kind VIEW,
  grain progress_id,
  description 'One row per fact about the way of a user through an offer.',
  tags (
    rewards
  ),
  audits (
    not_null(
      columns := (progress_id, user_id, offer_id, kind, occurred_at),
      condition := @not_audited_before(
        staging.stg_rewards__progress,
        occurred_at,
        @EVAL(@lookback_days + @identity_window_days)
      )
    ),
    unique_values(
      columns := (
        progress_id
      ),
      condition := @not_audited_before(
        staging.stg_rewards__progress,
        occurred_at,
        @EVAL(@lookback_days + @identity_window_days)
      )
    )
  )
);

WITH progress AS (
  SELECT
    *
  FROM raw.rewards__progress
), deduplicated AS (
  /* The time is part of the key so that a run's filter on it reaches the scan; ids are unique since ingestion. */
  SELECT
    *
  FROM progress
  QUALIFY
    @first_loaded(progress_id, occurred_at)
)
SELECT
  progress_id, /* Id of the fact. */
  user_offer_id, /* Assignment; NULL when the advertiser named none that we know. */
  user_id, /* User of the fact. */
  offer_id, /* Offer of the fact. */
  task_id, /* Task that was completed; NULL for facts about the offer. */
  device_id, /* Fingerprint of the device. */
  occurred_at, /* When it happened (UTC). */
  recorded_at, /* When the database learned of it (UTC). */
  LOWER(kind) AS kind, /* started, task_completed, offer_completed, expired. */
  ip_address, /* Address of the device. */
  coins, /* Coins that were credited to the user. */
  revenue_usd, /* What the advertiser owes for it. */
  _batch_id AS batch_id, /* Batch that loaded the row. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
