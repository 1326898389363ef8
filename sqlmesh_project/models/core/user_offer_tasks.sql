MODEL (
  name core.user_offer_tasks,
  kind FULL,
  grain progress_id,
  references (user_offer_key, user_key, offer_task_version_id),
  description 'One row per completed task, tied to the version of the task that the user was shown.',
  tags (
    rewards
  ),
  columns (
    progress_id STRING,
    user_offer_key STRING,
    user_key STRING,
    offer_id STRING,
    task_id STRING,
    offer_task_version_id STRING,
    occurred_at TIMESTAMP,
    recorded_at TIMESTAMP,
    device_id STRING,
    ip_address STRING,
    position INT64,
    title STRING,
    repetition INT64,
    coin_count INT64,
    promised_coin_count INT64,
    revenue_usd NUMERIC(38, 9),
    seconds_from_start FLOAT64,
    is_repeat BOOL,
    is_without_start BOOL,
    is_before_start BOOL
  ),
  audits (
    contract_errors(`of` := core.user_offer_tasks),
    keeps_rows(
      source := core.offer_progress,
      id := progress_id,
      theirs_where := kind = 'task_completed'
    ),
    reconciles(
      ours := revenue_usd,
      source := core.offer_progress,
      theirs := revenue_usd,
      theirs_where := kind = 'task_completed'
    ),
    reconciles(
      ours := coin_count,
      source := core.offer_progress,
      theirs := coin_count,
      theirs_where := kind = 'task_completed'
    )
  )
);

WITH progress AS (
  SELECT
    *
  FROM core.offer_progress
  WHERE
    kind = 'task_completed'
), user_offers AS (
  SELECT
    *
  FROM core.user_offers
), assigned_tasks AS (
  SELECT
    *
  FROM staging.stg_rewards__user_offer_tasks
), offer_tasks AS (
  SELECT
    *
  FROM core.offer_tasks
), keyed AS (
  SELECT
    progress.*,
    user_offers.started_at,
    user_offers.offer_version_id,
    user_offers.coin_multiplier,
    ROW_NUMBER() OVER (
      PARTITION BY progress.user_offer_key, progress.task_id
      ORDER BY progress.occurred_at, progress.progress_id
    ) AS repetition
  FROM progress
  INNER JOIN user_offers
    ON progress.user_offer_key = user_offers.user_offer_key
), shown AS (
  /* A source that does not list the tasks of an assignment still says which version was shown. */
  SELECT
    keyed.progress_id,
    offer_tasks.offer_task_version_id
  FROM keyed
  INNER JOIN offer_tasks
    ON keyed.offer_version_id = offer_tasks.offer_version_id
    AND keyed.task_id = offer_tasks.task_id
), in_force AS (
  /* Without an assignment the best that is known is the version in force when the user started, or did the task. */
  SELECT
    keyed.progress_id,
    MAX(offer_tasks.offer_task_version_id) AS offer_task_version_id
  FROM keyed
  INNER JOIN offer_tasks
    ON keyed.offer_id = offer_tasks.offer_id
    AND keyed.task_id = offer_tasks.task_id
    AND COALESCE(keyed.started_at, keyed.occurred_at) >= offer_tasks.valid_from
    AND (
      offer_tasks.valid_to IS NULL
      OR COALESCE(keyed.started_at, keyed.occurred_at) < offer_tasks.valid_to
    )
  GROUP BY
    keyed.progress_id
), tied AS (
  SELECT
    keyed.*,
    COALESCE(
      assigned_tasks.offer_task_version_id,
      shown.offer_task_version_id,
      in_force.offer_task_version_id
    ) AS offer_task_version_id,
    assigned_tasks.promised_coins
  FROM keyed
  LEFT JOIN assigned_tasks
    ON keyed.user_offer_key = assigned_tasks.user_offer_id
    AND keyed.task_id = assigned_tasks.task_id
  LEFT JOIN shown
    ON keyed.progress_id = shown.progress_id
  LEFT JOIN in_force
    ON keyed.progress_id = in_force.progress_id
)
SELECT
  tied.progress_id, /* Id of the completion. */
  tied.user_offer_key, /* Row of core.user_offers. */
  tied.user_key, /* User of the completion. */
  tied.offer_id, /* Id of the offer. */
  tied.task_id, /* Id of the task, the same in all versions. */
  tied.offer_task_version_id, /* Version of the task that the user was shown, else the one in force at the start. */
  tied.occurred_at, /* When it was completed (UTC). */
  tied.recorded_at, /* When the source learned of it (UTC). */
  tied.device_id, /* Fingerprint of the device. */
  tied.ip_address, /* Address of the device. */
  offer_tasks.position, /* Place of the task in that version. */
  offer_tasks.title, /* Title in that version. */
  tied.repetition, /* 1 for the first completion of the task by this user in this offer. */
  tied.coin_count, /* Coins that were credited. */
  COALESCE(
    tied.promised_coins,
    ROUND(offer_tasks.reward_coins * COALESCE(tied.coin_multiplier, 1))::INT64
  ) AS promised_coin_count, /* Coins that this user was promised. */
  tied.revenue_usd, /* What the advertiser owes for it. */
  @seconds_between(tied.started_at, tied.occurred_at) AS seconds_from_start, /* Seconds since the user started the offer. */
  tied.repetition > 1 AS is_repeat, /* Whether the task had been completed before. */
  tied.started_at IS NULL AS is_without_start, /* Whether no start of the offer was recorded. */
  COALESCE(tied.occurred_at < tied.started_at, FALSE) AS is_before_start /* Whether it lies before the start. */
FROM tied
LEFT JOIN offer_tasks
  ON tied.offer_task_version_id = offer_tasks.offer_task_version_id
