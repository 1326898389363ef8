MODEL (
  name staging.stg_web_funnel__users,
  kind VIEW,
  grain user_id,
  description 'One row per user of the site.',
  tags (
    web_funnel
  ),
  audits (
    not_null(columns := (user_id, visited_on)),
    unique_values(columns := (
      user_id
    ))
  )
);

WITH users AS (
  SELECT
    *
  FROM raw.web_funnel__users
), deduplicated AS (
  SELECT
    *
  FROM users
  QUALIFY
    @first_loaded(user_id)
)
SELECT
  user_id, /* Identifier of the user. */
  date AS visited_on, /* Day of the visit. */
  LOWER(device) AS device_type, /* desktop, mobile. */
  LOWER(sex) AS sex, /* female, male. */
  LOWER(channel) AS channel, /* Where the user came from. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
