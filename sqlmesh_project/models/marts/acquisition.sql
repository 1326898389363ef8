MODEL (
  name marts.acquisition,
  kind FULL,
  grain (cohort_on, channel, campaign_id, country, platform, days_since_signup),
  description 'One row per cohort (day of sign-up, channel, campaign, country, platform) and day since sign-up: spend and sign-ups on day 0, revenue and cost on the day they arose.',
  tags (
    rewards
  ),
  columns (
    cohort_on DATE,
    channel STRING,
    campaign_id STRING,
    country STRING,
    platform STRING,
    days_since_signup INT64,
    days_observed INT64,
    spend_usd NUMERIC(38, 9),
    install_count INT64,
    signup_count INT64,
    activated_count INT64,
    revenue_usd NUMERIC(38, 9),
    chargeback_usd NUMERIC(38, 9),
    payout_usd NUMERIC(38, 9),
    margin_usd NUMERIC(38, 9)
  ),
  audits (
    contract_errors(`of` := marts.acquisition),
    reconciles(
      ours := signup_count,
      source := core.users,
      theirs := 1,
      theirs_where := record_source = 'rewards' AND NOT is_staff AND NOT signed_up_at IS NULL
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
          NOT is_staff AND NOT signed_up_at IS NULL
      )
    ),
    reconciles(
      ours := payout_usd,
      source := core.offer_progress,
      theirs := payout_usd,
      theirs_where := user_key IN (
        SELECT
          user_key
        FROM core.users
        WHERE
          NOT is_staff AND NOT signed_up_at IS NULL
      )
    ),
    reconciles(ours := spend_usd, source := core.acquisition_spend, theirs := spend_usd),
    reconciles(
      ours := revenue_usd,
      source := core.offer_progress,
      theirs := revenue_usd,
      theirs_where := user_key IN (
        SELECT
          user_key
        FROM core.users
        WHERE
          NOT is_staff AND NOT signed_up_at IS NULL
      )
    )
  )
);

WITH users AS (
  SELECT
    *
  FROM core.users
  WHERE
    record_source = 'rewards' AND NOT is_staff AND NOT signed_up_at IS NULL
), progress AS (
  SELECT
    *
  FROM core.offer_progress
), spend AS (
  SELECT
    *
  FROM core.acquisition_spend
), watermarks AS (
  SELECT
    *
  FROM core.watermarks
  WHERE
    record_source = 'rewards'
), cohorts AS (
  SELECT
    user_key,
    DATE(signed_up_at) AS cohort_on,
    COALESCE(channel, 'unknown') AS channel,
    COALESCE(campaign_id, 'unknown') AS campaign_id,
    COALESCE(country, 'unknown') AS country,
    COALESCE(platform, 'unknown') AS platform
  FROM users
), activated AS (
  SELECT DISTINCT
    user_key
  FROM progress
  WHERE
    kind = 'task_completed'
), signups AS (
  SELECT
    cohorts.cohort_on,
    cohorts.channel,
    cohorts.campaign_id,
    cohorts.country,
    cohorts.platform,
    0 AS days_since_signup,
    0 AS spend_usd,
    0 AS install_count,
    COUNT(*) AS signup_count,
    COUNT(activated.user_key) AS activated_count,
    0 AS revenue_usd,
    0 AS chargeback_usd,
    0 AS payout_usd
  FROM cohorts
  LEFT JOIN activated
    ON cohorts.user_key = activated.user_key
  GROUP BY
    cohorts.cohort_on,
    cohorts.channel,
    cohorts.campaign_id,
    cohorts.country,
    cohorts.platform
), earnings AS (
  /* What is recorded before the account was created counts for its first day. */
  SELECT
    cohorts.cohort_on,
    cohorts.channel,
    cohorts.campaign_id,
    cohorts.country,
    cohorts.platform,
    GREATEST(DATE_DIFF(DATE(progress.occurred_at), cohorts.cohort_on, DAY), 0) AS days_since_signup,
    0 AS spend_usd,
    0 AS install_count,
    0 AS signup_count,
    0 AS activated_count,
    SUM(progress.revenue_usd) AS revenue_usd,
    SUM(progress.chargeback_usd) AS chargeback_usd,
    SUM(progress.payout_usd) AS payout_usd
  FROM progress
  INNER JOIN cohorts
    ON progress.user_key = cohorts.user_key
  GROUP BY
    cohorts.cohort_on,
    cohorts.channel,
    cohorts.campaign_id,
    cohorts.country,
    cohorts.platform,
    days_since_signup
), spent AS (
  SELECT
    spent_on AS cohort_on,
    COALESCE(channel, 'unknown') AS channel,
    campaign_id,
    COALESCE(country, 'unknown') AS country,
    COALESCE(platform, 'unknown') AS platform,
    0 AS days_since_signup,
    SUM(spend_usd) AS spend_usd,
    SUM(install_count) AS install_count,
    0 AS signup_count,
    0 AS activated_count,
    0 AS revenue_usd,
    0 AS chargeback_usd,
    0 AS payout_usd
  FROM spend
  GROUP BY
    cohort_on,
    channel,
    campaign_id,
    country,
    platform
), unified AS (
  SELECT
    *
  FROM signups
  UNION ALL
  SELECT
    *
  FROM earnings
  UNION ALL
  SELECT
    *
  FROM spent
), covered AS (
  SELECT
    MAX(DATE(last_event_at)) AS covered_on
  FROM watermarks
)
SELECT
  cohort_on, /* Day of sign-up, and of the spend (UTC). */
  channel, /* Acquisition channel, or unknown. */
  campaign_id, /* Campaign, or unknown. */
  country, /* ISO code of the country at sign-up, or unknown. */
  platform, /* Platform at sign-up, or unknown. */
  days_since_signup, /* Days from the sign-up to the earnings. */
  DATE_DIFF(covered.covered_on, cohort_on, DAY) AS days_observed, /* Days from the sign-up to the latest event of the source: cohorts of fewer days than another still earn. */
  SUM(spend_usd) AS spend_usd, /* Money spent on the cohort; on day 0 only. */
  SUM(install_count) AS install_count, /* Installs that the network claims; on day 0 only. */
  SUM(signup_count) AS signup_count, /* Accounts created; on day 0 only. */
  SUM(activated_count) AS activated_count, /* Of these, accounts that ever completed a task; on day 0 only. */
  SUM(revenue_usd) AS revenue_usd, /* What advertisers owe for that day. */
  SUM(chargeback_usd) AS chargeback_usd, /* Of that, what they took back. */
  SUM(payout_usd) AS payout_usd, /* What the coins of that day cost. */
  SUM(revenue_usd) - SUM(chargeback_usd) - SUM(payout_usd) AS margin_usd /* Revenue less chargebacks and payout, before spend. */
FROM unified
CROSS JOIN covered
GROUP BY
  cohort_on,
  channel,
  campaign_id,
  country,
  platform,
  days_since_signup,
  covered.covered_on
