# ruff: noqa: DTZ001 -- times of results are UTC, and have no zone
"""Semantic SQL: statements over views and cubes, planned, and run on a few rows whose answers are known."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from semantic.datamodel.load import load_data_model
from semantic.engine import Cancellation, Engine
from semantic.rest.convert import to_rest
from semantic.sqlapi import types as pg
from semantic.sqlapi.errors import (
    MeasureMisuse,
    NotAllowed,
    NotSupported,
    SqlApiError,
    UnknownColumn,
    UnknownFunction,
    UnknownTable,
)
from semantic.sqlapi.planner import executed, plan_sql
from semantic.sqlapi.session import Bound
from tests.semantic.sqlapi.readers import Elsewhere, Memory

CUBES = """
cubes:
  - name: orders
    sql_table: orders
    public: true
    joins:
      - {name: customers, relationship: many_to_one, sql: "{CUBE}.customer_id = {customers.id}"}
    dimensions:
      - {name: id, sql: id, type: number, primary_key: true}
      - {name: status, sql: status, type: string}
      - {name: amount, sql: amount, type: number}
      - name: created_at
        sql: created_at
        type: time
        granularities: [{name: fiscal_year, title: Fiscal year, interval: 1 year, offset: 3 months}]
    measures:
      - {name: count, type: count}
      - {name: total, sql: amount, type: sum}
      - {name: average, sql: amount, type: avg}
      - {name: buyers, sql: customer_id, type: count_distinct}
      - {name: ratio, sql: "1.0 * {done} / NULLIF({count}, 0)", type: number}
      - {name: running, sql: amount, type: sum, rolling_window: {trailing: unbounded}}
      - {name: running_count, type: count, rolling_window: {trailing: unbounded}}
      - {name: running_mean, type: number, sql: "{running} / {running_count}"}
      - {name: done, type: count, filters: [{sql: "{CUBE}.status = 'done'"}]}
    segments:
      - {name: big, sql: "{CUBE}.amount > 100"}
  - name: customers
    sql_table: customers
    dimensions:
      - {name: id, sql: id, type: number, primary_key: true}
      - {name: city, sql: city, type: string}
    measures:
      - {name: count, type: count}
      - {name: credit, sql: credit, type: sum}
  - name: secrets
    public: false
    sql_table: customers
    dimensions: [{name: id, sql: id, type: number, primary_key: true}]
views:
  - name: sales
    description: What was sold, to whom
    cubes:
      - {join_path: orders, includes: [status, amount, created_at, count, total, average, buyers, ratio, big]}
      - {join_path: orders.customers, includes: [city]}
"""
DATA = """
CREATE TABLE customers(id INTEGER, city VARCHAR, credit DECIMAL(10,2));
INSERT INTO customers VALUES (1, 'Berlin', 10), (2, 'Paris', 20), (3, NULL, 40);
CREATE TABLE orders(id INTEGER, customer_id INTEGER, status VARCHAR, amount DECIMAL(10,2), created_at TIMESTAMPTZ);
INSERT INTO orders VALUES
  (1, 1, 'done', 120, '2024-01-05 10:00:00+00'), (2, 1, 'done', 30, '2024-01-31 23:59:59.999999+00'),
  (3, 2, 'void', 250, '2024-02-01 00:00:00+00'), (4, 2, 'done', 80, '2024-02-02 12:00:00+00'),
  (5, 3, 'new', 10, '2024-04-28 12:00:00+00'), (6, NULL, NULL, 5, '2023-12-31 23:59:59+00');
"""


@pytest.fixture(scope="module", params=["whole", "staged"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Over DuckDB, which runs statements as a whole, and over a gateway that takes compiled queries only."""
    folder: Path = tmp_path_factory.mktemp("model")
    (folder / "model.yml").write_text(CUBES)
    memory = Memory(DATA)
    return Engine(load_data_model(folder), memory if request.param == "whole" else Elsewhere(memory))


