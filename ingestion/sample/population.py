"""The people of a sample, one population for all sources, and the random numbers that they are made from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from ingestion.sample.plan import Plan

MACROS = """
CREATE MACRO u(i, salt) AS
    (hash(i::UBIGINT, salt, {seed}) % 9007199254740992)::DOUBLE / 9007199254740992;
CREATE MACRO normal(i, salt) AS sqrt(-2 * ln(1 - u(i, salt || '/1'))) * cos(2 * pi() * u(i, salt || '/2'));
CREATE MACRO pick(listed, i, salt) AS listed[1 + floor(u(i, salt) * len(listed))::BIGINT];
CREATE MACRO uuid_of(i, salt) AS CAST(md5(salt || ':' || i || ':{seed}') AS UUID)::VARCHAR;
CREATE MACRO instant_text(t) AS strftime(t, '%Y-%m-%d %H:%M:%S.%g');
"""
"""`u` is uniform on [0, 1) and depends on its arguments and the seed alone, so that threads do not matter."""

COUNTRIES = """
SELECT * FROM (VALUES
    ('FR', 'IDF', 'Europe/Paris', 2, 0.30), ('US', 'CA', 'America/New_York', -4, 0.22),
    ('GB', 'ENG', 'Europe/London', 1, 0.14), ('DE', 'BE', 'Europe/Berlin', 2, 0.12),
    ('ES', 'MD', 'Europe/Madrid', 2, 0.08), ('AU', 'NSW', 'Australia/Sydney', 10, 0.06),
    ('BE', 'BRU', 'Europe/Brussels', 2, 0.05), ('IN', 'UP', 'Asia/Kolkata', 5.5, 0.03)
) AS listed (country, region, timezone, hours_ahead, share)
"""


MEMORY_LIMIT = "4GB"


@contextmanager
def population(plan: Plan) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a scratch database with the macros and the table `people`; it spills to disk when it must."""
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder, duckdb.connect(f"{folder}/sample.duckdb") as opened:
        opened.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        _make_people(opened, plan)
        yield opened


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what was made for one source."""
    for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        if table != "people":
            connection.execute(f"DROP TABLE {table}")


def _make_people(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    connection.execute(MACROS.format(seed=plan.seed))
    connection.execute(
        f"""
        CREATE TABLE people AS
        WITH countries AS (
            SELECT *, sum(share) OVER (ORDER BY share DESC, country) AS upto FROM ({COUNTRIES})
        ), drawn AS (
            SELECT
                i AS person,
                u(i, 'country') AS draw,
                uuid_of(i, 'person') AS pseudonym,
                'u' || lpad(i::VARCHAR, 7, '0') AS user_id,
                100000 + i AS visitor_id,
                CASE WHEN u(i, 'sex') < 0.5 THEN 'Female' ELSE 'Male' END AS sex,
                CASE WHEN u(i, 'mobile') < 0.6 THEN 'mobile' WHEN u(i, 'mobile') < 0.96 THEN 'desktop'
                    ELSE 'tablet' END AS device,
                CASE WHEN u(i, 'ios') < 0.45 THEN 'ios' WHEN u(i, 'ios') < 0.9 THEN 'android'
                    ELSE 'web' END AS platform,
                TIMESTAMP '{plan.start}'
                    + to_microseconds((u(i, 'joined') * {plan.days} * 86400e6)::BIGINT) AS joined_at,
                u(i, 'staff') < 0.02 AS is_staff
            FROM range({plan.people}) AS ids(i)
        )
        SELECT drawn.* EXCLUDE draw, countries.country, countries.region, countries.timezone, countries.hours_ahead
        FROM drawn ASOF JOIN countries ON drawn.draw < countries.upto
        """
    )


def moment(plan: Plan, i: str, salt: str, hours_ahead: str = "0") -> str:
    """A time of the period (UTC): people are awake by their own clock, most of all in the evening."""
    day = f"floor(u({i}, '{salt}/day') * {plan.days})"
    hour = f"least(23.99, greatest(0, 17 + 4.5 * normal({i}, '{salt}/hour')))"
    drawn = f"TIMESTAMP '{plan.start}' + to_microseconds((({day} * 24 + {hour} - {hours_ahead}) * 3600e6)::BIGINT)"
    return f"least(TIMESTAMP '{plan.end} 23:30:00', greatest(TIMESTAMP '{plan.start}', {drawn}))"
