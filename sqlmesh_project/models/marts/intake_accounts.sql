MODEL (
  name marts.intake_accounts,
  kind FULL,
  grain user_key,
  references company_key,
  description 'One row per member account: whether and when it reached its first care project.',
  tags (
    intake
  ),
  audits (
    contract_errors(`of` := marts.intake_accounts),
    keeps_rows(
      source := core.users,
      id := user_key,
      theirs_where := record_source = 'intake' AND has_profile AND NOT is_staff AND NOT is_bot
    )
  )
);

WITH users AS (
  SELECT
    *
  FROM core.users
  WHERE
    record_source = 'intake' AND has_profile AND NOT is_staff AND NOT is_bot
), companies AS (
  SELECT
    *
  FROM core.companies
  WHERE
    record_source = 'intake'
), entries AS (
  SELECT
    *
  FROM core.funnel_entries
  WHERE
    funnel_name = 'intake'
)
SELECT
  users.user_key, /* Account. */
  users.company_key, /* Client of the account. */
  users.signed_up_at, /* When the account was created (UTC). */
  entries.converted_at AS first_project_at, /* When the first care project was created within the window (UTC). */
  DATE_TRUNC(DATE(users.signed_up_at), MONTH) AS signup_month_on, /* First day of the month of the sign-up. */
  companies.company_name AS client_name, /* Name of the client. */
  companies.industry AS client_industry, /* Industry of the client. */
  users.country, /* Country of the account. */
  entries.reached_step_name, /* Furthest step of the intake; NULL for an account that never entered it. */
  1::INT64 AS account_count, /* 1 in every row, to be summed. */
  COALESCE(entries.converted_count, 0) AS project_count, /* 1 if a first care project was reached, else 0. */
  entries.seconds_to_convert, /* Seconds from entering the intake to the first care project. */
  COALESCE(entries.is_converted, FALSE) AS has_project, /* Whether a first care project was reached. */
  COALESCE(users.is_eligibility_verified, FALSE) AS is_eligibility_verified, /* Whether the member was found eligible. */
  COALESCE(entries.is_window_complete, FALSE) AS is_window_complete /* Whether the data covers the whole conversion window. */
FROM users
LEFT JOIN entries
  ON users.user_key = entries.user_key
LEFT JOIN companies
  ON users.company_key = companies.company_key
