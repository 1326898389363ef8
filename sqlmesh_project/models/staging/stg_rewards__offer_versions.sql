MODEL (
  name staging.stg_rewards__offer_versions,
  kind VIEW,
  grain offer_version_id,
  description 'One row per version of an offer; a version is never edited.',
  tags (
    rewards
  ),
  audits (
    not_null(columns := (offer_version_id, offer_id, published_at)),
    unique_values(columns := (
      offer_version_id
    ))
  )
);

WITH offer_versions AS (
  SELECT
    *
  FROM raw.rewards__offer_versions
), deduplicated AS (
  SELECT
    *
  FROM offer_versions
  QUALIFY
    @first_loaded(offer_version_id)
)
SELECT
  offer_version_id, /* Id of the version. */
  offer_id, /* Offer of the version. */
  published_at, /* When the version came into force (UTC). */
  version AS version_number, /* Number of the version within the offer, from 1. */
  title, /* Title that users see. */
  published_by, /* Employee who published it. */
  change_note, /* Why it was published. */
  payout_usd, /* What the advertiser pays once the offer is complete. */
  reward_coins, /* Bonus for completing the offer. */
  conversion_days, /* Days that a user has from start to completion. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
