MODEL (
  name core.users,
  kind FULL,
  grain user_key,
  references company_key,
  description 'One row per user of a source: the profile where there is one, else what the first event tells.',
  tags (
    users
  ),
  audits (
    not_null(columns := (user_key, user_id, record_source)),
    unique_values(columns := (
      user_key
    ))
  )
);

WITH web_users AS (
  SELECT
    *
  FROM staging.stg_web_funnel__users
), events AS (
  SELECT
    *
  FROM core.events
  WHERE
    NOT user_key IS NULL
), profiles AS (
  SELECT
    CONCAT('web_funnel:', user_id) AS user_key,
    user_id,
    'web_funnel' AS record_source,
    visited_on::TIMESTAMP AS signed_up_at,
    channel,
    'web' AS platform,
    device_type,
    sex
  FROM web_users
), first_events AS (
  SELECT
    *
  FROM events
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY user_key ORDER BY occurred_at, event_id) = 1
), activity AS (
  SELECT
    user_key,
    MAX(occurred_at) AS last_seen_at,
    COUNT(*) AS event_count
  FROM events
  GROUP BY
    user_key
), seen AS (
  SELECT
    first_events.user_key,
    first_events.user_id,
    first_events.record_source,
    first_events.company_key,
    first_events.occurred_at AS first_seen_at,
    first_events.platform,
    first_events.device_type,
    first_events.country,
    activity.last_seen_at,
    activity.event_count
  FROM first_events
  INNER JOIN activity
    ON first_events.user_key = activity.user_key
)
SELECT
  COALESCE(profiles.user_key, seen.user_key) AS user_key, /* Source and id of the user. */
  COALESCE(profiles.user_id, seen.user_id) AS user_id, /* Id of the user within the source. */
  seen.company_key, /* Company of the user. */
  profiles.signed_up_at, /* When the account was created, or the visit began (UTC). */
  seen.first_seen_at, /* First event of the user (UTC). */
  seen.last_seen_at, /* Latest event of the user (UTC). */
  COALESCE(profiles.record_source, seen.record_source) AS record_source, /* Source that knows the user. */
  profiles.channel, /* Channel that brought the user. */
  COALESCE(profiles.platform, seen.platform) AS platform, /* Platform of the profile, else of the first event. */
  COALESCE(profiles.device_type, seen.device_type) AS device_type, /* Device of the profile, else of the first event. */
  seen.country, /* ISO code of the user's country. */
  profiles.sex, /* female, male; NULL where the source does not say. */
  COALESCE(seen.event_count, 0) AS event_count, /* Rows of core.events of the user. */
  NOT profiles.user_key IS NULL AS has_profile /* Whether the source describes the user. */
FROM profiles
FULL JOIN seen
  ON profiles.user_key = seen.user_key
