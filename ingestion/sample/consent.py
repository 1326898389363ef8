"""Sample of `consent`: a file per company and export, half CSV and half Parquet, and the company list."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ingestion.sample.files import Written, append_lines, copy
from ingestion.sample.plan import Plan
from ingestion.sample.population import moment

COMPANIES = 10
"""Companies that send events; the list names more, as the real one does."""
LISTED = 40
_VISITS = 24_000
_HEADER = (
    "EVENT_ID,TYPE,RATE,PARAMETERS,EVENT_TIME,WINDOW_START,APIKEY,CONSENT,COUNT,EXPERIMENT,SDK_TYPE,DOMAIN,"
    "DEPLOYMENT_ID,COUNTRY,REGION,BROWSER_FAMILY,DEVICE_TYPE"
)
_COLUMNS = tuple(_HEADER.split(","))


def write_consent(connection: duckdb.DuckDBPyConnection, plan: Plan, folder: Path) -> list[Written]:
    """Write events/csv, events/parquet and the company list below `folder`."""
    _make_companies(connection)
    _make_events(connection, plan)
    _make_rows(connection, plan)
    written = [
        copy(
            connection, folder / "country_and_industry" / "industry and country.csv", "SELECT * FROM consent_companies"
        )
    ]
    for company in range(1, COMPANIES + 1):
        for export, label in ((1, plan.export_on), (2, plan.end)):
            written.append(_write_company(connection, plan, folder, company, export, f"{label}"))
    return written


def _make_companies(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE consent_companies AS
        WITH industries AS (
            SELECT * FROM (VALUES ('Media & Publishers', 'Media & Publishers'), ('Services', 'Services'),
                ('High Tech / Telecom', 'High Tech'), ('High Tech / Telecom', 'Telecom'), ('Gaming / Sport', 'Sport'),
                ('Travel / Tourism / Transport', 'Travel'), ('Construction / Real Estate', 'Real Estate'),
                ('Public Sector / Charity / Education', 'Education')) AS listed (back, front)
        ), numbered AS (SELECT *, row_number() OVER () - 1 AS number FROM industries)
        SELECT
            uuid_of(i, 'company') AS "PUBLIC_API_KEY", back AS "INDUSTRY_BACK", front AS "INDUSTRY_FRONT",
            CASE WHEN i % 6 = 5 OR i = 40 THEN NULL
                ELSE pick(['France', 'France', 'France', 'Belgium', 'Spain', 'United States'], i, 'hq')
                END AS "HQ_COUNTRY"
        FROM range(1, {LISTED + 1}) AS ids(i) JOIN numbered ON number = i % 8
        ORDER BY i
        """
    )