def ask(engine: Engine, sql: str, *values: Bound) -> list[tuple[object, ...]]:
    plan = plan_sql(engine, sql, parameters=values, user="ada")
    with executed(engine, plan, Cancellation()) as cursor:
        return cursor.fetchall()


CASES: list[tuple[str, list[tuple[object, ...]]]] = [
    ("SELECT status, MEASURE(count) FROM sales GROUP BY 1 ORDER BY 1",
     [("done", 3), ("new", 1), ("void", 1), (None, 1)]),
    # Grouping is implied by MEASURE; names may be quoted, qualified, aliased, in any letter case.
    ('SELECT S."status", Measure(Count) FROM public.Sales AS S ORDER BY 2 DESC, 1 LIMIT 1', [("done", 3)]),
    ("SELECT COUNT(*), SUM(total), AVG(average), COUNT(DISTINCT buyers) FROM sales", [(6, Decimal(495), 82.5, 3)]),
    ("SELECT MEASURE(total) / MEASURE(count) FROM sales", [(82.5,)]),
    ("SELECT status AS s, MEASURE(count) AS n FROM sales GROUP BY s HAVING MEASURE(count) > 1", [("done", 3)]),
    ("SELECT status FROM sales GROUP BY 1 ORDER BY MEASURE(total) DESC LIMIT 2", [("void",), ("done",)]),
    ("SELECT DATE_TRUNC('month', created_at) AS m, SUM(total) FROM sales GROUP BY 1 ORDER BY m LIMIT 2",
     [(dt.datetime(2023, 12, 1), Decimal(5)), (dt.datetime(2024, 1, 1), Decimal(150))]),
    ("SELECT DATE_TRUNC('fiscal_year', created_at), MEASURE(count) FROM orders GROUP BY 1 ORDER BY 1",
     [(dt.datetime(2023, 4, 1), 5), (dt.datetime(2024, 4, 1), 1)]),
    # A condition on the time is the range that a rolling window shows, not a filter of its rows.
    ("SELECT DATE_TRUNC('month', created_at), MEASURE(running), MEASURE(count) FROM orders WHERE created_at >="
     " '2024-01-01' AND created_at < DATE '2024-03-01' AND amount > 7 GROUP BY 1 ORDER BY 1",
     [(dt.datetime(2024, 1, 1), Decimal(150), 2), (dt.datetime(2024, 2, 1), Decimal(480), 2)]),
    ("SELECT DATE_TRUNC('month', created_at), MEASURE(running_mean) FROM orders WHERE created_at BETWEEN '2024-01-01'"
     " AND '2024-01-31' AND amount > 7 GROUP BY 1", [(dt.datetime(2024, 1, 1), 75.0)]),
    # Without a bucket the window hangs on the end of the range.
    ("SELECT MEASURE(running), MEASURE(count) FROM orders WHERE created_at >= '2024-02-01' AND created_at <"
     " '2024-03-01' AND amount > 7", [(Decimal(480), 2)]),
    ("SELECT MEASURE(running_mean) FROM orders WHERE created_at BETWEEN '2024-01-01' AND '2024-01-31' AND amount > 7",
     [(120.0,)]),
    ("SELECT MEASURE(running) FROM orders WHERE created_at >= '2024-02-01' AND amount > 7", [(Decimal(340),)]),
    # Expressions as keys are right for measures that do not add up, too.
    ("SELECT CASE WHEN city = 'Berlin' THEN 'B' ELSE 'x' END, MEASURE(buyers), MEASURE(average) FROM sales GROUP BY 1"
     " ORDER BY 1", [("B", 1, 75.0), ("x", 2, 86.25)]),
    ("SELECT date_part('year', created_at), MEASURE(buyers) FROM sales GROUP BY 1 ORDER BY 1", [(2023, 0), (2024, 3)]),
    # Conditions: as SQL means them, NULLs and letter case included.
    ("SELECT COUNT(*) FROM sales WHERE status <> 'done'", [(2,)]),
    ("SELECT COUNT(*) FROM sales WHERE NOT status IN ('done', 'new')", [(1,)]),
    ("SELECT COUNT(*) FROM sales WHERE status IS NULL OR amount BETWEEN 10 AND 30", [(3,)]),
    ("SELECT MEASURE(count) FROM sales WHERE status LIKE 'D%'", [(0,)]),
    ("SELECT MEASURE(count) FROM sales WHERE status ILIKE 'D%' AND 100 < amount", [(1,)]),
    ("SELECT MEASURE(count) FROM sales WHERE created_at >= '2024-01-01' AND created_at < '2024-02-01'", [(2,)]),
    ("SELECT MEASURE(count) FROM sales WHERE created_at <= '2024-02-01'", [(4,)]),
    ("SELECT MEASURE(count) FROM sales WHERE big IS TRUE AND city = 'Paris'", [(1,)]),
    ("SELECT amount FROM sales WHERE big ORDER BY 1", [(Decimal(120),), (Decimal(250),)]),
    ("SELECT MEASURE(count) FROM sales WHERE city IN (SELECT city FROM sales GROUP BY 1 HAVING MEASURE(total) > 200)",
     [(2,)]),
    # Rows.
    ("SELECT status, total FROM sales WHERE amount < 20 ORDER BY amount", [(None, Decimal(5)), ("new", Decimal(10))]),
    ("SELECT * FROM sales WHERE status = 'new'",
     [("new", Decimal(10), dt.datetime(2024, 4, 28, 12), None, 1, Decimal(10), Decimal(10), 1, None)]),
    ("SELECT DISTINCT city FROM sales ORDER BY 1 DESC", [(None,), ("Paris",), ("Berlin",)]),
    ("SELECT status, SUM(amount * 2), COUNT(*) FROM sales WHERE city = 'Paris' GROUP BY 1 ORDER BY 1",
     [("done", Decimal(160), 1), ("void", Decimal(500), 1)]),
    ("SELECT string_agg(status, ',' ORDER BY amount DESC) FROM sales WHERE city = 'Paris'", [("void,done",)]),
    ("SELECT 1 FROM customers LIMIT 1", [(1,)]),
    ("SELECT __user FROM sales LIMIT 1", [("ada",)]),
    # A measure beside an aggregate over a dimension.
    ("SELECT status, MEASURE(count), MAX(city) FROM sales GROUP BY 1 ORDER BY 1 LIMIT 1", [("done", 3, "Paris")]),
    ("SELECT MEASURE(total), COUNT(*) FILTER (WHERE city = 'Paris') FROM sales", [(Decimal(495), 2)]),
    ("SELECT MEASURE(total) FILTER (WHERE status = 'done'), AVG(average), COUNT(*) FROM orders LIMIT ALL",
     [(Decimal(230), 82.5, 6)]),
    # A join with groups that are looked at for nothing else says which rows are meant.
    ("SELECT DATE_TRUNC('year', created_at) AS t, status, SUM(total) AS sum FROM orders JOIN (SELECT status AS "
     "status__, SUM(total) AS inner__ FROM orders WHERE amount > 5 GROUP BY status ORDER BY inner__ DESC LIMIT 2) AS "
     "series_limit ON status = status__ WHERE amount < 200 GROUP BY status, DATE_TRUNC('year', created_at) ORDER BY "
     "sum DESC", [(dt.datetime(2024, 1, 1), "done", Decimal(230))]),
    ("SELECT s.status, MEASURE(buyers) FROM sales s INNER JOIN (SELECT city c, status, COUNT(*) FROM sales GROUP BY "
     "1, 2 HAVING COUNT(*) > 1) g ON g.c = s.city AND (s.status = g.status) GROUP BY 1", [("done", 1)]),
    # `SELECT *` of a table inside of another query is the table, and not rows of all that joins it.
    ("SELECT q.status, SUM(q.total), COUNT(*) FROM (SELECT * FROM sales s WHERE s.amount > 20 AND city IS NOT NULL) q"
     " WHERE status <> 'void' GROUP BY 1", [("done", Decimal(230), 3)]),
    ("WITH q AS (SELECT * FROM sales), r AS (SELECT status, SUM(total) t FROM q GROUP BY 1) SELECT r.t, (SELECT"
     " MEASURE(total) FROM q) FROM r WHERE status = 'done'", [(Decimal(230), Decimal(495))]),
    ("SELECT COUNT(*), MEASURE(b.buyers) FROM (SELECT * FROM (SELECT * FROM orders) a WHERE a.status = 'done') b",
     [(3, 2)]),
    ("SELECT COUNT(*) FROM (SELECT * FROM orders LIMIT 4) q", [(4,)]),
    # So are columns of it, when their measures are aggregated by their own functions; rows are rows otherwise.
    ("SELECT q.s, SUM(q.t) AS t, COUNT(DISTINCT b), COUNT(*) FROM (SELECT s.status AS s, s.total t, s.city, s.buyers b"
     " FROM sales s) q WHERE q.city = 'Paris' GROUP BY q.s ORDER BY t", [("done", Decimal(80), 1, 1),
                                                                       ("void", Decimal(250), 1, 1)]),
    ("SELECT MAX(q.t), AVG(q.t), COUNT(*) FROM (SELECT total AS t FROM orders WHERE amount > 7) q",
     [(Decimal(250), 98.0, 5)]),
    ("SELECT (SELECT MEASURE(total) FROM sales)", [(Decimal(495),)]),
    ("SELECT CAST(1.23456 AS numeric), 7::decimal / 2", [(Decimal("1.23456"), 3.5)]),
    # A measure of some rows.
    ("SELECT MEASURE(total) FILTER (WHERE city = 'Paris'), MEASURE(total), SUM(total) FILTER (WHERE big) FROM sales",
     [(Decimal(330), Decimal(495), Decimal(370))]),
    ("SELECT status, COUNT(DISTINCT buyers) FILTER (WHERE amount > 50 OR city IS NULL) AS n, AVG(average) FILTER "
     "(WHERE amount < 100) FROM sales GROUP BY 1 ORDER BY 1 LIMIT 2", [("done", 2, 55.0), ("new", 1, 10.0)]),
    ("SELECT COUNT(*) FROM sales GROUP BY status HAVING MEASURE(count) FILTER (WHERE NOT big) > 1", [(3,)]),
    # Segments are columns that are true or not.
    ("SELECT big, MEASURE(count) FROM sales GROUP BY 1 ORDER BY 2", [(True, 2), (False, 4)]),
    ("SELECT status, big FROM sales WHERE amount > 70 ORDER BY amount",
     [("done", False), ("done", True), ("void", True)]),
    ("SELECT MEASURE(total) FROM sales WHERE big OR status = 'new'", [(Decimal(380),)]),
    ("SELECT MEASURE(total) FROM sales WHERE NOT big", [(Decimal(125),)]),
    ("SELECT MEASURE(total) FROM sales WHERE big IS FALSE AND city IS NULL", [(Decimal(15),)]),
    ("SELECT CASE WHEN big THEN 'large' ELSE 'small' END AS size, MEASURE(count) FROM sales GROUP BY 1 ORDER BY 1",
     [("large", 2), ("small", 4)]),
    ("SELECT s.status FROM sales s JOIN (VALUES ('void')) v(a) ON v.a = s.status WHERE s.big", [("void",)]),
    # What DuckDB does over the compiled sub-select.
    ("WITH a AS (SELECT status, MEASURE(count) AS n FROM sales GROUP BY 1) SELECT sum(n), max(n) FROM a", [(6, 3)]),
    ("SELECT status, ROUND(100.0 * MEASURE(count) / SUM(MEASURE(count)) OVER (), 1) FROM sales GROUP BY 1"
     " ORDER BY 2 DESC LIMIT 1", [("done", 50.0)]),
    ("SELECT status, RANK() OVER (ORDER BY MEASURE(total) DESC) AS r FROM sales GROUP BY 1 ORDER BY r LIMIT 1",
     [("void", 1)]),
    ("SELECT MEASURE(count) FROM sales UNION ALL SELECT MEASURE(count) FROM customers", [(6,), (3,)]),
    ("SELECT status, (SELECT MEASURE(credit) FROM customers) FROM sales GROUP BY 1 ORDER BY 1 LIMIT 1",
     [("done", Decimal(70))]),
    ("SELECT a.status, b.n FROM (SELECT status FROM sales GROUP BY 1) a JOIN (SELECT status, MEASURE(count) n"
     " FROM sales GROUP BY 1) b ON a.status = b.status WHERE b.n > 1", [("done", 3)]),
    ("SELECT o.status, v.label FROM orders o JOIN (VALUES ('new', 'fresh')) AS v(s, label) ON v.s = o.status",
     [("new", "fresh")]),
    ("SELECT count(*) FROM sales s WHERE EXISTS (SELECT 1 FROM customers c WHERE c.city = s.city)", [(4,)]),
    # Joins that the data model makes.
    ("SELECT customers.city, MEASURE(orders.count) FROM orders CROSS JOIN customers GROUP BY 1 ORDER BY 1",
     [("Berlin", 2), ("Paris", 2), (None, 2)]),
    ("SELECT c.city, SUM(c.credit), MEASURE(o.count) FROM orders o JOIN customers c ON o.__cubeJoinField ="
     " c.__cubeJoinField GROUP BY 1 ORDER BY 1 LIMIT 1", [("Berlin", Decimal(10), 2)]),
    # Each level of grouping is asked by itself: a count of buyers is not the sum of those below.
    ("SELECT status, MEASURE(buyers), GROUPING(status) FROM sales GROUP BY ROLLUP(status) ORDER BY 3, 1",
     [("done", 2, 0), ("new", 1, 0), ("void", 1, 0), (None, 0, 0), (None, 3, 1)]),
    ("SELECT status AS s, city, MEASURE(buyers) AS n FROM sales WHERE status = 'done' GROUP BY CUBE(s, city)"
     " ORDER BY s, city", [("done", "Berlin", 1), ("done", "Paris", 1), ("done", None, 2), (None, "Berlin", 1),
                           (None, "Paris", 1), (None, None, 2)]),
    ("SELECT DATE_TRUNC('year', created_at), city, MEASURE(count) FROM sales GROUP BY 1, ROLLUP(city)"
     " HAVING MEASURE(count) > 1 ORDER BY 1, 2 LIMIT 2",
     [(dt.datetime(2024, 1, 1), "Berlin", 2), (dt.datetime(2024, 1, 1), "Paris", 2)]),
    ("SELECT status, city, GROUPING(status, city) AS g, SUM(total) FROM sales WHERE city IS NOT NULL"
     " GROUP BY GROUPING SETS ((status, city), (city), ()) ORDER BY g DESC, 2, 1 LIMIT 3",
     [(None, None, 3, Decimal(480)), (None, "Berlin", 2, Decimal(150)), (None, "Paris", 2, Decimal(330))]),
    ("SELECT status FROM sales GROUP BY ROLLUP(status) ORDER BY 1 LIMIT 2", [("done",), ("new",)]),
    ("SELECT MEASURE(count) / 4, MEASURE(count) / 0 FROM sales", [(1.5, float("inf"))]),
    ("SELECT COUNT(*), SUM(n) FROM (SELECT status, MEASURE(buyers) AS n FROM sales GROUP BY ROLLUP(status)) AS t",
     [(5, 7)]),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "rows"), CASES, ids=[sql[:70] for sql, _ in CASES])
