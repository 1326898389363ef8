MODEL (
  name staging.stg_rewards__offer_tasks,
  kind VIEW,
  grain offer_task_version_id,
  description 'One row per task of a version of an offer.',
  tags (
    rewards
  ),
  audits (
    not_null(columns := (offer_task_version_id, offer_version_id, task_id)),
    unique_values(columns := (
      offer_task_version_id
    ))
  )
);

WITH offer_tasks AS (
  SELECT
    *
  FROM raw.rewards__offer_tasks
), deduplicated AS (
  SELECT
    *
  FROM offer_tasks
  QUALIFY
    @first_loaded(offer_task_version_id)
)
SELECT
  offer_task_version_id, /* Id of the task in that version. */
  offer_version_id, /* Version of the offer. */
  offer_id, /* Offer of the task. */
  task_id, /* Id of the task, the same in all versions. */
  position, /* Place of the task in the offer, from 1. */
  title, /* Title that users see. */
  reward_coins, /* Coins for completing the task once. */
  payout_usd, /* What the advertiser pays for one completion. */
  is_repeatable, /* Whether the task may be completed more than once. */
  is_required, /* Whether the offer is incomplete without it. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
