MODEL (
  name marts.consent_by_company,
  kind FULL,
  grain (
    company_key,
    occurred_on,
    event_type,
    consent_status,
    country,
    platform,
    device_type
  ),
  references company_key,
  description 'One row per company, day, kind of event, consent status, country, platform and device, with the profile of the company.',
  tags (
    consent
  ),
  audits (
    contract_errors(`of` := marts.consent_by_company),
    reconciles(
      ours := event_count,
      source := core.events,
      theirs := 1,
      theirs_where := record_source = 'consent'
    )
  )
);

WITH events AS (
  SELECT
    *
  FROM core.events
  WHERE
    record_source = 'consent'
), companies AS (
  SELECT
    *
  FROM core.companies
  WHERE
    record_source = 'consent'
), counted AS (
  SELECT
    company_key,
    DATE(occurred_at) AS occurred_on,
    event_type,
    COALESCE(consent_status, 'unknown') AS consent_status,
    COALESCE(country, 'unknown') AS country,
    COALESCE(platform, 'unknown') AS platform,
    COALESCE(device_type, 'unknown') AS device_type,
    COUNT(*) AS event_count,
    SUM(observed_count) AS observed_count,
    SUM(estimated_count) AS estimated_count
  FROM events
  GROUP BY
    company_key,
    occurred_on,
    event_type,
    consent_status,
    country,
    platform,
    device_type
)
SELECT
  counted.company_key, /* Source and id of the company. */
  companies.company_id, /* Public key of the company. */
  counted.occurred_on, /* Day of the events (UTC). */
  companies.company_name, /* Name of the company, or its key. */
  companies.industry, /* Industry as customers see it. */
  companies.industry_group, /* Industry as the back office groups it. */
  companies.hq_country, /* Country of the head quarters, by name. */
  counted.event_type, /* Kind of event. */
  counted.consent_status, /* Consent of the visitor at that moment, or unknown. */
  counted.country, /* ISO code of the visitors' country, or unknown. */
  counted.platform, /* Kit that sent the events, or unknown. */
  counted.device_type, /* Device of the visitors, or unknown. */
  counted.event_count, /* Rows of core.events. */
  counted.observed_count, /* Events as observed in the sample. */
  counted.estimated_count, /* Events as estimated for all visitors: observed / sampling rate. */
  CASE
    WHEN counted.event_type = 'consent.asked'
    THEN counted.estimated_count
    ELSE 0
  END AS asked_count, /* Estimated questions for consent. */
  CASE
    WHEN counted.event_type = 'consent.given'
    THEN counted.estimated_count
    ELSE 0
  END AS given_count /* Estimated answers. */
FROM counted
INNER JOIN companies
  ON counted.company_key = companies.company_key
