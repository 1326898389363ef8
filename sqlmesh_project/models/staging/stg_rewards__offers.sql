MODEL (
  name staging.stg_rewards__offers,
  kind VIEW,
  grain offer_id,
  description 'One row per offer: what never changes of it, and whether it still runs.',
  tags (
    rewards
  ),
  audits (not_null(columns := (
      offer_id
    )), unique_values(columns := (
      offer_id
  )))
);

WITH offers AS (
  SELECT
    *
  FROM raw.rewards__offers
), deduplicated AS (
  SELECT
    *
  FROM offers
  QUALIFY
    @first_loaded(offer_id)
)
SELECT
  offer_id, /* Id of the offer. */
  created_at, /* When the offer was created (UTC). */
  retired_at, /* When the offer was taken down (UTC); NULL while it runs. */
  advertiser, /* Who pays for the offer. */
  LOWER(category) AS category, /* game, survey, shopping, finance. */
  LOWER(platform) AS platform, /* Platform on which the offer can be done. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
