"""Sample of `intake`: Snowplow events in three formats, clients and members; the funnel loses steps mid-period."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ingestion.reading.snowplow import FIELDS
from ingestion.sample.files import Written, append_lines, copy
from ingestion.sample.plan import STUCK_CLIENT, Plan

CLIENTS = 12
STEPS = (
    "CREATE_ACCOUNT",
    "INPUT_FULL_NAME",
    "CONFIRM_COUNTRY",
    "VERIFY_ELIGIBILITY",
    "CAREGIVING_GOAL",
    "CREATE_PROJECT",
)
"""The funnel since `Plan.export_on`: schema version 1-0-4."""
FORMER_STEPS = (
    "CREATE_ACCOUNT",
    "VERIFY_EMAIL",
    "INPUT_FULL_NAME",
    "INPUT_BIRTH_DATE",
    "CONFIRM_COUNTRY",
    "INPUT_ADDRESS",
    "VERIFY_ELIGIBILITY",
    "CAREGIVING_GOAL",
    "CARE_RECIPIENT",
    "CREATE_PROJECT",
)
"""The funnel before: schema version 1-0-3, which also says step_action and failure_reason."""
_MEMBERS = 6_000
_VISITORS = 3_000
_COLUMNS = (
    "event_id",
    "app_id",
    "platform",
    "event_name",
    "collector_tstamp",
    "dvce_created_tstamp",
    "derived_tstamp",
    "user_id",
    "domain_userid",
    "domain_sessionid",
    "page_urlpath",
    "geo_country",
    "geo_timezone",
    "user_ipaddress",
    "useragent",
    "br_family",
    "dvce_type",
    "contexts",
)


def write_intake(connection: duckdb.DuckDBPyConnection, plan: Plan, folder: Path) -> list[Written]:
    """Write clients.csv, members.csv, and events as enriched TSV, JSONL and Parquet."""
    _make_members(connection, plan)
    _make_steps(connection)
    _make_events(connection)
    _make_rows(connection, plan)
    day = "collector_tstamp::DATE"
    middle = plan.export_on + (plan.end - plan.export_on) / 2
    parts = {
        "tsv.gz": f"{day} < DATE '{plan.export_on}'",
        "jsonl": f"{day} >= DATE '{plan.export_on}' AND {day} < DATE '{middle}'",
        "parquet": f"{day} >= DATE '{middle}'",
    }
    written = [
        copy(connection, folder / "clients.csv", "SELECT * FROM intake_clients ORDER BY client_id"),
        copy(connection, folder / "members.csv", "SELECT * FROM intake_members ORDER BY user_id"),
    ]
    values = {"event": "'unstruct'", "v_tracker": "'js-3.24'"} | {column: column for column in _COLUMNS}
    enriched = ", ".join(f"{values.get(field, 'NULL')} AS {field}" for field in FIELDS)
    plain = ", ".join(_COLUMNS)
    for ending, condition in parts.items():
        select = enriched if ending == "tsv.gz" else plain
        query = f"SELECT {select} FROM intake_rows WHERE {condition} ORDER BY collector_tstamp, event_id"
        written.append(copy(connection, folder / "events" / f"events-{ending.split('.')[0]}.{ending}", query))
    if plan.dirty:
        written[3] = append_lines(written[3], ['{"event_id": "cut off'])
    return written


def _make_members(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE intake_clients AS
        SELECT 'client-' || lpad(i::VARCHAR, 2, '0') AS client_id,
            pick(['Aster', 'Birch', 'Cedar', 'Dahlia'], i, 'name') || ' ' || i AS client_name,
            pick(['Finance', 'Retail', 'Technology', 'Health'], i, 'industry') AS industry,
            CASE WHEN i % 5 = 0 THEN 'GB' ELSE 'US' END AS country,
            (500 + 20000 * u(i, 'lives'))::BIGINT AS eligible_lives, DATE '{plan.start}' - to_days(i) AS launched_on,
            pick(['file', 'sso', 'code'], i, 'method') AS eligibility_method,
            instant_text(TIMESTAMP '{plan.start}') AS updated_at
        FROM range(1, {CLIENTS + 1}) AS ids(i);

        CREATE OR REPLACE TABLE intake_people AS
        SELECT *, 1 + floor(u(person, 'client') * {CLIENTS})::BIGINT AS client,
            joined_at < TIMESTAMP '{plan.export_on}' AS is_former,
            'client-' || lpad((1 + floor(u(person, 'client') * {CLIENTS})::BIGINT)::VARCHAR, 2, '0') AS client_id
        FROM people WHERE u(person, 'intake') < {_MEMBERS / 20_000};

        CREATE OR REPLACE TABLE intake_members AS
        SELECT user_id, CASE WHEN NOT is_staff THEN client_id END AS client_id,
            CASE WHEN is_staff THEN 'STAFF' ELSE 'MEMBER' END AS role, country, timezone,
            CASE WHEN is_staff THEN NULL ELSE client_id <> '{STUCK_CLIENT}' OR u(person, 'verified') < 0.1 END
                AS is_eligibility_verified,
            instant_text(joined_at) AS created_at, instant_text(joined_at + to_hours(1)) AS updated_at
        FROM intake_people
        """
    )


