MODEL (
  name marts.consent_events,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column occurred_at,
    lookback @EVAL(@lookback_days + @consent_window_days)
  ),
  grain event_key,
  references (company_key, user_key),
  description 'One row per event of a consent notice, with the profile of its company and the consent that it opened.',
  tags (
    consent
  ),
  signals (
    loaded(grace_hours := @source_grace_hours, patience_days := @source_patience_days)
  ),
  audits (
    contract_errors(`of` := marts.consent_events),
    keeps_rows(
      source := core.events,
      id := event_key,
      theirs_where := record_source = 'consent' AND @in_interval(occurred_at)
    )
  )
);

WITH events AS (
  SELECT
    *
  FROM core.events
  WHERE
    record_source = 'consent' AND @in_interval(occurred_at)
), consents AS (
  SELECT
    *
  FROM core.consents
  WHERE
    @in_interval(opened_at)
), companies AS (
  SELECT
    *
  FROM core.companies
  WHERE
    record_source = 'consent'
)
SELECT
  events.event_key, /* Source and id of the event. */
  events.company_key, /* Source and id of the company. */
  events.company_id, /* Public key of the company. */
  events.user_key, /* Visitor; NULL where the export has no user id. */
  events.occurred_at, /* When it happened (UTC). */
  consents.given_at, /* When the consent that the event opened was given (UTC). */
  companies.industry, /* Industry of the company as customers see it. */
  companies.industry_group, /* Industry of the company as the back office groups it. */
  companies.hq_country, /* Country of the company's head quarters, by name. */
  events.event_type, /* Kind of event. */
  consents.consent_status, /* Answer of the consent that the event opened; NULL if it opened none or got no answer. */
  events.consent_status AS event_consent_status, /* Consent of the visitor at the moment of the event. */
  events.country, /* ISO code of the visitor's country. */
  events.region, /* Region of the visitor. */
  events.platform, /* Kit that sent the event. */
  events.device_type, /* Device of the visitor. */
  events.browser, /* Browser of the visitor. */
  events.domain, /* Site that showed the notice. */
  events.observed_count, /* Events as observed in the sample. */
  events.estimated_count, /* Events as estimated for all visitors: observed / sampling rate. */
  COALESCE(consents.asked_count, 0) AS asked_count, /* Estimated number of questions that the event stands for. */
  COALESCE(consents.given_count, 0) AS given_count, /* Estimated number of answers to them, or of answers without a question. */
  consents.seconds_to_given, /* Seconds from question to answer, where both are known. */
  events.is_sampling_rate_missing, /* Whether the source gave no rate, so that 1 was taken. */
  COALESCE(consents.is_paired, FALSE) AS is_paired /* Whether question and answer are of the same visitor. */
FROM events
LEFT JOIN consents
  ON events.event_key = consents.consent_key
LEFT JOIN companies
  ON events.company_key = companies.company_key