def test_answers(engine: Engine, sql: str, rows: list[tuple[object, ...]]) -> None:
    assert ask(engine, sql) == rows


LEVELS = {
    "ROLLUP (status, city)": ["status, city", "status", ""],
    "CUBE (status, city)": ["status, city", "status", "city", ""],
    "status, ROLLUP (city)": ["status, city", "status"],
    "ROLLUP ((status, city))": ["status, city", ""],
    "CUBE (1), ROLLUP (2)": ["status, city", "status", "city", ""],
    "GROUPING SETS ((status, city), city, ())": ["status, city", "city", ""],
    "GROUPING SETS (ROLLUP (status, city), (city))": ["status, city", "status", "", "city"],
    "GROUPING SETS (status, city, status)": ["status", "city", "status"],
}


@pytest.mark.parametrize("spec", LEVELS)
def test_levels_are_what_each_is_by_itself(engine: Engine, spec: str) -> None:
    measures = "MEASURE(buyers), MEASURE(average) FROM sales"
    expected = []
    for level in LEVELS[spec]:
        keys = level.split(", ") if level else []
        shown = ", ".join(key if key in keys else "NULL" for key in ("status", "city"))
        expected += ask(engine, f"SELECT {shown}, {measures}" + (f" GROUP BY {level}" if level else ""))
    found = ask(engine, f"SELECT status, city, {measures} GROUP BY {spec}")
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


