MODEL (
  name staging.stg_intake__clients,
  kind VIEW,
  grain client_id,
  description 'One row per client: an employer who offers the platform to its people.',
  tags (
    intake
  ),
  audits (
    not_null(columns := (client_id, client_name)),
    unique_values(columns := (
      client_id
    ))
  )
);

WITH clients AS (
  SELECT
    *
  FROM raw.intake__clients
), deduplicated AS (
  SELECT
    *
  FROM clients
  QUALIFY
    @first_loaded(client_id)
)
SELECT
  client_id, /* Id of the client. */
  client_name, /* Name of the client. */
  industry, /* Industry of the client. */
  @clean_code(country) AS country, /* ISO code of the client's country. */
  eligible_lives AS eligible_count, /* People who may use the platform. */
  launched_on, /* Day on which the client's people could first sign up. */
  LOWER(eligibility_method) AS eligibility_method, /* How eligibility is verified. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
