MODEL (
  name staging.stg_consent__companies,
  kind VIEW,
  grain company_id,
  description 'One row per company that runs a consent notice.',
  tags (
    consent
  ),
  audits (
    not_null(columns := (
      company_id
    )),
    unique_values(columns := (
      company_id
    ))
  )
);

WITH companies AS (
  SELECT
    *
  FROM raw.consent__companies
), deduplicated AS (
  SELECT
    *
  FROM companies
  QUALIFY
    @first_loaded(public_api_key)
)
SELECT
  public_api_key AS company_id, /* Public key of the company. */
  NULLIF(industry_front, '') AS industry, /* Industry as customers see it. */
  NULLIF(industry_back, '') AS industry_group, /* Industry as the back office groups it. */
  NULLIF(hq_country, '') AS hq_country, /* Country of the head quarters, by name. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