REFUSED: list[tuple[str, type[SqlApiError], str]] = [
    ("SELECT status, AVG(total) FROM sales GROUP BY 1", MeasureMisuse, "type sum"),
    ("SELECT MEASURE(status) FROM sales", MeasureMisuse, "dimension"),
    ("SELECT status, total FROM sales GROUP BY 1", MeasureMisuse, "must be aggregated"),
    ("SELECT status, MEASURE(total) FROM sales WHERE total > 3 GROUP BY 1", MeasureMisuse, "WHERE"),
    ("SELECT status, amount, MEASURE(total) FROM sales GROUP BY 1", MeasureMisuse, "must appear in the GROUP BY"),
    ("SELECT status, SUM(MEASURE(total)) OVER () FROM sales GROUP BY ROLLUP(status)", NotSupported, "window functions"),
    (
        "SELECT status FROM sales GROUP BY ROLLUP(status) ORDER BY MEASURE(total)",
        NotSupported,
        "no column of the result",
    ),
    ("SELECT MEASURE(total) FROM sales GROUP BY CUBE(1, 1, 1, 1, 1, 1, 1, 1)", NotSupported, "more levels than 64"),
    (
        "SELECT MEASURE(total), status, city FROM sales GROUP BY CUBE(2, 3), CUBE(2, 3), CUBE(2, 3), ROLLUP(2)",
        NotSupported,
        "128 levels",
    ),
    ("SELECT MEASURE(ratio) FILTER (WHERE city = 'Paris') FROM sales", SqlApiError, "FILTER"),
    ("SELECT MEASURE(running) FILTER (WHERE status = 'done') FROM orders", SqlApiError, "FILTER"),
    ("SELECT statu FROM sales", UnknownColumn, "statu"),
    ("SELECT s.x FROM sales s", UnknownColumn, "s.x"),
    ("SELECT 1 FROM secrets", UnknownTable, "secrets"),
    ("SELECT 1 FROM core.orders", UnknownTable, "core.orders"),
    ("SELECT * FROM (customers)", SqlApiError, "customers"),
    ("SELECT * FROM (main.customers) AS c", SqlApiError, "customers"),
    ("SELECT * FROM (customers CROSS JOIN orders)", SqlApiError, "customers"),
    ("SELECT 1 FROM sales, LATERAL (SELECT * FROM main.customers) AS c", SqlApiError, "customers"),
    ("SELECT (SELECT max(credit) FROM main.customers) FROM sales", SqlApiError, "customers"),
    (
        "SELECT * FROM (customers), (WITH customers AS (SELECT 1) SELECT * FROM customers) AS x",
        SqlApiError,
        "customers",
    ),
    ("SELECT * FROM sales, pg_catalog.pg_class", SqlApiError, "pg_class"),
    ("SELECT * FROM sales TABLESAMPLE SYSTEM (10)", SqlApiError, "SAMPLE"),
    ("SELECT a FROM sales AS s(a)", SqlApiError, "COLUMN ALIASES"),
    ("WITH x AS (SELECT * FROM main.customers) SELECT * FROM x", SqlApiError, "customers"),
    ("WITH customers AS (SELECT 1 AS a) SELECT * FROM main.customers", SqlApiError, "customers"),
    ("SELECT * FROM sales PIVOT (MAX(total) FOR status IN ('done')) AS p", SqlApiError, "PIVOTS"),
    ("SELECT id FROM orders", UnknownColumn, "id"),
    ("SELECT * FROM read_csv('/etc/passwd')", NotAllowed, "csv"),
    ("SELECT * FROM read_text('/etc/passwd')", UnknownFunction, "read_text"),
    ("SELECT * FROM '/etc/passwd'", UnknownTable, "passwd"),
    ("SELECT getenv('HOME') FROM sales", UnknownFunction, "getenv"),
    ("SELECT * FROM duckdb_settings()", UnknownFunction, "duckdb_settings"),
    ("SELECT * FROM query('SELECT 1')", UnknownFunction, "query"),
    ("SELECT MEASURE(n) FROM (SELECT 1 AS n) AS x", MeasureMisuse, "FROM"),
    ("SELECT MEASURE(o.count) FROM orders o JOIN (VALUES (1)) v(a) ON v.a = o.amount", MeasureMisuse, "join"),
]


