MODEL (
  name core.sessions,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column started_at,
    lookback @EVAL(@lookback_days + @identity_window_days + 1)
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
    events.*,
    UNIX_MICROS(events.occurred_at) AS micros
  FROM events
  LEFT JOIN carried
    ON events.user_key = carried.user_key
  WHERE
    carried.ended_at IS NULL OR events.occurred_at > carried.ended_at
), sequenced AS (
  SELECT
    user_key,
    event_key,
    event_id,
    occurred_at,
    micros,
    record_source,
    event_name,
    platform,
    device_type,
    country,
    ROW_NUMBER() OVER journey AS place,
    LAG(micros) OVER journey AS previous_micros,
    MAX(micros) OVER whole_journey AS last_micros,
    COUNT(*) OVER whole_journey AS journey_count
  FROM fresh
  WINDOW journey AS (PARTITION BY user_key ORDER BY micros, event_id), whole_journey AS (
    PARTITION BY user_key
    ORDER BY micros, event_id
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
  )
), opened AS (
  SELECT
    *
  FROM sequenced
  WHERE
    previous_micros IS NULL
    OR micros - previous_micros > @EVAL(@session_gap_seconds * 1000000)
), runs AS (
  /* A run ends with the event before the next one opens. */
  SELECT
    *,
    COALESCE(LEAD(previous_micros) OVER openings, last_micros) AS ended_micros,
    COALESCE(LEAD(place) OVER openings, journey_count + 1) - place AS event_count
  FROM opened
  WINDOW openings AS (PARTITION BY user_key ORDER BY place)
), long_runs AS (
  SELECT
    user_key,
    micros AS run_micros,
    ended_micros
  FROM runs
  WHERE
    ended_micros - micros > @EVAL(@session_cap_seconds * 1000000)
), journeys AS (
  /* The events once more: a table that two steps share would be written out, for the few runs that are too long. */
  SELECT
    *
  FROM core.events
  WHERE
    NOT user_key IS NULL AND @in_interval(occurred_at, 0, 1)
), long_events AS (
  SELECT
    journeys.user_key,
    journeys.event_key,
    journeys.event_id,
    journeys.occurred_at,
    journeys.record_source,
    journeys.event_name,
    journeys.platform,
    journeys.device_type,
    journeys.country,
    UNIX_MICROS(journeys.occurred_at) AS micros,
    long_runs.run_micros,
    long_runs.ended_micros AS last_micros
  FROM journeys
  INNER JOIN long_runs
    ON journeys.user_key = long_runs.user_key
    AND UNIX_MICROS(journeys.occurred_at) BETWEEN long_runs.run_micros AND long_runs.ended_micros
), moments AS (
  /* For each moment of a run that is too long: the moment before it, and the one at which a session from there would have to end. */
  SELECT
    *,
    ROW_NUMBER() OVER run AS place,
    LAG(micros) OVER run AS previous_micros,
    COUNT(*) OVER (PARTITION BY user_key, run_micros) AS run_count,
    MIN(micros) OVER (
      PARTITION BY user_key, run_micros
      ORDER BY micros
      RANGE BETWEEN @EVAL(@session_cap_seconds * 1000000 + 1) FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS next_split_micros
  FROM long_events
  WINDOW run AS (PARTITION BY user_key, run_micros ORDER BY micros, event_id)
), firsts AS (
  SELECT
    *
  FROM moments
  WHERE
    previous_micros IS NULL OR micros > previous_micros
), splits AS (
  SELECT
    user_key,
    run_micros,
    run_micros AS split_micros
  FROM long_runs
  UNION ALL
  SELECT
    firsts.user_key,
    firsts.run_micros,
    firsts.next_split_micros AS split_micros
  FROM splits
  INNER JOIN firsts
    ON splits.user_key = firsts.user_key
    AND splits.run_micros = firsts.run_micros
    AND splits.split_micros = firsts.micros
  WHERE
    NOT firsts.next_split_micros IS NULL
), capped AS (
  SELECT
    firsts.*,
    COALESCE(LEAD(firsts.previous_micros) OVER cuts, firsts.last_micros) AS ended_micros,
    COALESCE(LEAD(firsts.place) OVER cuts, firsts.run_count + 1) - firsts.place AS event_count
  FROM firsts
  INNER JOIN splits
    ON firsts.user_key = splits.user_key
    AND firsts.run_micros = splits.run_micros
    AND firsts.micros = splits.split_micros
  WINDOW cuts AS (PARTITION BY firsts.user_key, firsts.run_micros ORDER BY firsts.place)
), sessionized AS (
  SELECT
    user_key,
    event_key,
    event_id,
    occurred_at,
    micros,
    ended_micros,
    record_source,
    event_name,
    platform,
    device_type,
    country,
    event_count
  FROM runs
  WHERE
    ended_micros - micros <= @EVAL(@session_cap_seconds * 1000000)
  UNION ALL
  SELECT
    user_key,
    event_key,
    event_id,
    occurred_at,
    micros,
    ended_micros,
    record_source,
    event_name,
    platform,
    device_type,
    country,
    event_count
  FROM capped
)
SELECT
  event_key AS session_key, /* Source and id of the first event. */
  event_id AS session_id, /* Id of the first event. */
  user_key, /* User of the session. */
  occurred_at AS started_at, /* First event (UTC). */
  TIMESTAMP_MICROS(ended_micros)::TIMESTAMP AS ended_at, /* Last event (UTC). */
  record_source, /* Source of the events. */
  event_name AS entry_event_name, /* What happened first. */
  platform, /* Platform of the first event. */
  device_type, /* Device of the first event. */
  country, /* Country of the first event. */
  event_count, /* Events of the session. */
  (
    ended_micros - micros
  ) / 1000000 AS duration_seconds, /* Seconds from the first event to the last. */
  event_count = 1 AS is_single_event /* Whether nothing followed the first event. */
FROM sessionized
WHERE
  @in_interval(occurred_at)
@ORDER_BY(@has_no_partitions())
  started_at
