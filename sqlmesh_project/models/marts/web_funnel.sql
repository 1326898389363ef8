MODEL (
  name marts.web_funnel,
  kind FULL,
  grain visit_step_key,
  references (user_key, entry_key),
  description 'One row per visit of the site and step of its funnel: whether the page was seen at all, and whether the steps before it were.',
  tags (
    web_funnel
  ),
  audits (
    contract_errors(`of` := marts.web_funnel),
    reconciles(
      ours := visited_count,
      source := core.events,
      theirs := 1,
      theirs_where := record_source = 'web_funnel'
      AND event_name IN (
        SELECT
          step_name
        FROM @declared_steps('web_funnel')
      )
    )
  )
);

WITH funnel_steps AS (
  SELECT
    *
  FROM core.funnel_steps
  WHERE
    funnel_name = 'web_funnel'
), users AS (
  SELECT
    *
  FROM core.users
  WHERE
    record_source = 'web_funnel'
), events AS (
  SELECT
    *
  FROM core.events
  WHERE
    record_source = 'web_funnel'
), steps AS (
  /* As declared: those of the entries would be none where nobody saw the first page. */
  SELECT
    step_number,
    step_name
  FROM @declared_steps('web_funnel')
), page_views AS (
  SELECT
    user_key,
    event_name,
    SUM(estimated_count) AS view_count
  FROM events
  GROUP BY
    user_key,
    event_name
)
SELECT
  CONCAT(users.user_key, ':', steps.step_name) AS visit_step_key, /* Visit and step. */
  users.user_key, /* User of the visit. */
  funnel_steps.entry_key, /* Entry of core.funnel_entries; NULL when the first page was never seen. */
  DATE(users.signed_up_at) AS visited_on, /* Day of the visit. */
  DATE_TRUNC(DATE(users.signed_up_at), MONTH) AS visited_month_on, /* First day of the month of the visit. */
  users.channel, /* Channel that brought the user. */
  users.device_type, /* desktop, mobile. */
  users.sex, /* female, male. */
  steps.step_number, /* Number of the step, from 1. */
  steps.step_name, /* Page of the step. */
  CAST(NOT page_views.user_key IS NULL AS INT64) AS visited_count, /* 1 if the page was seen in whatever order, else 0: the independent count of the step. */
  COALESCE(funnel_steps.reached_count, 0) AS reached_count, /* 1 if the page and all pages before it were seen, else 0: the nested count of the step. */
  COALESCE(funnel_steps.next_reached_count, 0) AS next_reached_count, /* 1 if the next page was reached too, else 0. */
  COALESCE(page_views.view_count, 0) AS view_count, /* Estimated number of views of the page. */
  NOT page_views.user_key IS NULL AS is_visited, /* Whether the page was seen in whatever order. */
  COALESCE(funnel_steps.is_reached, FALSE) AS is_reached /* Whether the page and all pages before it were seen. */
FROM users
CROSS JOIN steps
LEFT JOIN funnel_steps
  ON users.user_key = funnel_steps.user_key
  AND steps.step_number = funnel_steps.step_number
LEFT JOIN page_views
  ON users.user_key = page_views.user_key AND steps.step_name = page_views.event_name
