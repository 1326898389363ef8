MODEL (
  name core.offer_progress,
  kind FULL,
  grain progress_id,
  references (user_offer_key, user_key),
  description 'One row per fact about the way of a user through an offer, with the money that it moved.',
  tags (
    rewards
  ),
  columns (
    progress_id STRING,
    user_offer_key STRING,
    user_key STRING,
    offer_id STRING,
    task_id STRING,
    device_id STRING,
    occurred_at TIMESTAMP,
    recorded_at TIMESTAMP,
    charged_back_at TIMESTAMP,
    kind STRING,
    ip_address STRING,
    coin_count INT64,
    payout_usd NUMERIC(38, 9),
    revenue_usd NUMERIC(38, 9),
    chargeback_usd NUMERIC(38, 9),
    is_charged_back BOOL
  ),
  audits (
    contract_errors(`of` := core.offer_progress),
    keeps_rows(source := raw.rewards__progress, id := progress_id),
    reconciles(
      ours := chargeback_usd,
      source := staging.stg_rewards__chargebacks,
      theirs := amount_usd,
      theirs_where := progress_id IN (
        SELECT
          progress_id
        FROM staging.stg_rewards__progress
      )
    ),
    reconciles(ours := revenue_usd, source := staging.stg_rewards__progress, theirs := revenue_usd),
    reconciles(ours := coin_count, source := staging.stg_rewards__progress, theirs := coins)
  )
);

WITH progress AS (
  SELECT
    *
  FROM staging.stg_rewards__progress
), chargebacks AS (
  SELECT
    *
  FROM staging.stg_rewards__chargebacks
), assignments AS (
  SELECT
    *
  FROM staging.stg_rewards__user_offers
), first_assignments AS (
  SELECT
    user_id,
    offer_id,
    user_offer_id
  FROM assignments
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY user_id, offer_id ORDER BY shown_at, user_offer_id) = 1
), keyed AS (
  /* A fact that names no assignment is of the one that the user has of the offer; without any, facts are gathered per user and offer. */
  SELECT
    progress.*,
    COALESCE(
      assignments.user_offer_id,
      first_assignments.user_offer_id,
      CONCAT('unassigned:', progress.user_id, ':', progress.offer_id)
    ) AS user_offer_key
  FROM progress
  LEFT JOIN assignments
    ON progress.user_offer_id = assignments.user_offer_id
  LEFT JOIN first_assignments
    ON progress.user_id = first_assignments.user_id
    AND progress.offer_id = first_assignments.offer_id
), refused AS (
  SELECT
    progress_id,
    SUM(amount_usd) AS chargeback_usd,
    MIN(charged_back_at) AS charged_back_at
  FROM chargebacks
  GROUP BY
    progress_id
)
SELECT
  keyed.progress_id, /* Id of the fact. */
  keyed.user_offer_key, /* Row of core.user_offers. */
  CONCAT('rewards:', keyed.user_id) AS user_key, /* User of the fact. */
  keyed.offer_id, /* Id of the offer. */
  keyed.task_id, /* Id of the task; NULL for facts about the offer. */
  keyed.device_id, /* Fingerprint of the device. */
  keyed.occurred_at, /* When it happened (UTC). */
  keyed.recorded_at, /* When the source learned of it (UTC). */
  refused.charged_back_at, /* When the advertiser refused to pay (UTC). */
  keyed.kind, /* started, task_completed, offer_completed, expired. */
  keyed.ip_address, /* Address of the device. */
  keyed.coins AS coin_count, /* Coins that were credited; 1,000 are 1 USD. */
  keyed.coins / 1000 AS payout_usd, /* What the credited coins cost. */
  keyed.revenue_usd, /* What the advertiser owes. */
  COALESCE(refused.chargeback_usd, 0) AS chargeback_usd, /* Revenue that the advertiser took back. */
  NOT refused.progress_id IS NULL AS is_charged_back /* Whether the advertiser refused to pay. */
FROM keyed
LEFT JOIN refused
  ON keyed.progress_id = refused.progress_id
