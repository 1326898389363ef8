MODEL (
  name staging.stg_rewards__chargebacks,
  kind VIEW,
  grain chargeback_id,
  description 'One row per completion that an advertiser refused to pay in the end.',
  tags (
    rewards
  ),
  audits (
    not_null(columns := (chargeback_id, progress_id, user_id)),
    unique_values(columns := (
      chargeback_id
    ))
  )
);

WITH chargebacks AS (
  SELECT
    *
  FROM raw.rewards__chargebacks
), deduplicated AS (
  SELECT
    *
  FROM chargebacks
  QUALIFY
    @first_loaded(chargeback_id)
)
SELECT
  chargeback_id, /* Id of the chargeback. */
  progress_id, /* Fact that is charged back. */
  user_id, /* User of the fact. */
  offer_id, /* Offer of the fact. */
  charged_back_at, /* When it was charged back (UTC). */
  reason, /* Reason that the advertiser gave. */
  amount_usd, /* Revenue that is taken back. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