@pytest.mark.parametrize(("sql", "kind", "words"), REFUSED, ids=[sql for sql, *_ in REFUSED])
def test_refusals(engine: Engine, sql: str, kind: type[SqlApiError], words: str) -> None:
    with pytest.raises(kind, match=words):
        ask(engine, sql)


def test_parameters_stay_parameters(engine: Engine) -> None:
    sql = "SELECT city, MEASURE(count) FROM sales WHERE status = $1 AND upper(city) = $2 GROUP BY 1 LIMIT $3"
    values = (Bound("done", pg.TEXT), Bound("PARIS", pg.TEXT), Bound(5, pg.INT8))
    plan = plan_sql(engine, sql, parameters=values)
    compiled = [one.compiled.sql for one in plan.inputs]
    assert "done" not in plan.sql + "".join(compiled)
    assert "PARIS" not in plan.sql or compiled
    assert ask(engine, sql, *values) == [("Paris", 1)]


def test_a_value_never_becomes_sql(engine: Engine) -> None:
    hostile = "x' OR '1'='1"
    assert ask(engine, "SELECT COUNT(*) FROM sales WHERE status = $1", Bound(hostile, pg.TEXT)) == [(0,)]
    assert ask(engine, "SELECT COUNT(*) FROM sales WHERE status = 'x'' OR ''1''=''1'") == [(0,)]
    assert ask(engine, "SELECT COUNT(*) FROM sales WHERE status || '' LIKE $1", Bound(hostile, pg.TEXT)) == [(0,)]


