MODEL (
  name core.offer_tasks,
  kind FULL,
  grain offer_task_version_id,
  references offer_version_id,
  description 'One row per task of a version of an offer (SCD type 2): what it promised, and from when to when.',
  tags (
    rewards
  ),
  audits (
    contract_errors(`of` := core.offer_tasks),
    keeps_rows(
      source := staging.stg_rewards__offer_tasks,
      id := offer_task_version_id,
      theirs_where := offer_version_id IN (
        SELECT
          offer_version_id
        FROM core.offers
      )
    )
  )
);

WITH tasks AS (
  SELECT
    *
  FROM staging.stg_rewards__offer_tasks
), offers AS (
  SELECT
    *
  FROM core.offers
)
SELECT
  tasks.offer_task_version_id, /* Id of the task in that version. */
  tasks.offer_version_id, /* Version of the offer. */
  tasks.offer_id, /* Id of the offer. */
  tasks.task_id, /* Id of the task, the same in all versions. */
  offers.valid_from, /* When the version came into force (UTC). */
  offers.valid_to, /* When it ended (UTC); NULL while it is in force. */
  tasks.position, /* Place of the task in the offer, from 1. */
  tasks.title, /* Title that users see. */
  tasks.reward_coins, /* Coins for completing the task once. */
  tasks.payout_usd, /* What the advertiser pays for one completion. */
  tasks.is_repeatable, /* Whether the task may be completed more than once. */
  tasks.is_required, /* Whether the offer is incomplete without it. */
  offers.is_current /* Whether the version is in force. */
FROM tasks
INNER JOIN offers
  ON tasks.offer_version_id = offers.offer_version_id
