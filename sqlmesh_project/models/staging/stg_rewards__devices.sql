MODEL (
  name staging.stg_rewards__devices,
  kind VIEW,
  grain (user_id, device_id),
  description 'One row per user and device that the user was seen on.',
  tags (
    rewards
  ),
  audits (
    not_null(columns := (user_id, device_id)),
    unique_combination_of_columns(columns := (user_id, device_id))
  )
);

WITH devices AS (
  SELECT
    *
  FROM raw.rewards__devices
), deduplicated AS (
  SELECT
    *
  FROM devices
  QUALIFY
    @first_loaded(user_id, device_id)
)
SELECT
  user_id, /* User of the device. */
  device_id, /* Fingerprint of the device. */
  first_seen_at, /* First visit of the user on the device (UTC). */
  updated_at AS last_seen_at, /* Latest visit of the user on the device (UTC). */
  LOWER(platform) AS platform, /* Platform of the device. */
  ip_address, /* Address of the latest visit. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
