MODEL (
  name core.consents,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column opened_at,
    lookback @EVAL(@lookback_days + @consent_window_days)
  ),
  grain consent_key,
  references (user_key, company_key),
  description 'One row per consent that was asked for, with the answer that followed, and per answer that no question precedes.',
  tags (
    consent
  ),
  signals (
    loaded(grace_hours := @source_grace_hours, patience_days := @source_patience_days)
  ),
  audits (
    contract_errors(`of` := core.consents),
    reconciles(
      ours := is_asked::INT64,
      source := core.events,
      theirs := 1,
      theirs_where := record_source = 'consent'
      AND event_type = 'consent.asked'
      AND @in_interval(occurred_at)
    )
  )
);

WITH events AS (
  SELECT
    *
  FROM core.events
  WHERE
    record_source = 'consent'
    AND event_type IN ('consent.asked', 'consent.given')
    AND @in_interval(occurred_at, @consent_window_days, @consent_window_days)
), sequenced AS (
  /* Without a user id nothing can be paired: each such event is alone in its partition. */
  SELECT
    *,
    LAG(event_type) OVER journey AS previous_type,
    LAG(occurred_at) OVER journey AS previous_at,
    LEAD(event_type) OVER journey AS next_type,
    LEAD(occurred_at) OVER journey AS next_at,
    LEAD(consent_status) OVER journey AS next_status,
    LEAD(estimated_count) OVER journey AS next_count
  FROM events
  WINDOW journey AS (
    PARTITION BY company_key, COALESCE(user_key, event_key)
    ORDER BY occurred_at, event_id
  )
), paired AS (
  SELECT
    *,
    event_type = 'consent.asked' AS is_asked,
    event_type = 'consent.asked'
    AND COALESCE(next_type = 'consent.given', FALSE)
    AND next_at <= TIMESTAMP_ADD(occurred_at, INTERVAL (
      @consent_window_days
    ) DAY) AS is_answered,
    event_type = 'consent.given'
    AND COALESCE(previous_type = 'consent.asked', FALSE)
    AND TIMESTAMP_ADD(previous_at, INTERVAL (
      @consent_window_days
    ) DAY) >= occurred_at AS is_answer
  FROM sequenced
)
SELECT
  event_key AS consent_key, /* Event that opened it: the question, or the answer that no question precedes. */
  user_key, /* Visitor; NULL where the export has no user id. */
  company_key, /* Company that asked. */
  occurred_at AS opened_at, /* When it was asked, else when it was given (UTC). */
  CASE WHEN is_asked THEN occurred_at END AS asked_at, /* When it was asked (UTC); NULL when no question was seen. */
  CASE WHEN is_answered THEN next_at WHEN NOT is_asked THEN occurred_at END AS given_at, /* When it was answered (UTC); NULL without an answer. */
  CASE WHEN is_answered THEN next_status WHEN NOT is_asked THEN consent_status END AS consent_status, /* Answer: full opt-in, partial opt-in, opt-out. */
  country, /* ISO code of the visitor's country. */
  region, /* Region of the visitor. */
  platform, /* Kit that showed the notice. */
  device_type, /* Device of the visitor. */
  browser, /* Browser of the visitor. */
  domain, /* Site that showed the notice. */
  CASE WHEN is_asked THEN estimated_count ELSE 0 END AS asked_count, /* Estimated number of questions. */
  CASE
    WHEN is_answered
    THEN next_count
    WHEN NOT is_asked
    THEN estimated_count
    ELSE 0
  END AS given_count, /* Estimated number of answers. */
  CASE WHEN is_answered THEN @seconds_between(occurred_at, next_at) END AS seconds_to_given, /* Seconds from question to answer, where both are known. */
  is_asked, /* Whether a question was seen. */
  is_answered OR NOT is_asked AS is_given, /* Whether an answer was seen. */
  is_answered AS is_paired, /* Whether question and answer are of the same visitor. */
  NOT user_key IS NULL AS is_user_known /* Whether the export names the visitor; if not, nothing can be paired. */
FROM paired
WHERE
  NOT is_answer AND @in_interval(occurred_at)
