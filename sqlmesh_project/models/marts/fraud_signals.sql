MODEL (
  name marts.fraud_signals,
  kind FULL,
  grain user_key,
  description 'One row per user of the offerwall: the signals that the rules of the fraud review judge.',
  tags (rewards, fraud),
  columns (
    user_key STRING,
    signed_up_at TIMESTAMP,
    channel STRING,
    country STRING,
    accounts_on_device_count INT64,
    accounts_on_ip_count INT64,
    fast_completion_count INT64,
    completion_count INT64,
    chargeback_count INT64,
    unstarted_completion_count INT64,
    coin_count INT64,
    revenue_usd NUMERIC(38, 9),
    chargeback_usd NUMERIC(38, 9)
  ),
  audits (
    contract_errors(`of` := marts.fraud_signals),
    keeps_rows(
      source := core.users,
      id := user_key,
      theirs_where := record_source = 'rewards' AND NOT is_staff
    ),
    reconciles(
      ours := chargeback_usd,
      source := core.offer_progress,
      theirs := chargeback_usd,
      theirs_where := user_key IN (
        SELECT
          user_key
        FROM core.users
        WHERE
          record_source = 'rewards' AND NOT is_staff
      )
    )
  )
);

WITH users AS (
  SELECT
    *
  FROM core.users
  WHERE
    record_source = 'rewards' AND NOT is_staff
), user_devices AS (
  SELECT
    *
  FROM core.user_devices
), completions AS (
  SELECT
    *
  FROM core.user_offer_tasks
), progress AS (
  SELECT
    *
  FROM core.offer_progress
), on_device AS (
  SELECT
    device_id,
    COUNT(DISTINCT user_key) AS account_count
  FROM user_devices
  GROUP BY
    device_id
), on_ip AS (
  SELECT
    ip_address,
    COUNT(DISTINCT user_key) AS account_count
  FROM user_devices
  WHERE
    NOT ip_address IS NULL
  GROUP BY
    ip_address
), shared AS (
  SELECT
    user_devices.user_key,
    MAX(on_device.account_count) AS accounts_on_device_count,
    MAX(on_ip.account_count) AS accounts_on_ip_count
  FROM user_devices
  INNER JOIN on_device
    ON user_devices.device_id = on_device.device_id
  LEFT JOIN on_ip
    ON user_devices.ip_address = on_ip.ip_address
  GROUP BY
    user_devices.user_key
), paced AS (
  /* The time that a task took: since the completion before it in the same offer, else since the start. */
  SELECT
    user_key,
    is_without_start,
    COALESCE(
      @seconds_between(
        LAG(occurred_at) OVER (PARTITION BY user_offer_key ORDER BY occurred_at, progress_id),
        occurred_at
      ),
      seconds_from_start
    ) AS seconds_taken
  FROM completions
), speed AS (
  SELECT
    user_key,
    COUNT(*) AS completion_count,
    COALESCE(COUNTIF(seconds_taken >= 0 AND seconds_taken < 15), 0) AS fast_completion_count,
    COALESCE(COUNTIF(is_without_start), 0) AS unstarted_completion_count
  FROM paced
  GROUP BY
    user_key
), money AS (
  SELECT
    user_key,
    COALESCE(COUNTIF(is_charged_back), 0) AS chargeback_count,
    SUM(coin_count) AS coin_count,
    SUM(revenue_usd) AS revenue_usd,
    SUM(chargeback_usd) AS chargeback_usd
  FROM progress
  GROUP BY
    user_key
)
SELECT
  users.user_key, /* User. */
  users.signed_up_at, /* When the account was created (UTC). */
  users.channel, /* Channel that brought the user. */
  users.country, /* ISO code of the user's country. */
  COALESCE(shared.accounts_on_device_count, 0) AS accounts_on_device_count, /* Most accounts seen on one of the user's devices, this one included. */
  COALESCE(shared.accounts_on_ip_count, 0) AS accounts_on_ip_count, /* Most accounts seen on one of the user's addresses, this one included. */
  COALESCE(speed.fast_completion_count, 0) AS fast_completion_count, /* Tasks completed in less than 15 seconds. */
  COALESCE(speed.completion_count, 0) AS completion_count, /* Completions of tasks. */
  COALESCE(money.chargeback_count, 0) AS chargeback_count, /* Facts that advertisers refused to pay. */
  COALESCE(speed.unstarted_completion_count, 0) AS unstarted_completion_count, /* Completions in offers without a recorded start. */
  COALESCE(money.coin_count, 0) AS coin_count, /* Coins that were credited. */
  COALESCE(money.revenue_usd, 0) AS revenue_usd, /* What advertisers owe. */
  COALESCE(money.chargeback_usd, 0) AS chargeback_usd /* Of that, what they took back. */
FROM users
LEFT JOIN shared
  ON users.user_key = shared.user_key
LEFT JOIN speed
  ON users.user_key = speed.user_key
LEFT JOIN money
  ON users.user_key = money.user_key