def _make_events(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Journeys: a page, the notice, a choice after a while, sometimes a click; each kind is sampled by its rate."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE consent_events AS
        WITH visits AS (
            SELECT
                i, 1 + floor(u(i, 'company') * u(i, 'company/2') * {COMPANIES})::BIGINT AS company,
                people.*, {moment(plan, "i", "visit", "hours_ahead")} AS visited_at
            FROM range({plan.rows(_VISITS)}) AS ids(i)
            JOIN people ON people.person = floor(u(i, 'who') * {plan.people})
        ), chosen AS (
            SELECT *,
                u(i, 'asked') < 0.7 AS is_asked,
                u(i, 'given') < 0.35 + 0.05 * company AS is_given,
                CASE WHEN u(i, 'status') < 0.62 THEN 'full opt-in' WHEN u(i, 'status') < 0.9 THEN 'opt-out'
                    ELSE 'partial opt-in' END AS status,
                visited_at + to_milliseconds((1000 * exp(2.2 + 0.9 * normal(i, 'delay')))::BIGINT) AS given_at
            FROM visits
        ), happened AS (
            SELECT *, 'pageview' AS type, visited_at AS event_time,
                CASE WHEN is_asked THEN 'empty' ELSE status END AS shown,
                CASE WHEN company % 3 = 0 THEN 0.03 ELSE 0.1 END AS rate FROM chosen
            UNION ALL
            SELECT *, 'consent.asked', visited_at + to_milliseconds(300), 'empty',
                CASE WHEN company % 2 = 0 THEN 1.0 ELSE 0.2 END FROM chosen WHERE is_asked
            UNION ALL
            SELECT *, 'consent.given', given_at, status, 1.0 FROM chosen WHERE is_asked AND is_given
            UNION ALL
            SELECT *, 'ui.action', given_at - to_milliseconds(700), 'empty', 1.0
            FROM chosen WHERE is_asked AND u(i, 'ui') < 0.1
        )
        SELECT * FROM happened WHERE u(i, type || '/sampled') < rate
        """
    )


_PARAMETERS = """
CASE type
    WHEN 'consent.given' THEN '{' || chr(10) || '  "action": "click",' || chr(10) || '  "purposes": {' || chr(10)
        || '    "disabled": [],' || chr(10) || '    "enabled": [' || chr(10) || '      "cookies",' || chr(10)
        || '      "select_basic_ads"' || chr(10) || '    ]' || chr(10) || '  }' || chr(10) || '}'
    WHEN 'consent.asked' THEN '{' || chr(10) || '  "position": "popup"' || chr(10) || '}'
    WHEN 'ui.action' THEN '{' || chr(10) || '  "action": "preferences.shownpurposes"' || chr(10) || '}'
END
"""


def _make_rows(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """The events as exported: with duplicates, late rows, noise in the rates, NULLs, and values that cannot be."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE consent_rows AS
        WITH numbered AS (
            SELECT *, row_number() OVER (ORDER BY event_time, i, type) AS n FROM consent_events
        ), delivered AS (
            SELECT *,
                CASE WHEN event_time < TIMESTAMP '{plan.export_on}' AND u(n, 'late') >= {plan.late} THEN 1 ELSE 2
                    END AS export, n AS place FROM numbered
            UNION ALL
            SELECT *, CASE WHEN event_time < TIMESTAMP '{plan.export_on}' THEN 1 ELSE 2 END, n + 20
            FROM numbered WHERE u(n, 'again') < 0.005
        ), noisy AS (
            SELECT *, CASE WHEN u(n, 'dirty') < {plan.dirty} THEN 1 + floor(u(n, 'dirt') * 4)::BIGINT ELSE 0 END AS dirt
            FROM delivered
        )
        SELECT
            company, export, place, n,
            CASE WHEN dirt = 1 THEN NULL ELSE uuid_of(i, type) END AS "EVENT_ID",
            pseudonym AS "USER_ID", type AS "TYPE",
            CASE WHEN dirt = 2 THEN -1 WHEN rate = 1 AND u(n, 'no rate') < 0.02 THEN NULL
                WHEN rate IN (0.1, 0.2) AND u(n, 'noise') < 0.3 THEN rate::FLOAT::DOUBLE ELSE rate END AS "RATE",
            {_PARAMETERS} AS "PARAMETERS",
            CASE WHEN dirt = 3 THEN 'yesterday' ELSE instant_text(event_time) END AS "EVENT_TIME",
            instant_text(date_trunc('hour', event_time)) AS "WINDOW_START",
            uuid_of(company, 'company') AS "APIKEY", shown AS "CONSENT",
            CASE WHEN dirt = 4 THEN NULL ELSE 1 END AS "COUNT", NULL::DOUBLE AS "EXPERIMENT",
            CASE WHEN device = 'mobile' AND company % 5 = 0 THEN 'sdk-mobile' ELSE 'sdk-web' END AS "SDK_TYPE",
            'site' || company || '.org' AS "DOMAIN", left(md5('deployment' || company), 8) AS "DEPLOYMENT_ID",
            '"' || country || '"' AS "COUNTRY",
            CASE WHEN u(n, 'no region') < 0.08 THEN NULL ELSE '"' || region || '"' END AS "REGION",
            pick(['Chrome', 'Chrome Mobile', 'Safari', 'Firefox Mobile'], person, 'browser') AS "BROWSER_FAMILY",
            CASE device WHEN 'mobile' THEN 'smartphone' ELSE device END AS "DEVICE_TYPE"
        FROM noisy
        """
    )


def _write_company(
    connection: duckdb.DuckDBPyConnection, plan: Plan, folder: Path, company: int, export: int, label: str
) -> Written:
    """Older exports (companies 1 and 6) have no USER_ID, and it stands in other places in others."""
    place = {1: None, 6: None, 2: 1, 7: 1}.get(company, len(_COLUMNS))
    columns = list(_COLUMNS)
    if place is not None:
        columns.insert(place, "USER_ID")
    listed = ", ".join(f'"{column}"' for column in columns)
    query = f"SELECT {listed} FROM consent_rows WHERE company = {company} AND export = {export} ORDER BY place, n"
    kind = "csv" if company <= COMPANIES // 2 else "parquet"
    path = folder / "events" / kind / f"events-company-{company}-{label}.{kind}"
    written = copy(connection, path, query)
    if plan.dirty and company == 3:
        return append_lines(written, ["a line that was cut", '"a quote that nobody closes,pageview'])
    return written
