"""Checking an environment, and keeping what was found."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ibis.backends.duckdb import Backend

import contracts.results
from contracts import Contract, Integer, Text, column
from contracts.results import check_environment, find_tables, write_results

NOW = datetime(2025, 6, 2, tzinfo=UTC)


class Notes(Contract, layer="core", table="notes", key="note_id"):
    """One row per note."""

    note_id: Text = column("Identifier.")
    pages: Integer = column("Pages.", ge=1)


class Pads(Contract, layer="marts", table="pads", key="pad_id"):
    """One row per pad."""

    pad_id: Text = column("Identifier.")


@pytest.fixture
def warehouse(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Backend:
    monkeypatch.setattr(contracts.results, "all_contracts", lambda: (Notes, Pads))
    backend.raw_sql("CREATE SCHEMA core; CREATE SCHEMA core__dev; CREATE SCHEMA marts")
    backend.raw_sql("CREATE TABLE core.notes AS SELECT 'a' AS note_id, 3::BIGINT AS pages")
    backend.raw_sql("CREATE TABLE marts.pads AS SELECT 'p' AS pad_id")
    return backend


def test_a_clean_environment(warehouse: Backend) -> None:
    report = check_environment(warehouse, now=NOW)
    assert report.is_ok
    assert not report.warnings
    assert len(report.results) == len(Notes.rules()) + len(Pads.rules())


def test_an_environment_has_its_own_views_and_else_those_of_production(warehouse: Backend) -> None:
    warehouse.raw_sql("CREATE VIEW core__dev.notes AS SELECT 'a' AS note_id, 0::BIGINT AS pages")
    assert find_tables(warehouse, "dev") == {
        ("core", "notes"): ("core__dev", "notes"),
        ("marts", "pads"): ("marts", "pads"),
    }
    assert check_environment(warehouse, now=NOW).is_ok
    (error,) = check_environment(warehouse, environment="dev", now=NOW).errors
    assert (error.table, error.rule) == ("notes", "ge")


def test_a_missing_table_is_an_error(warehouse: Backend) -> None:
    warehouse.raw_sql("DROP TABLE marts.pads")
    heard: list[str] = []
    (error,) = check_environment(warehouse, now=NOW, on_table=heard.append).errors
    assert error.message == (
        "marts.pads table: the table does not exist in environment prod; build it, or remove its contract"
    )
    assert heard == ["core.notes", "marts.pads"]
    assert check_environment(warehouse, now=NOW, layers=("core",)).is_ok


def test_results_are_rows(warehouse: Backend) -> None:
    warehouse.raw_sql("INSERT INTO core.notes VALUES ('a', 0)")
    reports = [check_environment(warehouse, now=NOW) for _ in range(2)]
    for report in reports:
        write_results(warehouse, report)
    rows = warehouse.raw_sql(
        "SELECT rule, column_name, rows_checked, rows_failing, sample FROM contracts.results "
        "WHERE NOT is_passed AND run_id = ? ORDER BY rule",
        parameters=[reports[1].run_id],
    ).fetchall()
    assert rows == [
        ("ge", "pages", 2, 1, '{"note_id": "a", "pages": 0}'),
        ("unique", "note_id", 2, 1, '{"note_id": "a"}'),
    ]
    counts = warehouse.raw_sql("SELECT count(*), count(DISTINCT result_id) FROM contracts.results").fetchone()
    assert counts == (2 * len(reports[0].results),) * 2
