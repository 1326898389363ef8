MODEL (
  name core.offers,
  kind FULL,
  grain offer_version_id,
  description 'One row per version of an offer (SCD type 2): what it promised, and from when to when.',
  tags (
    rewards
  ),
  columns (
    offer_version_id STRING,
    offer_id STRING,
    valid_from TIMESTAMP,
    valid_to TIMESTAMP,
    advertiser STRING,
    category STRING,
    platform STRING,
    title STRING,
    version_number INT64,
    change_note STRING,
    payout_usd NUMERIC(38, 9),
    reward_coins INT64,
    conversion_days INT64,
    task_count INT64,
    tasks_payout_usd NUMERIC(38, 9),
    tasks_reward_coins INT64,
    is_current BOOL
  ),
  audits (
    contract_errors(`of` := core.offers),
    keeps_rows(
      source := staging.stg_rewards__offer_versions,
      id := offer_version_id,
      theirs_where := offer_id IN (
        SELECT
          offer_id
        FROM staging.stg_rewards__offers
      )
    )
  )
);

WITH offers AS (
  SELECT
    *
  FROM staging.stg_rewards__offers
), offer_versions AS (
  SELECT
    *
  FROM staging.stg_rewards__offer_versions
), offer_tasks AS (
  SELECT
    *
  FROM staging.stg_rewards__offer_tasks
), tasks AS (
  SELECT
    offer_version_id,
    COUNT(*) AS task_count,
    SUM(payout_usd) AS tasks_payout_usd,
    SUM(reward_coins) AS tasks_reward_coins
  FROM offer_tasks
  GROUP BY
    offer_version_id
), versioned AS (
  /* A version ends when the next one is published, whatever their numbers; the last one when the offer is taken down. */
  SELECT
    offer_versions.*,
    COALESCE(
      LEAD(offer_versions.published_at) OVER (
        PARTITION BY offer_versions.offer_id
        ORDER BY offer_versions.published_at, offer_versions.version_number
      ),
      GREATEST(offers.retired_at, offer_versions.published_at)
    ) AS valid_to,
    offers.advertiser,
    offers.category,
    offers.platform
  FROM offer_versions
  INNER JOIN offers
    ON offer_versions.offer_id = offers.offer_id
)
SELECT
  versioned.offer_version_id, /* Id of the version. */
  versioned.offer_id, /* Id of the offer, the same in all versions. */
  versioned.published_at AS valid_from, /* When the version came into force (UTC). */
  versioned.valid_to, /* When it ended (UTC); NULL while it is in force. */
  versioned.advertiser, /* Who pays for the offer. */
  versioned.category, /* game, survey, shopping, finance. */
  versioned.platform, /* Platform on which the offer can be done. */
  versioned.title, /* Title that users see. */
  versioned.version_number, /* Number of the version within the offer, from 1. */
  versioned.change_note, /* Why the version was published. */
  versioned.payout_usd, /* What the advertiser pays once the offer is complete. */
  versioned.reward_coins, /* Bonus in coins for completing the offer. */
  versioned.conversion_days, /* Days that a user has from start to completion. */
  COALESCE(tasks.task_count, 0) AS task_count, /* Tasks of the version. */
  COALESCE(tasks.tasks_payout_usd, 0) AS tasks_payout_usd, /* What the advertiser pays for all tasks, each done once. */
  COALESCE(tasks.tasks_reward_coins, 0) AS tasks_reward_coins, /* Coins for all tasks, each done once. */
  versioned.valid_to IS NULL AS is_current /* Whether the version is in force. */
FROM versioned
LEFT JOIN tasks
  ON versioned.offer_version_id = tasks.offer_version_id
