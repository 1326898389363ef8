MODEL (
  name core.user_offers,
  kind FULL,
  grain user_offer_key,
  references (user_key, offer_version_id),
  description 'One row per user and offer: the version that the user was shown, how far the user went, and what it earned and cost.',
  tags (
    rewards
  ),
  columns (
    user_offer_key STRING,
    user_key STRING,
    offer_id STRING,
    offer_version_id STRING,
    shown_at TIMESTAMP,
    started_at TIMESTAMP,
    first_task_at TIMESTAMP,
    completed_at TIMESTAMP,
    last_progress_at TIMESTAMP,
    variant STRING,
    coin_multiplier NUMERIC(38, 9),
    tasks_shown_count INT64,
    tasks_done_count INT64,
    completion_count INT64,
    coin_count INT64,
    payout_usd NUMERIC(38, 9),
    revenue_usd NUMERIC(38, 9),
    chargeback_usd NUMERIC(38, 9),
    margin_usd NUMERIC(38, 9),
    chargeback_count INT64,
    seconds_to_complete FLOAT64,
    is_started BOOL,
    is_completed BOOL,
    is_unassigned BOOL,
    is_without_start BOOL
  ),
  audits (
    contract_errors(`of` := core.user_offers),
    reconciles(ours := chargeback_usd, source := core.offer_progress, theirs := chargeback_usd),
    reconciles(ours := revenue_usd, source := core.offer_progress, theirs := revenue_usd),
    reconciles(ours := coin_count, source := core.offer_progress, theirs := coin_count)
  )
);

WITH assignments AS (
  SELECT
    *
  FROM staging.stg_rewards__user_offers
), assigned_tasks AS (
  SELECT
    *
  FROM staging.stg_rewards__user_offer_tasks
), progress AS (
  SELECT
    *
  FROM core.offer_progress
), offers AS (
  SELECT
    *
  FROM core.offers
), chargebacks AS (
  SELECT
    *
  FROM staging.stg_rewards__chargebacks
), refused AS (
  SELECT
    progress.user_offer_key,
    SUM(chargebacks.amount_usd) AS chargeback_usd,
    COUNT(DISTINCT chargebacks.progress_id) AS chargeback_count
  FROM chargebacks
  INNER JOIN progress
    ON chargebacks.progress_id = progress.progress_id
  GROUP BY
    progress.user_offer_key
), gathered AS (
  SELECT
    user_offer_key,
    MIN(user_key) AS user_key,
    MIN(offer_id) AS offer_id,
    MIN(CASE WHEN kind = 'started' THEN occurred_at END) AS started_at,
    MIN(CASE WHEN kind = 'offer_completed' THEN occurred_at END) AS completed_at,
    MIN(CASE WHEN kind = 'task_completed' THEN occurred_at END) AS first_task_at,
    MAX(occurred_at) AS last_progress_at,
    COUNT(DISTINCT CASE WHEN kind = 'task_completed' THEN task_id END) AS tasks_done_count,
    COALESCE(COUNTIF(kind = 'task_completed'), 0) AS completion_count,
    SUM(coin_count) AS coin_count,
    SUM(revenue_usd) AS revenue_usd
  FROM progress
  GROUP BY
    user_offer_key
), shown_tasks AS (
  SELECT
    user_offer_id,
    COUNT(*) AS tasks_shown_count
  FROM assigned_tasks
  GROUP BY
    user_offer_id
), joined AS (
  SELECT
    COALESCE(assignments.user_offer_id, gathered.user_offer_key) AS user_offer_key,
    COALESCE(CONCAT('rewards:', assignments.user_id), gathered.user_key) AS user_key,
    COALESCE(assignments.offer_id, gathered.offer_id) AS offer_id,
    assignments.offer_version_id,
    assignments.shown_at,
    assignments.variant,
    assignments.coin_multiplier,
    gathered.started_at,
    gathered.first_task_at,
    gathered.completed_at,
    gathered.last_progress_at,
    COALESCE(gathered.tasks_done_count, 0) AS tasks_done_count,
    COALESCE(gathered.completion_count, 0) AS completion_count,
    COALESCE(gathered.coin_count, 0) AS coin_count,
    COALESCE(gathered.revenue_usd, 0) AS revenue_usd
  FROM assignments
  FULL JOIN gathered
    ON assignments.user_offer_id = gathered.user_offer_key
)
SELECT
  joined.user_offer_key, /* Assignment, or user and offer where there is none. */
  joined.user_key, /* User of the offer. */
  joined.offer_id, /* Id of the offer. */
  joined.offer_version_id, /* Version that the user was shown; NULL without an assignment. */
  joined.shown_at, /* When the user first saw the offer (UTC). */
  joined.started_at, /* When the user started (UTC). */
  joined.first_task_at, /* First completion of a task (UTC). */
  joined.completed_at, /* When the offer was completed (UTC). */
  joined.last_progress_at, /* Latest fact (UTC). */
  joined.variant, /* Personalisation that the user was given. */
  joined.coin_multiplier, /* Factor on the version's coins for this user. */
  COALESCE(shown_tasks.tasks_shown_count, offers.task_count, 0) AS tasks_shown_count, /* Tasks that the user was shown. */
  joined.tasks_done_count, /* Different tasks that were completed. */
  joined.completion_count, /* Completions of tasks, repeats included. */
  joined.coin_count, /* Coins that were credited; 1,000 are 1 USD. */
  joined.coin_count / 1000 AS payout_usd, /* What the credited coins cost. */
  joined.revenue_usd, /* What the advertiser owes. */
  COALESCE(refused.chargeback_usd, 0) AS chargeback_usd, /* Revenue that the advertiser took back. */
  joined.revenue_usd - COALESCE(refused.chargeback_usd, 0) - joined.coin_count / 1000 AS margin_usd, /* Revenue less chargebacks and payout. */
  COALESCE(refused.chargeback_count, 0) AS chargeback_count, /* Facts that were charged back. */
  CASE
    WHEN joined.completed_at >= joined.started_at
    THEN @seconds_between(joined.started_at, joined.completed_at)
  END AS seconds_to_complete, /* Seconds from start to completion; NULL if it was completed before the start. */
  NOT joined.started_at IS NULL AS is_started, /* Whether a start was recorded. */
  NOT joined.completed_at IS NULL AS is_completed, /* Whether the offer was completed. */
  joined.shown_at IS NULL AS is_unassigned, /* Whether no assignment is known, so that no version is. */
  joined.started_at IS NULL
  AND (
    joined.completion_count > 0 OR NOT joined.completed_at IS NULL
  ) AS is_without_start /* Whether tasks or the offer were completed though no start was recorded. */
FROM joined
LEFT JOIN shown_tasks
  ON joined.user_offer_key = shown_tasks.user_offer_id
LEFT JOIN offers
  ON joined.offer_version_id = offers.offer_version_id
LEFT JOIN refused
  ON joined.user_offer_key = refused.user_offer_key
