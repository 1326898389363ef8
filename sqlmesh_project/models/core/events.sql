MODEL (
  name core.events,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column occurred_at,
    lookback @EVAL(@lookback_days + @identity_window_days),
    forward_only TRUE
  ),
  grain event_key,
  references (user_key, company_key),
  description 'One row per tracked event of any source, in one shape, duplicates dropped and sampling undone.',
  tags (
    events
  ),
  clustered_by (record_source, event_type),
  signals (
    loaded(grace_hours := @source_grace_hours, patience_days := @source_patience_days)
  ),
  audits (
    contract_errors(`of` := core.events),
    keeps_rows(
      source := raw.consent__events,
      id := event_id,
      ours_where := record_source = 'consent',
      theirs_where := @in_interval(event_time)
    ),
    keeps_rows(
      source := raw.commerce__events,
      id := event_id,
      ours_where := record_source = 'commerce',
      theirs_where := @in_interval(event_time)
    ),
    keeps_rows(
      source := raw.intake__events,
      id := event_id,
      ours_where := record_source = 'intake',
      theirs_where := @in_interval(COALESCE(derived_tstamp, collector_tstamp))
    ),
    keeps_rows(
      source := raw.rewards__progress,
      id := progress_id,
      ours_where := record_source = 'rewards' AND NOT event_name IN ('shown', 'cash_out'),
      theirs_where := @in_interval(occurred_at)
    ),
    keeps_rows(
      source := raw.rewards__user_offers,
      id := user_offer_id,
      ours_where := record_source = 'rewards' AND event_name = 'shown',
      theirs_where := @in_interval(shown_at)
    ),
    keeps_rows(
      source := raw.rewards__cash_outs,
      id := cash_out_id,
      ours_where := record_source = 'rewards' AND event_name = 'cash_out',
      theirs_where := @in_interval(requested_at)
    ),
    keeps_rows(
      source := raw.web_funnel__pages,
      id := CONCAT(page, ':', user_id),
      ours_where := record_source = 'web_funnel',
      theirs_where := user_id IN (
        SELECT
          user_id
        FROM raw.web_funnel__users
        WHERE
          @in_interval(date::TIMESTAMP)
      )
    )
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
), intake_events AS (
  SELECT
    *
  FROM staging.stg_intake__events
  WHERE
    @in_interval(occurred_at, 0, @identity_window_days)
), members AS (
  SELECT
    *
  FROM staging.stg_intake__members
), rewards_users AS (
  SELECT
    *
  FROM staging.stg_rewards__users
), user_offers AS (
  SELECT
    *
  FROM staging.stg_rewards__user_offers
  WHERE
    @in_interval(shown_at)
), progress AS (
  SELECT
    *
  FROM staging.stg_rewards__progress
  WHERE
    @in_interval(occurred_at)
), cash_outs AS (
  SELECT
    *
  FROM staging.stg_rewards__cash_outs
  WHERE
    @in_interval(requested_at)
), shop_events AS (
  SELECT
    *
  FROM staging.stg_commerce__events
  WHERE
    @in_interval(occurred_at)
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
    FALSE AS is_staff,
    FALSE AS is_bot,
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
    FALSE AS is_staff,
    FALSE AS is_bot,
    web_pages.batch_id,
    web_pages.loaded_at
  FROM web_pages
  INNER JOIN web_users
    ON web_pages.user_id = web_users.user_id
), identified AS (
  /* An event without an account belongs to the account that its cookie shows next, if that is soon enough. */
  SELECT
    *,
    FIRST_VALUE(user_id IGNORE NULLS) OVER later AS next_user_id,
    FIRST_VALUE(CASE WHEN NOT user_id IS NULL THEN occurred_at END IGNORE NULLS) OVER later AS next_user_at
  FROM intake_events
  WINDOW later AS (
    PARTITION BY cookie_id
    ORDER BY occurred_at, event_id
    ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
  )
), attributed AS (
  SELECT
    *
    EXCEPT (user_id),
    CASE
      WHEN NOT user_id IS NULL
      THEN user_id
      WHEN NOT cookie_id IS NULL
      AND next_user_at <= TIMESTAMP_ADD(occurred_at, INTERVAL (
        @identity_window_days
      ) DAY)
      THEN next_user_id
      ELSE CONCAT('cookie:', cookie_id)
    END AS user_id
  FROM identified
  WHERE
    @in_interval(occurred_at)
), intake AS (
  SELECT
    'intake' AS record_source,
    attributed.event_id,
    attributed.user_id,
    members.client_id AS company_id,
    attributed.occurred_at,
    attributed.event_type,
    COALESCE(attributed.step_name, attributed.event_type) AS event_name,
    attributed.platform,
    attributed.device_type,
    attributed.browser,
    NULL::STRING AS domain,
    COALESCE(attributed.country, members.country) AS country,
    NULL::STRING AS region,
    NULL::STRING AS consent_status,
    attributed.properties,
    1.0 AS sampling_rate,
    1 AS stated_count,
    FALSE AS is_sampling_rate_missing,
    COALESCE(attributed.role = 'STAFF' OR members.role = 'STAFF', FALSE) AS is_staff,
    attributed.is_bot,
    attributed.batch_id,
    attributed.loaded_at
  FROM attributed
  LEFT JOIN members
    ON attributed.user_id = members.user_id
), offer_facts AS (
  SELECT
    CONCAT('shown:', user_offer_id) AS event_id,
    user_id,
    shown_at AS occurred_at,
    'shown' AS event_name,
    TO_JSON_STRING(STRUCT(offer_id AS offer_id, user_offer_id AS user_offer_id)) AS properties,
    batch_id,
    loaded_at
  FROM user_offers
  UNION ALL
  SELECT
    progress_id AS event_id,
    user_id,
    occurred_at,
    kind AS event_name,
    TO_JSON_STRING(
      STRUCT(
        offer_id AS offer_id,
        user_offer_id AS user_offer_id,
        task_id AS task_id,
        device_id AS device_id
      )
    ) AS properties,
    batch_id,
    loaded_at
  FROM progress
  UNION ALL
  SELECT
    CONCAT('cash_out:', cash_out_id) AS event_id,
    user_id,
    requested_at AS occurred_at,
    'cash_out' AS event_name,
    TO_JSON_STRING(STRUCT(cash_out_id AS cash_out_id, method AS method)) AS properties,
    batch_id,
    loaded_at
  FROM cash_outs
), rewards AS (
  SELECT
    'rewards' AS record_source,
    offer_facts.event_id,
    offer_facts.user_id,
    NULL::STRING AS company_id,
    offer_facts.occurred_at,
    'offer' AS event_type,
    offer_facts.event_name,
    rewards_users.platform,
    NULL::STRING AS device_type,
    NULL::STRING AS browser,
    NULL::STRING AS domain,
    rewards_users.country,
    NULL::STRING AS region,
    NULL::STRING AS consent_status,
    offer_facts.properties,
    1.0 AS sampling_rate,
    1 AS stated_count,
    FALSE AS is_sampling_rate_missing,
    COALESCE(rewards_users.is_staff, FALSE) AS is_staff,
    FALSE AS is_bot,
    offer_facts.batch_id,
    offer_facts.loaded_at
  FROM offer_facts
  LEFT JOIN rewards_users
    ON offer_facts.user_id = rewards_users.user_id
), commerce AS (
  SELECT
    'commerce' AS record_source,
    event_id,
    user_id,
    NULL::STRING AS company_id,
    occurred_at,
    event_type,
    event_type AS event_name,
    'web' AS platform,
    device_type,
    NULL::STRING AS browser,
    NULL::STRING AS domain,
    NULL::STRING AS country,
    region,
    NULL::STRING AS consent_status,
    TO_JSON_STRING(STRUCT(order_id AS order_id, page AS page)) AS properties,
    1.0 AS sampling_rate,
    1 AS stated_count,
    FALSE AS is_sampling_rate_missing,
    FALSE AS is_staff,
    FALSE AS is_bot,
    batch_id,
    loaded_at
  FROM shop_events
), unified AS (
  SELECT
    *
  FROM consent
  UNION ALL
  SELECT
    *
  FROM web_funnel
  UNION ALL
  SELECT
    *
  FROM intake
  UNION ALL
  SELECT
    *
  FROM rewards
  UNION ALL
  SELECT
    *
  FROM commerce
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
  is_staff, /* Whether the user belongs to the staff of the source. */
  is_bot, /* Whether the browser calls itself a robot. */
  batch_id, /* Batch that loaded the row. */
  loaded_at /* When the row was loaded (UTC). */
FROM counted
@ORDER_BY(@has_no_partitions())
  occurred_at
