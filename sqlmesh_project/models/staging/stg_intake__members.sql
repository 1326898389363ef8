MODEL (
  name staging.stg_intake__members,
  kind VIEW,
  grain user_id,
  description 'One row per account: members and the staff of the platform.',
  tags (
    intake
  ),
  audits (not_null(columns := (user_id, role)), unique_values(columns := (
      user_id
  )))
);

WITH members AS (
  SELECT
    *
  FROM raw.intake__members
), deduplicated AS (
  SELECT
    *
  FROM members
  QUALIFY
    @first_loaded(user_id)
)
SELECT
  user_id, /* Account. */
  client_id, /* Client of the member; NULL for staff. */
  created_at AS signed_up_at, /* When the account was created (UTC). */
  UPPER(role) AS role, /* MEMBER or STAFF. */
  @clean_code(country) AS country, /* ISO code of the member's country. */
  timezone, /* IANA name of the member's time zone. */
  is_eligibility_verified, /* Whether the member was found eligible. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
