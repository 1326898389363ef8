MODEL (
  name staging.stg_consent__events,
  kind VIEW,
  grain event_id,
  description 'One row per event that a consent notice sent, typed and cleaned.',
  tags (
    consent
  ),
  audits (
    not_null(
      columns := (event_id, occurred_at, company_id, event_type),
      condition := @not_audited_before(
        staging.stg_consent__events,
        occurred_at,
        @EVAL(@lookback_days + @identity_window_days)
      )
    ),
    unique_values(
      columns := (
        event_id
      ),
      condition := @not_audited_before(
        staging.stg_consent__events,
        occurred_at,
        @EVAL(@lookback_days + @identity_window_days)
      )
    )
  )
);

WITH events AS (
  SELECT
    *
  FROM raw.consent__events
), deduplicated AS (
  /* The time is part of the key so that a run's filter on it reaches the scan; ids are unique since ingestion. */
  SELECT
    *
  FROM events
  QUALIFY
    @first_loaded(event_id, event_time)
)
SELECT
  event_id, /* Identifier that the notice gave to the event. */
  NULLIF(user_id, '') AS user_id, /* Pseudonym of the visitor; NULL in older exports. */
  apikey AS company_id, /* Public key of the company. */
  event_time AS occurred_at, /* When it happened (UTC). */
  window_start AS collected_at, /* Start of the hour in which it was collected (UTC). */
  type AS event_type, /* pageview, consent.asked, consent.given, ui.action. */
  NULLIF(consent, '') AS consent_status, /* Consent of the visitor at that moment. */
  sdk_type AS platform, /* Kit that sent the event. */
  LOWER(device_type) AS device_type, /* desktop, smartphone, tablet. */
  browser_family AS browser, /* Browser, or the name of the kit in apps. */
  domain, /* Site on which the notice was shown. */
  @clean_code(country) AS country, /* ISO code of the visitor's country. */
  @clean_code(region) AS region, /* Code of the visitor's region. */
  deployment_id, /* Deployment of the notice. */
  experiment, /* Experiment that was running. */
  @readable_json(parameters) AS properties, /* Details as JSON text. */
  COALESCE(NULLIF(ROUND(rate, 6), 0), rate, 1) AS sampling_rate, /* Share of such events that were sampled, without the noise of floats. */
  count AS stated_count, /* Number as the source states it. */
  rate IS NULL AS is_sampling_rate_missing, /* Whether the source gave no rate, so that 1 was taken. */
  _batch_id AS batch_id, /* Batch that loaded the row. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
