"""What BigQuery would bill: its documented sizes, minimums and rules, columns and partitions that a query needs."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import pytest
import sqlglot
from sqlglot import exp
from sqlmesh.core.dialect import parse
from sqlmesh.core.model import Model, load_sql_based_model

from headrace.config import CostSettings, Settings, load_settings
from headrace.cost import report
from headrace.cost.estimate import CostError, Unmeasured, estimate
from headrace.cost.meter import Bill, DryRun, Estimated
from headrace.cost.models import ModelCost, Views, audit_costs, check_costs, model_costs, partitions
from headrace.cost.pricing import MB, TIB, billed_bytes, usd
from headrace.cost.report import PlanCost, require_budget
from headrace.cost.statistics import Statistics, TableSize, measure
from headrace.terminal import Terminal
from tests.semantic.sqlapi.readers import Memory

JUNE = [dt.date(2025, 6, day) for day in (1, 2, 3)]
TABLES: Statistics = {
    "core.events": TableSize(
        "core.events",
        "occurred_at",
        {
            day: {"occurred_at": 8 * n, "user_id": 10 * n, "name": 20 * n}
            for n, day in zip((1, 10, 100), JUNE, strict=True)
        },
    ),
    "core.users": TableSize("core.users", None, {None: {"user_id": 1000, "country": 2000}}),
}


def test_prices_are_those_of_the_page() -> None:
    # https://cloud.google.com/bigquery/pricing: rounded up to the MB, 10 MB for each table and for the query
    assert billed_bytes([1]) == 10 * MB
    assert billed_bytes([1, 1]) == 20 * MB
    assert billed_bytes([11 * MB + 1]) == 12 * MB
    assert billed_bytes([11 * MB + 1, 5]) == 22 * MB
    assert billed_bytes([]) == billed_bytes([0]) == 0
    assert usd(TIB, 6.25) == 6.25
    assert usd(5 * TIB // 2, 6.25) == 15.625


def test_sizes_are_those_of_the_data_types() -> None:
    # https://cloud.google.com/bigquery/pricing#data: "Data size calculation"
    reader = Memory(
        "CREATE SCHEMA core; CREATE TABLE core.t (i BIGINT, f DOUBLE, b BOOLEAN, s VARCHAR, d DATE,"
        " happened TIMESTAMPTZ, n DECIMAL(38, 9), a BIGINT[]);"
        "INSERT INTO core.t VALUES (1, 1, true, 'añ', '2025-06-01', '2025-06-01 10:00:00+00', 1, [1, 2, 3]),"
        " (NULL, NULL, NULL, NULL, NULL, '2025-06-02 10:00:00+00', NULL, NULL), (1, 1, false, '', NULL, NULL, 1, [])"
    )
    found = measure(reader, {"core.t": "core.t", "core.gone": "core.gone"}, {"core.t": "happened"})
    assert list(found) == ["core.t"]
    first = {"i": 8, "f": 8, "b": 1, "s": 2 + 3, "d": 8, "happened": 8, "n": 16, "a": 24}
    assert dict(found["core.t"].days[JUNE[0]]) == first
    assert dict(found["core.t"].days[JUNE[1]]) == dict.fromkeys(first, 0) | {"happened": 8}
    assert dict(found["core.t"].days[None]) == {"i": 8, "f": 8, "b": 1, "s": 2, "d": 0, "happened": 0, "n": 16, "a": 0}


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT user_id FROM core.events", {"core.events": 1110}),
        ("SELECT COUNT(*) FROM core.events", {"core.events": 0}),
        ("SELECT COUNT(*) FROM core.events WHERE name = 'x'", {"core.events": 2220}),
        ("WITH all_of AS (SELECT * FROM core.events) SELECT user_id FROM all_of", {"core.events": 1110}),
        ("SELECT e.user_id FROM core.events AS e JOIN core.users AS u ON e.user_id = u.user_id",
         {"core.events": 1110, "core.users": 1000}),
        ("SELECT user_id FROM core.users UNION ALL SELECT country FROM core.users", {"core.users": 3000}),
        # "applying a LIMIT clause to a SELECT * query does not affect the amount of data read"
        ("SELECT * FROM core.users LIMIT 1", {"core.users": 3000}),
        ("SELECT user_id FROM core.users ORDER BY country LIMIT 1", {"core.users": 3000}),
        ("SELECT COUNT(DISTINCT country) FROM core.users", {"core.users": 2000}),
        ("SELECT user_id FROM core.users WHERE country IN (SELECT name FROM core.events)",
         {"core.users": 3000, "core.events": 2220}),
        # clustering saves what is known only afterwards: "the bytes estimate is an upper bound"
        ("SELECT user_id FROM core.users WHERE country = 'FR'", {"core.users": 3000}),
        # partitions
        ("SELECT user_id FROM core.events WHERE occurred_at >= TIMESTAMP '2025-06-03'", {"core.events": 1800}),
        ("SELECT user_id FROM core.events WHERE occurred_at < TIMESTAMP '2025-06-02'", {"core.events": 18}),
        ("SELECT user_id FROM core.events WHERE occurred_at <= TIMESTAMP '2025-06-02'", {"core.events": 198}),
        ("SELECT user_id FROM core.events WHERE TIMESTAMP '2025-06-02 12:00:00' > occurred_at", {"core.events": 198}),
        ("SELECT user_id FROM core.events WHERE occurred_at BETWEEN '2025-06-02' AND '2025-06-02 23:59:59'",
         {"core.events": 180}),
        ("SELECT user_id FROM core.events WHERE occurred_at >="
         " TIMESTAMP_SUB(CAST('2025-06-04 00:00:00+00:00' AS TIMESTAMP), INTERVAL 1 DAY)", {"core.events": 1800}),
        ("SELECT * FROM (SELECT user_id, occurred_at FROM core.events) WHERE occurred_at >= TIMESTAMP '2025-06-03'",
         {"core.events": 1800}),
        # what prunes nothing
        ("SELECT user_id FROM core.events WHERE DATE(occurred_at) >= '2025-06-03'", {"core.events": 1998}),
        ("SELECT user_id FROM core.events WHERE occurred_at >= '2025-06-03' OR user_id = 'x'", {"core.events": 1998}),
        ("SELECT user_id FROM core.events WHERE occurred_at >= (SELECT MAX(occurred_at) FROM core.events)",
         {"core.events": 1998}),
        ("SELECT country FROM core.users WHERE user_id >= '2025-06-03'", {"core.users": 3000}),
        # a table that is mentioned twice is read in all the partitions that either needs
        ("SELECT user_id FROM core.events WHERE occurred_at < TIMESTAMP '2025-06-02' UNION ALL"
         " SELECT user_id FROM core.events WHERE occurred_at < TIMESTAMP '2025-06-03'", {"core.events": 198}),
        ("SELECT day FROM staging.days", {"core.events": 888}),
    ],
)  # fmt: skip
def test_columns_and_partitions_that_are_read(sql: str, read: dict[str, int]) -> None:
    days = sqlglot.parse_one("SELECT DATE(occurred_at) AS day, name FROM core.events", dialect="bigquery")
    assert isinstance(days, exp.Query)
    found = estimate(query(sql), TABLES, {"staging.days": days})
    assert {scan.table: scan.bytes for scan in found.scans} == read


@pytest.mark.parametrize(
    ("rows", "columns", "billed_mb"),
    [
        # what a million rows of a few columns cost, by the sizes of the page
        (1_000_000, {"INT64": 8}, 10),
        (1_000_000, {"INT64": 8, "TIMESTAMP": 8}, 16),
        (1_000_000, {"NUMERIC": 16, "BOOL": 1}, 17),
        (1_000_000, {"STRING of 10": 12, "DATE": 8, "FLOAT64": 8}, 27),
        (125_000_000_000, {"INT64": 8}, 953_675),  # a terabyte (10^12) is 953,675 MB of 2^20 bytes, rounded up
    ],
)
def test_a_million_rows(rows: int, columns: dict[str, int], billed_mb: int) -> None:
    assert billed_bytes([sum(rows * size for size in columns.values())]) == billed_mb * MB


def test_the_first_tebibyte_and_the_next() -> None:
    # https://cloud.google.com/bigquery/pricing: 6.25 USD per TiB; a query of 5 TiB, and one of 200 MB
    assert usd(billed_bytes([5 * TIB]), 6.25) == 31.25
    assert usd(billed_bytes([200 * MB]), 6.25) == pytest.approx(0.001192, abs=1e-6)
    # the minimums: ten thousand queries of tiny tables, and of pairs of them, cost as if each had 10 MB
    assert usd(10_000 * billed_bytes([1]), 6.25) == pytest.approx(0.596, abs=1e-3)
    assert usd(10_000 * billed_bytes([1, 1]), 6.25) == pytest.approx(1.192, abs=1e-3)


def test_a_table_of_which_nothing_is_known() -> None:
    with pytest.raises(Unmeasured, match=r"nothing is known of core\.gone: build it first"):
        estimate(query("SELECT a FROM core.gone"), TABLES)


def test_runs_of_models() -> None:
    # "UPDATE, DELETE, MERGE: q' + t'": https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax
    daily = model(
        "name core.events, kind INCREMENTAL_BY_TIME_RANGE (time_column occurred_at, lookback 1), cron '@daily',"
        " columns (user_id STRING, name STRING, occurred_at TIMESTAMP)",
        "SELECT user_id, name, occurred_at FROM core.events WHERE occurred_at BETWEEN @start_ts AND @end_ts",
    )
    hourly = model("name marts.countries, kind FULL, cron '@hourly'", "SELECT country FROM core.users")
    models = {"core.events": daily, "marts.countries": hourly}
    meter = Exact()
    costs = {one.name: one for one in model_costs(models, Estimated(TABLES, Views(models)), JUNE[-1])}
    assert partitions(models) == {"core.events": "occurred_at"}
    assert (costs["marts.countries"].read, costs["marts.countries"].runs_per_year) == (2000, 8760)
    assert (costs["core.events"].read, costs["core.events"].runs_per_year) == (38 * 111, 365)
    assert costs["core.events"].run == 2 * 10 * MB  # two queries: what is read, and the partitions that are replaced
    exact = {one.name: one for one in model_costs(models, meter, JUNE[-1])}
    assert exact["core.events"].run == 2 * 38 * 110
    assert exact["core.events"].run_read == 2 * 38 * 110
    assert exact["core.events"].year == 2 * 38 * 110 * 365
    assert exact["marts.countries"].run == exact["marts.countries"].full == 2000


def test_audits_and_checks_of_contracts_are_queries_too() -> None:
    daily = model(
        "name core.events, kind INCREMENTAL_BY_TIME_RANGE (time_column occurred_at, lookback 1), cron '@daily',"
        " columns (user_id STRING, name STRING, occurred_at TIMESTAMP),"
        " audits (not_null(columns := user_id), not_null(columns := name))",
        "SELECT user_id, name, occurred_at FROM core.events WHERE occurred_at BETWEEN @start_ts AND @end_ts",
    )
    users = model(
        "name core.users, kind FULL, cron '@hourly', columns (user_id STRING, country STRING),"
        " audits (not_null(columns := user_id))",
        "SELECT user_id, country FROM core.users",
    )
    found = audit_costs({"core.events": daily, "core.users": users}, Exact(), JUNE[-1])
    assert (found.name, found.kind, found.full) == ("audits", "AUDIT", 2 * 38 * 111 + 3000)
    assert found.run == 2 * 38 * 110 + 3000  # two audits of the days of a run, one of the whole table
    assert found.year == pytest.approx(2 * 38 * 110 * 365 + 3000 * 8760, rel=1e-3)


def test_checks_read_the_columns_of_the_rules() -> None:
    asked: list[str] = []

    class Listening(Exact):
        def bill(self, query: exp.Query) -> Bill:
            asked.append(query.sql("bigquery"))
            return Bill(5, 10 * MB, {})

    found = check_costs({"core.sources", "core.watermarks", "core.nothing"}, Listening(), 365)
    assert len(asked) == 2
    assert "record_source" in asked[0]
    assert (found.name, found.read, found.run, found.runs_per_year) == ("contract checks", 10, 20 * MB, 365)


def test_over_the_budget() -> None:
    found = PlanCost([ModelCost("core.events", "FULL", TIB, TIB, TIB, 365)], "estimate", 6.25)
    require_budget(found, None)
    require_budget(found, 6.25)
    with pytest.raises(CostError, match=r"a run would cost 6\.25 USD, over the budget of 6\.00 USD"):
        require_budget(found, 6.0)
    assert found.year_usd == 6.25 * 365


def test_a_build_over_the_budget_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = PlanCost([ModelCost("core.events", "FULL", TIB, TIB, TIB, 365)], "estimate", 6.25)
    asked: list[str] = []

    def plan_cost(_: Settings, environment: str) -> PlanCost:
        asked.append(environment)
        if environment == "new":
            raise Unmeasured("nothing is known of core.events: build it first")
        return found

    monkeypatch.setattr(report, "plan_cost", plan_cost)
    local = load_settings(environ={})
    emulator = load_settings(environ={"HEADRACE_GATEWAY": "bigquery_emulator"})
    limited = dataclasses.replace(emulator, cost=CostSettings(budget_usd_per_run=6.0))
    report.hold_budget(local, "prod", Terminal())
    report.hold_budget(emulator, "prod", Terminal())
    assert asked == []
    with pytest.raises(CostError, match="over the budget"):
        report.hold_budget(limited, "prod", Terminal())
    report.hold_budget(limited, "new", Terminal())
    assert asked == ["prod", "new"]
    assert "cannot be told before it: nothing is known of core.events" in capsys.readouterr().err.replace("\n", " ")


def test_bigquery_is_asked_where_it_is_there() -> None:
    asked: list[str] = []

    class Runner:
        def bytes_processed(self, sql: str) -> int:
            asked.append(sql)
            return 25 * MB

    bill = DryRun(Runner(), {"core.events": "core__dev.events"}).bill(
        query("SELECT e.a FROM core.events AS e CROSS JOIN core.users AS u")
    )
    assert asked == ["SELECT e.a FROM `core__dev`.`events` AS e CROSS JOIN `core`.`users` AS u"]
    assert bill == Bill(25 * MB, 25 * MB, {})


class Exact:
    """A meter without minimums."""

    source = "estimate"

    def bill(self, query: exp.Query) -> Bill:
        read = estimate(query, TABLES).read
        return Bill(read, read, {})

    def bill_of_all_days(self, run: exp.Query, whole: Callable[[], exp.Query]) -> Bill:
        read = estimate(run, TABLES, is_pruned=False).read
        assert self.bill(whole()).read == read
        return Bill(read, read, {})


def query(sql: str) -> exp.Query:
    tree = sqlglot.parse_one(sql, dialect="bigquery")
    assert isinstance(tree, exp.Query)
    return tree


def model(header: str, sql: str) -> Model:
    return load_sql_based_model(
        parse(f"MODEL ({header}); {sql}", default_dialect="bigquery"), dialect="bigquery", default_catalog="memory"
    )
