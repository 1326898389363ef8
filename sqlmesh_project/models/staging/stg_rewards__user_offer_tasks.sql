MODEL (
  name staging.stg_rewards__user_offer_tasks,
  kind VIEW,
  grain (user_offer_id, task_id),
  description 'One row per task of an assignment, with the coins that this user was promised.',
  tags (
    rewards
  ),
  audits (
    not_null(columns := (user_offer_id, task_id)),
    unique_combination_of_columns(columns := (user_offer_id, task_id))
  )
);

WITH user_offer_tasks AS (
  SELECT
    *
  FROM raw.rewards__user_offer_tasks
), deduplicated AS (
  SELECT
    *
  FROM user_offer_tasks
  QUALIFY
    @first_loaded(user_offer_id, task_id)
)
SELECT
  user_offer_id, /* Assignment of the task. */
  task_id, /* Task that was shown. */
  offer_task_version_id, /* Task in the version that was shown. */
  shown_at, /* When the user first saw the task (UTC). */
  reward_coins AS promised_coins, /* Coins that the user was promised for one completion. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
