MODEL (
  name core.user_devices,
  kind FULL,
  grain (user_key, device_id),
  references user_key,
  description 'One row per user and device that the user was seen on.',
  tags (
    rewards
  ),
  audits (
    contract_errors(`of` := core.user_devices),
    keeps_rows(source := raw.rewards__devices, id := CONCAT(user_id, ':', device_id))
  )
);

WITH devices AS (
  SELECT
    *
  FROM staging.stg_rewards__devices
)
SELECT
  CONCAT('rewards:', user_id) AS user_key, /* User of the device. */
  device_id, /* Fingerprint of the device. */
  first_seen_at, /* First visit of the user on the device (UTC). */
  last_seen_at, /* Latest visit of the user on the device (UTC). */
  platform, /* Platform of the device. */
  ip_address /* Address of the latest visit. */
FROM devices
