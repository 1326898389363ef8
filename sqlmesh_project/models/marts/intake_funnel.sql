MODEL (
  name marts.intake_funnel,
  kind FULL,
  grain entry_step_key,
  references (entry_key, user_key, company_key),
  description 'One row per entry into a funnel of the intake and step: reached or not, by client, device, country and month.',
  tags (
    intake
  ),
  audits (
    contract_errors(`of` := marts.intake_funnel),
    keeps_rows(
      source := core.funnel_steps,
      id := entry_step_key,
      theirs_where := funnel_name IN ('intake', 'intake_ten_steps')
    )
  )
);

WITH funnel_steps AS (
  SELECT
    *
  FROM core.funnel_steps
  WHERE
    funnel_name IN ('intake', 'intake_ten_steps')
), users AS (
  SELECT
    *
  FROM core.users
  WHERE
    record_source = 'intake'
), companies AS (
  SELECT
    *
  FROM core.companies
  WHERE
    record_source = 'intake'
)
SELECT
  funnel_steps.entry_step_key, /* Entry and step. */
  funnel_steps.entry_key, /* Entry of core.funnel_entries. */
  funnel_steps.user_key, /* Account. */
  users.company_key, /* Client of the account. */
  funnel_steps.entered_at, /* When the account entered the funnel (UTC). */
  funnel_steps.reached_at, /* When it first reached the step (UTC). */
  DATE_TRUNC(funnel_steps.cohort_on, MONTH) AS cohort_month_on, /* First day of the month of the entry. */
  funnel_steps.funnel_name, /* intake (six steps) or intake_ten_steps. */
  funnel_steps.step_number, /* Number of the step, from 1. */
  funnel_steps.step_name, /* Name of the step. */
  companies.company_name AS client_name, /* Name of the client. */
  companies.industry AS client_industry, /* Industry of the client. */
  companies.eligibility_method, /* How the client verifies eligibility. */
  funnel_steps.device_type, /* Device of the entry. */
  funnel_steps.browser, /* Browser of the entry. */
  users.country, /* Country of the account. */
  funnel_steps.entry_count, /* 1 in every row: entries, seen from this step. */
  funnel_steps.reached_count, /* 1 if the step was reached, else 0. */
  funnel_steps.next_reached_count, /* 1 if the next step was reached too, else 0; NULL for the last step. */
  funnel_steps.seconds_from_previous, /* Seconds from first reaching the step before: the time that this step took. */
  funnel_steps.is_reached, /* Whether the step was reached. */
  funnel_steps.is_window_complete /* Whether the data covers the whole conversion window. */
FROM funnel_steps
LEFT JOIN users
  ON funnel_steps.user_key = users.user_key
LEFT JOIN companies
  ON users.company_key = companies.company_key
