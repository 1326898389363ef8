MODEL (
  name core.watermarks,
  kind FULL,
  grain record_source,
  description 'One row per source: what time its events cover.',
  tags (
    events
  ),
  audits (
    contract_errors(`of` := core.watermarks)
  )
);

WITH events AS (
  SELECT
    *
  FROM core.events
)
SELECT
  record_source, /* Source of the events. */
  MIN(occurred_at) AS first_event_at, /* First event (UTC). */
  MAX(occurred_at) AS last_event_at, /* Latest event (UTC): nothing after it is known. */
  COUNT(*) AS event_count /* Events of the source. */
FROM events
GROUP BY
  record_source
