"""Sample of `web_funnel`: users and a file per page; the same once more as a SQLite database."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ingestion.sample.database import write_database
from ingestion.sample.files import Written, append_lines, copy
from ingestion.sample.plan import Plan

_USERS = 12_000
KEPT = (1.0, 0.9, 0.8, 0.5, 0.18, 0.1)
"""Share of those on the page before who go on, before a page was added."""
KEPT_AFTER = (1.0, 0.9, 0.8, 0.5, 0.07, 0.1)
"""... and after: one page more stands before step 5."""

_SCHEMA = "CREATE TABLE users (user_id TEXT PRIMARY KEY, date TEXT, device TEXT, sex TEXT, channel TEXT);" + "".join(
    f"CREATE TABLE step{step} (user_id TEXT NOT NULL, page TEXT NOT NULL);" for step in range(1, 7)
)


def write_web_funnel(connection: duckdb.DuckDBPyConnection, plan: Plan, folder: Path) -> list[Written]:
    """Write users.csv and step1.csv to step6.csv, and beside the folder `<folder>_sqlite/web_funnel.sqlite`."""
    _make(connection, plan)
    users = "SELECT user_id, date, device, sex, channel FROM web_users ORDER BY hash(user_id)"
    pages = [
        f"SELECT user_id, 'step{step}' AS page FROM web_users WHERE reached >= {step} ORDER BY hash(user_id, {step})"
        for step in range(1, 7)
    ]
    written = [copy(connection, folder / "users.csv", users)]
    written += [copy(connection, folder / f"step{step}.csv", query) for step, query in enumerate(pages, 1)]
    if plan.dirty:
        written[0] = append_lines(written[0], ["100001,2025-02-31,Desktop,Female,search"])
    queries = {"users": users} | {f"step{step}": query for step, query in enumerate(pages, 1)}
    database = folder.with_name(f"{folder.name}_sqlite") / "web_funnel.sqlite"
    write_database(connection, database, _SCHEMA, queries)
    return written


def _make(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    def kept(step: int) -> str:
        added = f"date >= DATE '{plan.page_added_on}'"
        return f"u(person, 'step {step}') < CASE WHEN {added} THEN {KEPT_AFTER[step - 1]} ELSE {KEPT[step - 1]} END"

    reached = "CASE " + " ".join(f"WHEN NOT ({kept(step)}) THEN {step - 1}" for step in range(2, 7)) + " ELSE 6 END"
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE web_users AS
        WITH users AS (
            SELECT person, visitor_id AS user_id, joined_at::DATE AS date,
                CASE WHEN device = 'desktop' THEN 'Desktop' ELSE 'Mobile' END AS device, sex,
                CASE WHEN u(person, 'channel') < 0.6 THEN 'paid_ads' ELSE 'search' END AS channel
            FROM people ORDER BY person LIMIT {plan.rows(_USERS)}
        )
        SELECT *, {reached} AS reached FROM users
        """
    )
