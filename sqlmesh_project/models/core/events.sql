MODEL (
  name core.events,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column occurred_at,
    lookback @lookback_days
  ),
  grain event_key,
  references (user_key, company_key),
  description 'One row per tracked event of any source, in one shape, duplicates dropped and sampling undone.',
  tags (
    events
  ),
  clustered_by (record_source, event_type),
  audits (
    not_null(columns := (event_key, record_source, occurred_at, event_type, estimated_count)),
    unique_values(columns := (
      event_key
    )),
    accepted_range(column := sampling_rate, min_v := 0, inclusive := FALSE),
    accepted_range(column := estimated_count, min_v := 0)
  )
);

WITH sources AS (
  SELECT
    *
  FROM core.sources
), consent_events AS (
  SELECT
    *
  FROM staging.stg_consent__events
  WHERE
    @in_interval(occurred_at)
), web_users AS (
  SELECT
    *
  FROM staging.stg_web_funnel__users
  WHERE
    @in_interval(visited_on::TIMESTAMP)
), web_pages AS (
  SELECT
    *
  FROM staging.stg_web_funnel__pages
), consent AS (
  SELECT
    'consent' AS record_source,
    event_id,
    user_id,
    company_id,
    occurred_at,
    event_type,
    event_type AS event_name,
    platform,
    device_type,
    browser,
    domain,
    country,
    region,
    consent_status,
    properties,
    sampling_rate,
    stated_count,
    is_sampling_rate_missing,
    batch_id,
    loaded_at
  FROM consent_events
), web_funnel AS (
  /* The source knows the day of the visit only: all its pages happen at the start of that day. */
  SELECT
    'web_funnel' AS record_source,
    web_pages.event_id,
    web_pages.user_id,
    NULL::STRING AS company_id,
    web_users.visited_on::TIMESTAMP AS occurred_at,
    'page_view' AS event_type,
    web_pages.page AS event_name,
    'web' AS platform,
    web_users.device_type,
    NULL::STRING AS browser,
    NULL::STRING AS domain,
    NULL::STRING AS country,
    NULL::STRING AS region,
    NULL::STRING AS consent_status,
    NULL::STRING AS properties,
    1.0 AS sampling_rate,
    1 AS stated_count,
    FALSE AS is_sampling_rate_missing,
    web_pages.batch_id,
    web_pages.loaded_at
  FROM web_pages
  INNER JOIN web_users
    ON web_pages.user_id = web_users.user_id
), unified AS (
  SELECT
    *
  FROM consent
  UNION ALL
  SELECT
    *
  FROM web_funnel
), counted AS (
  /* An extrapolated count was divided by the rate already: doing it again would count 1 / rate squared. */
  SELECT
    unified.*,
    CASE
      WHEN sources.count_is = 'extrapolated'
      THEN stated_count * sampling_rate
      ELSE stated_count::FLOAT64
    END AS observed_count,
    CASE
      WHEN sources.count_is = 'extrapolated'
      THEN stated_count::FLOAT64
      ELSE SAFE_DIVIDE(stated_count, sampling_rate)
    END AS estimated_count
  FROM unified
  INNER JOIN sources
    ON unified.record_source = sources.record_source
)
SELECT
  CONCAT(record_source, ':', event_id) AS event_key, /* Source and id of the event. */
  event_id, /* Id of the event within its source. */
  CONCAT(record_source, ':', user_id) AS user_key, /* User of the event; NULL for anonymous events. */
  user_id, /* Id of the user within the source. */
  CONCAT(record_source, ':', company_id) AS company_key, /* Company that the event belongs to. */
  company_id, /* Id of the company within the source. */
  occurred_at, /* When it happened (UTC). */
  record_source, /* Source of the event. */
  event_type, /* Kind of event. */
  event_name, /* What exactly happened: a page, a step, a kind. */
  platform, /* Platform or kit that sent the event. */
  device_type, /* desktop, smartphone, tablet, mobile. */
  browser, /* Browser. */
  domain, /* Site. */
  country, /* ISO code of the user's country. */
  region, /* Region within the country. */
  consent_status, /* Consent of the visitor at that moment, in events of consent notices. */
  properties, /* What else the source says, as JSON text. */
  sampling_rate, /* Share of such events that were sampled. */
  observed_count, /* Events that the row stands for in the sample. */
  estimated_count, /* Events that the row stands for in reality: observed / sampling rate. */
  is_sampling_rate_missing, /* Whether the source gave no rate, so that 1 was taken. */
  batch_id, /* Batch that loaded the row. */
  loaded_at /* When the row was loaded (UTC). */
FROM counted
