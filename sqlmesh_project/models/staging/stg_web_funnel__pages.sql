MODEL (
  name staging.stg_web_funnel__pages,
  kind VIEW,
  grain (page, user_id),
  description 'One row per user and page of the funnel that the user saw; the source keeps no time.',
  tags (
    web_funnel
  ),
  audits (
    not_null(columns := (user_id, page)),
    unique_combination_of_columns(columns := (page, user_id))
  )
);

WITH pages AS (
  SELECT
    *
  FROM raw.web_funnel__pages
), deduplicated AS (
  SELECT
    *
  FROM pages
  QUALIFY
    @first_loaded(page, user_id)
)
SELECT
  CONCAT(page, ':', user_id) AS event_id, /* Page and user, so that pages of one day sort in the order of the funnel. */
  user_id, /* User who saw the page. */
  page, /* Page of the funnel. */
  _batch_id AS batch_id, /* Batch that loaded the row. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
