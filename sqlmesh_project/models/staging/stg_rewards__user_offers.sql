MODEL (
  name staging.stg_rewards__user_offers,
  kind VIEW,
  grain user_offer_id,
  description 'One row per assignment: an offer in the very version that a user was first shown.',
  tags (
    rewards
  ),
  audits (
    not_null(columns := (user_offer_id, user_id, offer_id, shown_at)),
    unique_values(columns := (
      user_offer_id
    ))
  )
);

WITH user_offers AS (
  SELECT
    *
  FROM raw.rewards__user_offers
), deduplicated AS (
  /* The time is part of the key so that a run's filter on it reaches the scan; ids are unique since ingestion. */
  SELECT
    *
  FROM user_offers
  QUALIFY
    @first_loaded(user_offer_id, shown_at)
)
SELECT
  user_offer_id, /* Id of the assignment. */
  user_id, /* User who was shown the offer. */
  offer_id, /* Offer that was shown. */
  offer_version_id, /* Version that was shown. */
  shown_at, /* When the user first saw the offer (UTC). */
  variant, /* Personalisation that the user was given. */
  coin_multiplier, /* Factor on the version's coins for this user. */
  _batch_id AS batch_id, /* Batch that loaded the row. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
