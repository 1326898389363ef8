MODEL (
  name staging.stg_intake__events,
  kind VIEW,
  grain event_id,
  description 'One row per event of the care platform, with the funnel event and the user taken out of their contexts.',
  tags (
    intake
  ),
  audits (
    not_null(
      columns := (event_id, occurred_at, event_type),
      condition := @not_audited_before(
        staging.stg_intake__events,
        occurred_at,
        @EVAL(@lookback_days + @identity_window_days)
      )
    ),
    unique_values(
      columns := (
        event_id
      ),
      condition := @not_audited_before(
        staging.stg_intake__events,
        occurred_at,
        @EVAL(@lookback_days + @identity_window_days)
      )
    )
  )
);

WITH events AS (
  SELECT
    *
  FROM raw.intake__events
), deduplicated AS (
  /* The time is part of the key so that a run's filter on it reaches the scan; ids are unique since ingestion. */
  SELECT
    *
  FROM events
  QUALIFY
    @first_loaded(event_id, collector_tstamp, derived_tstamp)
)
SELECT
  event_id, /* Id that the tracker gave to the event. */
  COALESCE(NULLIF(@json_text(contexts_user, 'user_id'), ''), NULLIF(user_id, '')) AS user_id, /* Account; NULL until the user has signed in. */
  NULLIF(domain_userid, '') AS cookie_id, /* Cookie of the browser. */
  COALESCE(derived_tstamp, collector_tstamp) AS occurred_at, /* When it happened, corrected for the device's clock (UTC). */
  collector_tstamp AS collected_at, /* When the collector received it (UTC). */
  event_name AS event_type, /* page_view, funnel. */
  @json_text(contexts_funnel, 'funnel_name') AS funnel_name, /* Funnel of a funnel event. */
  @json_text(contexts_funnel, 'step_name') AS step_name, /* Step of a funnel event. */
  @json_text(contexts_funnel, 'step_action') AS step_action, /* What was done at the step, in older versions of the event. */
  @json_text(contexts_funnel, 'failure_reason') AS failure_reason, /* Why the step failed, in older versions of the event. */
  contexts_funnel_version AS funnel_version, /* Version of the funnel event's schema. */
  @json_text(contexts_user, 'role') AS role, /* MEMBER or STAFF, as the tracker knew it. */
  platform, /* web, mob, srv. */
  LOWER(dvce_type) AS device_type, /* computer, mobile, tablet. */
  br_family AS browser, /* Browser. */
  page_urlpath AS page, /* Path of the page. */
  @clean_code(geo_country) AS country, /* ISO code of the country, from the address. */
  @readable_json(contexts_funnel) AS properties, /* Funnel event as JSON text. */
  REGEXP_CONTAINS(LOWER(COALESCE(useragent, '')), 'bot|crawl|spider|headless') AS is_bot, /* Whether the browser calls itself a robot. */
  _batch_id AS batch_id, /* Batch that loaded the row. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
