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
    contract_errors(`of` := core.users)
  )
);

WITH web_users AS (
  SELECT
    *
  FROM staging.stg_web_funnel__users
), members AS (
  SELECT
    *
  FROM staging.stg_intake__members
), rewards_users AS (
  SELECT
    *
  FROM staging.stg_rewards__users
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
    NULL::STRING AS company_key,
    visited_on::TIMESTAMP AS signed_up_at,
    channel,
    NULL::STRING AS campaign_id,
    'web' AS platform,
    device_type,
    NULL::STRING AS country,
    sex,
    NULL::STRING AS role,
    NULL::STRING AS timezone,
    FALSE AS is_staff,
    NULL::BOOL AS is_eligibility_verified
  FROM web_users
  UNION ALL
  SELECT
    CONCAT('intake:', user_id) AS user_key,
    user_id,
    'intake' AS record_source,
    CONCAT('intake:', client_id) AS company_key,
    signed_up_at,
    NULL::STRING AS channel,
    NULL::STRING AS campaign_id,
    NULL::STRING AS platform,
    NULL::STRING AS device_type,
    country,
    NULL::STRING AS sex,
    role,
    timezone,
    role = 'STAFF' AS is_staff,
    is_eligibility_verified
  FROM members
  UNION ALL
  SELECT
    CONCAT('rewards:', user_id) AS user_key,
    user_id,
    'rewards' AS record_source,
    NULL::STRING AS company_key,
    signed_up_at,
    channel,
    campaign_id,
    platform,
    NULL::STRING AS device_type,
    country,
    NULL::STRING AS sex,
    NULL::STRING AS role,
    timezone,
    is_staff,
    NULL::BOOL AS is_eligibility_verified
  FROM rewards_users
), activity AS (
  SELECT
    user_key,
    MIN(occurred_at) AS first_seen_at,
    MAX(occurred_at) AS last_seen_at,
    COUNT(*) AS event_count,
    LOGICAL_OR(is_staff) AS is_staff,
    LOGICAL_OR(is_bot) AS is_bot
  FROM events
  GROUP BY
    user_key
), first_events AS (
  /* Found by its time, which is cheap to compare; only events of one microsecond are told apart by their ids. */
  SELECT
    events.user_key,
    events.user_id,
    events.record_source,
    events.company_key,
    events.platform,
    events.device_type,
    events.country
  FROM events
  INNER JOIN activity
    ON events.user_key = activity.user_key
    AND events.occurred_at = activity.first_seen_at
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY events.user_key ORDER BY events.event_id) = 1
), seen AS (
  SELECT
    first_events.*,
    activity.first_seen_at,
    activity.last_seen_at,
    activity.event_count,
    activity.is_staff,
    activity.is_bot
  FROM first_events
  INNER JOIN activity
    ON first_events.user_key = activity.user_key
)
SELECT
  COALESCE(profiles.user_key, seen.user_key) AS user_key, /* Source and id of the user. */
  COALESCE(profiles.user_id, seen.user_id) AS user_id, /* Id of the user within the source. */
  COALESCE(profiles.company_key, seen.company_key) AS company_key, /* Company or client of the user. */
  profiles.campaign_id, /* Campaign that is credited with the sign-up. */
  profiles.signed_up_at, /* When the account was created, or the visit began (UTC). */
  seen.first_seen_at, /* First event of the user (UTC). */
  seen.last_seen_at, /* Latest event of the user (UTC). */
  COALESCE(profiles.record_source, seen.record_source) AS record_source, /* Source that knows the user. */
  profiles.channel, /* Channel that brought the user. */
  COALESCE(profiles.platform, seen.platform) AS platform, /* Platform of the profile, else of the first event. */
  COALESCE(profiles.device_type, seen.device_type) AS device_type, /* Device of the profile, else of the first event. */
  COALESCE(profiles.country, seen.country) AS country, /* ISO code of the country of the profile, else of the first event. */
  profiles.sex, /* female, male; NULL where the source does not say. */
  profiles.role, /* MEMBER or STAFF; NULL where the source does not say. */
  profiles.timezone, /* IANA name of the user's time zone. */
  COALESCE(seen.event_count, 0) AS event_count, /* Rows of core.events of the user. */
  COALESCE(profiles.is_staff, FALSE) OR COALESCE(seen.is_staff, FALSE) AS is_staff, /* Whether the user belongs to the staff of the source, as the profile or any event says. */
  COALESCE(seen.is_bot, FALSE) AS is_bot, /* Whether any event of the user came from a robot. */
  profiles.is_eligibility_verified, /* Whether the user was found eligible; NULL where that is not asked. */
  NOT profiles.user_key IS NULL AS has_profile /* Whether the source describes the user. */
FROM profiles
FULL JOIN seen
  ON profiles.user_key = seen.user_key
