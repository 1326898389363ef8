MODEL (
  name staging.stg_rewards__users,
  kind VIEW,
  grain user_id,
  description 'One row per user of the offerwall, in its present state.',
  tags (
    rewards
  ),
  audits (
    not_null(columns := (user_id, signed_up_at)),
    unique_values(columns := (
      user_id
    ))
  )
);

WITH users AS (
  SELECT
    *
  FROM raw.rewards__users
), deduplicated AS (
  SELECT
    *
  FROM users
  QUALIFY
    @first_loaded(user_id)
)
SELECT
  user_id, /* Id of the user. */
  campaign_id, /* Campaign that is credited with the sign-up. */
  signed_up_at, /* When the account was created (UTC). */
  @clean_code(country) AS country, /* ISO code of the country at sign-up. */
  LOWER(platform) AS platform, /* Platform at sign-up. */
  LOWER(channel) AS channel, /* Acquisition channel; NULL when it is not known. */
  timezone, /* IANA name of the user's time zone. */
  is_staff, /* Whether the account belongs to an employee. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
