MODEL (
  name marts.acquisition_payback,
  kind FULL,
  grain (cohort_month_on, channel),
  description 'One row per month of sign-up and channel: when the margin of the cohort had paid back what it cost to win it.',
  tags (
    rewards
  ),
  columns (
    cohort_month_on DATE,
    channel STRING,
    spend_usd NUMERIC(38, 9),
    signup_count INT64,
    activated_count INT64,
    margin_usd NUMERIC(38, 9),
    payback_days INT64,
    is_paid_back BOOL
  ),
  audits (
    contract_errors(`of` := marts.acquisition_payback),
    reconciles(ours := signup_count, source := marts.acquisition, theirs := signup_count),
    reconciles(ours := margin_usd, source := marts.acquisition, theirs := margin_usd),
    reconciles(ours := spend_usd, source := marts.acquisition, theirs := spend_usd)
  )
);

WITH acquisition AS (
  SELECT
    *
  FROM marts.acquisition
), daily AS (
  SELECT
    DATE_TRUNC(cohort_on, MONTH) AS cohort_month_on,
    channel,
    days_since_signup,
    SUM(spend_usd) AS spend_usd,
    SUM(signup_count) AS signup_count,
    SUM(activated_count) AS activated_count,
    SUM(margin_usd) AS margin_usd
  FROM acquisition
  GROUP BY
    cohort_month_on,
    channel,
    days_since_signup
), accumulated AS (
  SELECT
    *,
    SUM(margin_usd) OVER (PARTITION BY cohort_month_on, channel ORDER BY days_since_signup) AS margin_so_far_usd,
    SUM(spend_usd) OVER (PARTITION BY cohort_month_on, channel) AS cohort_spend_usd
  FROM daily
)
SELECT
  cohort_month_on, /* First day of the month of sign-up. */
  channel, /* Acquisition channel, or unknown. */
  SUM(spend_usd) AS spend_usd, /* Money spent on the cohort. */
  SUM(signup_count) AS signup_count, /* Accounts created. */
  SUM(activated_count) AS activated_count, /* Of these, accounts that ever completed a task. */
  SUM(margin_usd) AS margin_usd, /* Margin of the cohort until now. */
  MIN(CASE WHEN margin_so_far_usd >= cohort_spend_usd THEN days_since_signup END) AS payback_days, /* First day since sign-up on which the margin covered the spend; NULL while it does not. */
  COALESCE(LOGICAL_OR(margin_so_far_usd >= cohort_spend_usd), FALSE) AS is_paid_back /* Whether the margin ever covered the spend. */
FROM accumulated
GROUP BY
  cohort_month_on,
  channel