def _make_steps(connection: duckdb.DuckDBPyConnection) -> None:
    """Each member goes on from step to step, with a chance; those of the stuck client hardly pass eligibility."""
    steps = ", ".join(
        f"({former}, {place}, '{step}')"
        for former, names in (("true", FORMER_STEPS), ("false", STEPS))
        for place, step in enumerate(names, 1)
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE intake_steps AS
        WITH listed AS (SELECT * FROM (VALUES {steps}) AS listed (is_former, place, step_name)),
        tried AS (
            SELECT intake_people.*, place, step_name,
                place = 1 OR u(person, 'goes on ' || place) < CASE
                    WHEN client_id = '{STUCK_CLIENT}' AND step_name = 'CAREGIVING_GOAL' THEN 0.08
                    WHEN step_name = 'CREATE_PROJECT' THEN 0.55 ELSE 0.93 END AS goes_on,
                10 + 50 * -ln(1 - u(person, 'pace ' || place)) * CASE step_name WHEN 'CAREGIVING_GOAL' THEN 4 ELSE 1 END
                    AS seconds
            FROM intake_people JOIN listed USING (is_former)
        )
        SELECT *, joined_at
            + to_milliseconds((1000 * sum(seconds) OVER (PARTITION BY person ORDER BY place))::BIGINT) AS happened_at
        FROM tried
        QUALIFY bool_and(goes_on) OVER (PARTITION BY person ORDER BY place)
        """
    )


def _make_events(connection: duckdb.DuckDBPyConnection) -> None:
    """Steps (some repeated, some failed first), pages before signing in, and visitors who never sign in."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE intake_happened AS
        WITH happened AS (
            SELECT person, place AS n, happened_at, 'funnel' AS event_name, step_name, 'complete' AS step_action,
                true AS is_known
            FROM intake_steps
            UNION ALL
            SELECT person, 20 + place, happened_at + to_seconds(40), 'funnel', step_name, 'complete', true
            FROM intake_steps WHERE u(person, 'repeats ' || place) < 0.03
            UNION ALL
            SELECT person, 40 + place, happened_at - to_seconds(5), 'funnel', step_name, 'fail', true
            FROM intake_steps WHERE is_former AND place > 1 AND u(person, 'fails ' || place) < 0.04
            UNION ALL
            SELECT person, 60 + page, joined_at - to_seconds(60 * page), 'page_view', NULL, NULL, false
            FROM intake_people, range(1, 3) AS pages(page)
            UNION ALL
            SELECT person, 80, joined_at, 'page_view', NULL, NULL, false
            FROM people WHERE u(person, 'intake') > 1 - {_VISITORS / 20_000}
        )
        SELECT * FROM happened
        """
    )


def _make_rows(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """The events as the collector got them: late, twice, from wrong clocks, without an id."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE intake_rows AS
        WITH described AS (
            SELECT *, uuid_of(person * 100 + n, 'intake') AS event_id,
                happened_at + to_milliseconds(400) + CASE WHEN u(person * 100 + n, 'late') < {plan.late}
                    THEN to_days(2) ELSE to_days(0) END AS received_at
            FROM intake_happened JOIN people USING (person) WHERE happened_at < TIMESTAMP '{plan.end}' + to_days(1)
        ), twice AS (
            SELECT * FROM described UNION ALL SELECT * FROM described WHERE u(person * 100 + n, 'again') < 0.004
        )
        SELECT
            CASE WHEN u(person * 100 + n, 'dirty') < {plan.dirty} THEN NULL ELSE event_id END AS event_id,
            'intake' AS app_id,
            CASE WHEN device = 'mobile' THEN 'mob' ELSE 'web' END AS platform, event_name,
            instant_text(received_at) AS collector_tstamp,
            instant_text(happened_at + CASE WHEN person % 50 = 0 THEN to_hours(-9) ELSE to_hours(0) END)
                AS dvce_created_tstamp,
            instant_text(happened_at) AS derived_tstamp,
            CASE WHEN is_known THEN user_id END AS user_id, 'cookie-' || left(pseudonym, 8) AS domain_userid,
            uuid_of(person, 'session') AS domain_sessionid,
            '/' || lower(coalesce(replace(step_name, '_', '-'), 'welcome')) AS page_urlpath, country AS geo_country,
            timezone AS geo_timezone, '10.1.' || person % 250 || '.' || (person // 250) % 250 AS user_ipaddress,
            CASE WHEN u(person, 'robot') < 0.01 THEN 'Mozilla/5.0 (compatible; Examplebot/2.1)' ELSE 'Mozilla/5.0' END
                AS useragent,
            pick(['Chrome', 'Safari', 'Firefox'], person, 'browser') AS br_family,
            CASE device WHEN 'mobile' THEN 'Mobile' WHEN 'tablet' THEN 'Tablet' ELSE 'Computer' END AS dvce_type,
            {_contexts(plan)} AS contexts
        FROM twice
        """
    )


def _contexts(plan: Plan) -> str:
    """The contexts as JSON text, in no fixed order, as trackers send them; pages have none."""
    vendor = "iglu:com.wellthy"
    former = f"joined_at < TIMESTAMP '{plan.export_on}'"
    funnel = f"""
        CASE WHEN {former} THEN json_object('schema', '{vendor}/funnel/jsonschema/1-0-3', 'data', json_merge_patch(
                json_object('funnel_name', 'MEMBER_INTAKE', 'step_name', step_name, 'step_action', step_action),
                CASE step_action WHEN 'fail' THEN json_object('failure_reason', 'invalid_input') ELSE '{{}}'::JSON END))
            ELSE json_object('schema', '{vendor}/funnel/jsonschema/1-0-4',
                'data', json_object('funnel_name', 'MEMBER_INTAKE', 'step_name', step_name)) END
    """
    user = f"""
        json_object('schema', '{vendor}/User/jsonschema/2-0-1', 'data', json_object(
            'user_id', user_id,
            'role', CASE WHEN is_staff THEN 'STAFF' WHEN step_name <> 'CREATE_ACCOUNT' THEN 'MEMBER' END,
            'is_eligibility_verified', CASE WHEN NOT is_staff
                THEN step_name IN ('CAREGIVING_GOAL', 'CARE_RECIPIENT', 'CREATE_PROJECT') END))
    """
    listed = f"""
        CASE WHEN event_name = 'page_view' THEN json_array()
            WHEN person % 2 = 0 THEN json_array({funnel}, {user}) ELSE json_array({user}, {funnel}) END
    """
    schema = "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0"
    return f"json_object('schema', '{schema}', 'data', {listed})::VARCHAR"
