MODEL (
  name core.sessions,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column started_at,
    lookback @EVAL(@lookback_days + 1)
  ),
  grain session_key,
  references user_key,
  description 'One row per session: events of a user with no gap over the timeout, and no longer than the cap.',
  tags (
    sessions
  ),
  clustered_by (record_source, user_key),
  columns (
    session_key STRING,
    session_id STRING,
    user_key STRING,
    started_at TIMESTAMP,
    ended_at TIMESTAMP,
    record_source STRING,
    entry_event_name STRING,
    platform STRING,
    device_type STRING,
    country STRING,
    event_count INT64,
    duration_seconds FLOAT64,
    is_single_event BOOL
  ),
  signals (
    loaded(grace_hours := @source_grace_hours, patience_days := @source_patience_days)
  ),
  audits (
    contract_errors(`of` := core.sessions)
  )
);

WITH RECURSIVE events AS (
  SELECT
    *
  FROM core.events
  WHERE
    NOT user_key IS NULL AND @in_interval(occurred_at, 0, 1)
), earlier_sessions AS (
  /* Sessions that began on the day before the interval may reach into it; what follows them begins anew. */
  SELECT
    sessions.user_key,
    sessions.ended_at
  FROM core.sessions AS sessions
  WHERE
    @before_interval(sessions.started_at, 1)
), carried AS (
  SELECT
    user_key,
    MAX(ended_at) AS ended_at
  FROM earlier_sessions
  GROUP BY
    user_key
), fresh AS (
  SELECT
    events.*
  FROM events
  LEFT JOIN carried
    ON events.user_key = carried.user_key
  WHERE
    carried.ended_at IS NULL OR events.occurred_at > carried.ended_at
), gapped AS (
  SELECT
    user_key,
    event_key,
    event_id,
    occurred_at,
    record_source,
    event_name,
    platform,
    device_type,
    country,
    CASE
      WHEN TIMESTAMP_DIFF(occurred_at, LAG(occurred_at) OVER journey, MICROSECOND) <= @EVAL(@session_gap_seconds * 1000000)
      THEN 0
      ELSE 1
    END AS run_start
  FROM fresh
  WINDOW journey AS (PARTITION BY user_key ORDER BY occurred_at, event_id)
), numbered AS (
  SELECT
    *,
    SUM(run_start) OVER (
      PARTITION BY user_key
      ORDER BY occurred_at, event_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS run_number
  FROM gapped
), runs AS (
  SELECT
    user_key,
    run_number,
    MIN(CASE WHEN run_start = 1 THEN event_key END) AS session_key,
    MIN(CASE WHEN run_start = 1 THEN event_id END) AS session_id,
    MIN(occurred_at) AS started_at,
    MAX(occurred_at) AS ended_at,
    MIN(CASE WHEN run_start = 1 THEN record_source END) AS record_source,
    MIN(CASE WHEN run_start = 1 THEN event_name END) AS entry_event_name,
    MIN(CASE WHEN run_start = 1 THEN platform END) AS platform,
    MIN(CASE WHEN run_start = 1 THEN device_type END) AS device_type,
    MIN(CASE WHEN run_start = 1 THEN country END) AS country,
    COUNT(*) AS event_count
  FROM numbered
  GROUP BY
    user_key,
    run_number
), long_runs AS (
  SELECT
    *
  FROM runs
  WHERE
    TIMESTAMP_DIFF(ended_at, started_at, MICROSECOND) > @EVAL(@session_cap_seconds * 1000000)
), long_events AS (
  /* For each moment of a run that is too long, the moment at which a session from there would have to end. */
  SELECT
    numbered.*,
    MIN(numbered.occurred_at) OVER (
      PARTITION BY numbered.user_key, numbered.run_number
      ORDER BY UNIX_MICROS(numbered.occurred_at)
      RANGE BETWEEN @EVAL(@session_cap_seconds * 1000000 + 1) FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS next_split_at
  FROM numbered
  INNER JOIN long_runs
    ON numbered.user_key = long_runs.user_key
    AND numbered.run_number = long_runs.run_number
), moments AS (
  SELECT
    user_key,
    run_number,
    occurred_at,
    MIN(next_split_at) AS next_split_at
  FROM long_events
  GROUP BY
    user_key,
    run_number,
    occurred_at
), splits AS (
  SELECT
    user_key,
    run_number,
    started_at AS split_at
  FROM long_runs
  UNION ALL
  SELECT
    moments.user_key,
    moments.run_number,
    moments.next_split_at AS split_at
  FROM splits
  INNER JOIN moments
    ON splits.user_key = moments.user_key
    AND splits.run_number = moments.run_number
    AND splits.split_at = moments.occurred_at
  WHERE
    NOT moments.next_split_at IS NULL
), spans AS (
  SELECT
    user_key,
    run_number,
    split_at,
    LEAD(split_at) OVER (PARTITION BY user_key, run_number ORDER BY split_at) AS until_at
  FROM splits
), placed AS (
  SELECT
    long_events.*,
    spans.split_at,
    ROW_NUMBER() OVER (
      PARTITION BY long_events.user_key, long_events.run_number, spans.split_at
      ORDER BY long_events.occurred_at, long_events.event_id
    ) AS place
  FROM long_events
  INNER JOIN spans
    ON long_events.user_key = spans.user_key
    AND long_events.run_number = spans.run_number
    AND long_events.occurred_at >= spans.split_at
    AND (
      spans.until_at IS NULL OR long_events.occurred_at < spans.until_at
    )
), capped AS (
  SELECT
    user_key,
    run_number,
    MIN(CASE WHEN place = 1 THEN event_key END) AS session_key,
    MIN(CASE WHEN place = 1 THEN event_id END) AS session_id,
    MIN(occurred_at) AS started_at,
    MAX(occurred_at) AS ended_at,
    MIN(CASE WHEN place = 1 THEN record_source END) AS record_source,
    MIN(CASE WHEN place = 1 THEN event_name END) AS entry_event_name,
    MIN(CASE WHEN place = 1 THEN platform END) AS platform,
    MIN(CASE WHEN place = 1 THEN device_type END) AS device_type,
    MIN(CASE WHEN place = 1 THEN country END) AS country,
    COUNT(*) AS event_count
  FROM placed
  GROUP BY
    user_key,
    run_number,
    split_at
), sessionized AS (
  SELECT
    *
  FROM runs
  WHERE
    TIMESTAMP_DIFF(ended_at, started_at, MICROSECOND) <= @EVAL(@session_cap_seconds * 1000000)
  UNION ALL
  SELECT
    *
  FROM capped
)
SELECT
  session_key, /* Source and id of the first event. */
  session_id, /* Id of the first event. */
  user_key, /* User of the session. */
  started_at, /* First event (UTC). */
  ended_at, /* Last event (UTC). */
  record_source, /* Source of the events. */
  entry_event_name, /* What happened first. */
  platform, /* Platform of the first event. */
  device_type, /* Device of the first event. */
  country, /* Country of the first event. */
  event_count, /* Events of the session. */
  @seconds_between(started_at, ended_at) AS duration_seconds, /* Seconds from the first event to the last. */
  event_count = 1 AS is_single_event /* Whether nothing followed the first event. */
FROM sessionized
WHERE
  @in_interval(started_at)
