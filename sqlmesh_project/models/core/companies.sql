MODEL (
  name core.companies,
  kind FULL,
  grain company_key,
  description 'One row per company: those with a profile, and those that only events name.',
  tags (consent, intake),
  audits (
    contract_errors(`of` := core.companies)
  )
);

WITH consent_companies AS (
  SELECT
    *
  FROM staging.stg_consent__companies
), clients AS (
  SELECT
    *
  FROM staging.stg_intake__clients
), events AS (
  SELECT
    *
  FROM core.events
  WHERE
    NOT company_key IS NULL
), profiles AS (
  SELECT
    CONCAT('consent:', company_id) AS company_key,
    company_id,
    'consent' AS record_source,
    company_id AS company_name,
    industry,
    industry_group,
    hq_country,
    NULL::STRING AS eligibility_method,
    NULL::INT64 AS eligible_count,
    NULL::DATE AS launched_on
  FROM consent_companies
  UNION ALL
  SELECT
    CONCAT('intake:', client_id) AS company_key,
    client_id AS company_id,
    'intake' AS record_source,
    client_name AS company_name,
    industry,
    NULL::STRING AS industry_group,
    country AS hq_country,
    eligibility_method,
    eligible_count,
    launched_on
  FROM clients
), seen AS (
  SELECT
    company_key,
    MIN(company_id) AS company_id,
    MIN(record_source) AS record_source,
    MIN(occurred_at) AS first_event_at,
    MAX(occurred_at) AS last_event_at
  FROM events
  GROUP BY
    company_key
)
SELECT
  COALESCE(profiles.company_key, seen.company_key) AS company_key, /* Source and id of the company. */
  COALESCE(profiles.company_id, seen.company_id) AS company_id, /* Id of the company within its source. */
  seen.first_event_at, /* First event of the company (UTC); NULL without events. */
  seen.last_event_at, /* Latest event of the company (UTC). */
  profiles.launched_on, /* Day on which a client's people could first sign up. */
  COALESCE(profiles.record_source, seen.record_source) AS record_source, /* Source that knows the company. */
  COALESCE(profiles.company_name, seen.company_id) AS company_name, /* Name, or the id where there is none. */
  profiles.industry, /* Industry as customers see it. */
  profiles.industry_group, /* Industry as the back office groups it. */
  profiles.hq_country, /* Country of the head quarters: by name for companies with notices, an ISO code for clients. */
  profiles.eligibility_method, /* How a client verifies eligibility. */
  profiles.eligible_count, /* People of a client who may use the platform. */
  NOT profiles.company_key IS NULL AS has_profile, /* Whether the source describes the company, or only events name it. */
  NOT seen.company_key IS NULL AS has_events /* Whether any event belongs to the company. */
FROM profiles
FULL JOIN seen
  ON profiles.company_key = seen.company_key