def test_positions_point_into_the_statement(engine: Engine) -> None:
    with pytest.raises(UnknownColumn) as caught:
        ask(engine, "SELECT status,\n  statuss FROM sales")
    assert caught.value.position == 18
    assert caught.value.hint == 'Did you mean "status"?'


def test_no_limit_is_implied(engine: Engine) -> None:
    rows = "SELECT o.amount FROM orders o, generate_series(1, 20000) AS g(i)"
    assert len(ask(engine, rows)) == 120_000


def test_the_range_of_a_window_is_one_in_rest_too(engine: Engine) -> None:
    span = "created_at >= '2024-02-01' AND created_at < '2024-03-01'"
    time = {"dimension": "orders.created_at", "dateRange": ["2024-02-01T00:00:00.000", "2024-02-29T23:59:59.999"]}
    plain = f"SELECT MEASURE(running) FROM orders WHERE {span}"
    assert to_rest(plain, plan_sql(engine, plain)) == {"measures": ["orders.running"], "timeDimensions": [time]}
    grouped = f"SELECT DATE_TRUNC('month', created_at), MEASURE(running) FROM orders WHERE {span} GROUP BY 1"
    assert to_rest(grouped, plan_sql(engine, grouped))["timeDimensions"] == [time | {"granularity": "month"}]
