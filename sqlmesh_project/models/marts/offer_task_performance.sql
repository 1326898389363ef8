MODEL (
  name marts.offer_task_performance,
  kind FULL,
  grain (user_offer_key, task_id),
  references (user_offer_key, user_key, offer_task_version_id),
  description 'One row per started offer of a user and task of the version that was shown: done or not, so that drop-off by task is a sum.',
  tags (
    rewards
  ),
  audits (
    contract_errors(`of` := marts.offer_task_performance)
  )
);

WITH user_offers AS (
  SELECT
    *
  FROM core.user_offers
  WHERE
    is_started AND NOT is_unassigned
), offer_tasks AS (
  SELECT
    *
  FROM core.offer_tasks
), completions AS (
  SELECT
    *
  FROM core.user_offer_tasks
), users AS (
  SELECT
    *
  FROM core.users
), done AS (
  SELECT
    user_offer_key,
    task_id,
    COUNT(*) AS completion_count,
    MIN(CASE WHEN seconds_from_start >= 0 THEN seconds_from_start END) AS seconds_from_start,
    SUM(coin_count) AS coin_count
  FROM completions
  GROUP BY
    user_offer_key,
    task_id
)
SELECT
  user_offers.user_offer_key, /* Row of core.user_offers. */
  user_offers.user_key, /* User of the offer. */
  user_offers.offer_id, /* Id of the offer. */
  user_offers.offer_version_id, /* Version that the user was shown. */
  offer_tasks.offer_task_version_id, /* Task in that version. */
  offer_tasks.task_id, /* Id of the task, the same in all versions. */
  user_offers.started_at, /* When the user started the offer (UTC). */
  offer_tasks.position, /* Place of the task in the offer. */
  offer_tasks.title AS task_title, /* Title of the task in that version. */
  users.country, /* ISO code of the user's country. */
  users.platform, /* Platform of the user. */
  1::INT64 AS started_count, /* 1 in every row: users who started, seen from this task. */
  CAST(NOT done.task_id IS NULL AS INT64) AS done_count, /* 1 if the task was completed, else 0. */
  COALESCE(done.completion_count, 0) AS completion_count, /* Completions, repeats included. */
  COALESCE(done.coin_count, 0) AS coin_count, /* Coins that were credited. */
  done.seconds_from_start, /* Seconds from the start of the offer to the first completion after it. */
  offer_tasks.is_required, /* Whether the offer is incomplete without it. */
  NOT done.task_id IS NULL AS is_done /* Whether the task was completed. */
FROM user_offers
INNER JOIN offer_tasks
  ON user_offers.offer_version_id = offer_tasks.offer_version_id
LEFT JOIN done
  ON user_offers.user_offer_key = done.user_offer_key
  AND offer_tasks.task_id = done.task_id
LEFT JOIN users
  ON user_offers.user_key = users.user_key
