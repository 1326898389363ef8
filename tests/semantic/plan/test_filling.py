"""Dates that nothing happened on, and something else for no value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from semantic.compiler import Compiler
from semantic.datamodel.load import load_sources
from semantic.engine import Engine
from semantic.errors import DataModelError, QueryError
from semantic.explain import explain
from semantic.query.echo import echo
from tests.semantic.judge import ours, rows
from tests.semantic.sqlapi.readers import Elsewhere, Memory
from tests.semantic.sqlapi.test_semantic_sql import ask

MODEL = """
cubes:
  - name: sales
    sql_table: shop.sales
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: kind, sql: kind, type: string }
      - name: sold_at
        sql: sold_at
        type: time
        mask: "'2000-01-01'"
        granularities:
          - { name: fortnight, interval: 2 weeks, origin: "2024-01-01" }
          - { name: half_hours, interval: 1 hour 30 minutes, origin: "2024-01-01" }
          - { name: quarter, sql: "DATE_TRUNC('quarter', {CUBE}.sold_at)" }
      - { name: paid_at, sql: paid_at, type: time }
    measures:
      - { name: count, type: count }
      - { name: total, sql: euros, type: sum }
      - { name: revenue, sql: euros, type: sum, meta: { join_to_timespine: true, fill_nulls_with: 0 } }
      - { name: last_kind, sql: "MAX({CUBE}.kind)", type: string, meta: { join_to_timespine: true } }
      - { name: rolling, sql: euros, type: sum, rolling_window: { trailing: 1 day } }
    pre_aggregations:
      - { name: by_day, measures: [revenue], time_dimension: sold_at, granularity: day }
"""
TABLE = """
CREATE SCHEMA shop;
CREATE TABLE shop.sales AS SELECT *, sold_at AS paid_at FROM (VALUES
  (1, 'a', TIMESTAMP '2024-03-30 12:00:00', 5), (2, 'b', TIMESTAMP '2024-03-30 13:00:00', 7),
  (3, NULL, TIMESTAMP '2024-04-01 12:00:00', NULL), (4, 'a', TIMESTAMP '2024-05-20 12:00:00', 9)
) AS t(id, kind, sold_at, euros);
CREATE TABLE shop.by_day AS SELECT DATE_TRUNC('day', sold_at) AS sales__sold_at_day, SUM(euros) AS sales__revenue
FROM shop.sales GROUP BY 1;
"""
DAYS = {"dimension": "sales.sold_at", "granularity": "day", "dateRange": ["2024-03-30", "2024-04-01"]}
MONTHS = {"dimension": "sales.sold_at", "granularity": "month"}
PAID = {"dimension": "sales.paid_at", "granularity": "day"}
FILLED = DAYS | {"fillMissingDates": True}
SECONDS = {"granularity": "second", "dateRange": ["2024-03-30", "2024-04-01"]}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with rows.connect() as connection:
        connection.execute(TABLE)
        yield connection


def asked(*measures: str, time: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"measures": [f"sales.{name}" for name in measures], "timeDimensions": [time], **more}


def day(number: int, month: int = 3) -> str:
    return f"2024-{month:02}-{number:02}T00:00:00.000"


BY_KIND = {"dimensions": ["sales.kind"]}
CASES: dict[str, tuple[dict[str, Any], list[tuple[Any, ...]]]] = {
    "as they are": (asked("total", time=DAYS), [(day(30), 12), (day(1, 4), None)]),
    "filled": (asked("total", "count", time=FILLED), [(day(30), 12, 2), (day(31), None, None), (day(1, 4), None, 1)]),
    "each group": (
        asked("count", time=FILLED, **BY_KIND, order=[["sales.kind", "asc"], ["sales.sold_at", "asc"]]),
        [("a", day(30), 1), ("a", day(31), None), ("a", day(1, 4), None), ("b", day(30), 1), ("b", day(31), None),
         ("b", day(1, 4), None), (None, day(30), None), (None, day(31), None), (None, day(1, 4), 1)],
    ),
    "no group without rows": (
        asked("count", time=FILLED | {"dateRange": ["2023-01-01", "2023-01-02"]}, **BY_KIND), []),
    "a page of them": (asked("count", time=FILLED, limit=1, offset=1), [(day(31), None)]),
    "after conditions over measures": (
        asked("count", time=FILLED, filters=[{"member": "sales.count", "operator": "gt", "values": ["1"]}]),
        [(day(30), 2), (day(31), None), (day(1, 4), None)],
    ),
    "two granularities": (
        asked("count", time=FILLED) | {"timeDimensions": [FILLED, MONTHS]},
        [(day(30), day(1), 2), (day(31), day(1), None), (day(1, 4), day(1, 4), 1)],
    ),
    "a granularity of one's own": (
        asked("count", time=FILLED | {"granularity": "fortnight", "dateRange": ["2024-03-30", "2024-05-01"]}),
        [(day(25), 3), (day(8, 4), None), (day(22, 4), None)],
    ),
    "an interval of two units": (
        asked("count", time=FILLED | {"granularity": "half_hours",
                                      "dateRange": ["2024-03-30T11:00", "2024-03-30T15:00"]}),
        [("2024-03-30T10:30:00.000", None), ("2024-03-30T12:00:00.000", 2), ("2024-03-30T13:30:00.000", None),
         ("2024-03-30T15:00:00.000", None)],
    ),
    "a window": (asked("rolling", time=FILLED), [(day(30), 12), (day(31), None), (day(1, 4), None)]),
    "as a measure says": (
        asked("revenue", "total", time=DAYS), [(day(30), 12, 12), (day(31), 0, None), (day(1, 4), 0, None)]),
    "a measure's say without a series": (
        {"measures": ["sales.revenue"], "dimensions": ["sales.kind"]}, [("a", 14), ("b", 7), (None, 0)]),
    "a measure's say without a range": (
        asked("revenue", time=MONTHS), [(day(1), 12), (day(1, 4), 0), (day(1, 5), 9)]),
    "a measure's say over rows": (
        asked("revenue", time=DAYS, ungrouped=True), [(day(30), 5), (day(30), 7), (day(1, 4), None)]),
}  # fmt: skip


@pytest.mark.parametrize("dialect", ours.DIALECTS)
@pytest.mark.parametrize("name", CASES)
def test_values(connection: duckdb.DuckDBPyConnection, name: str, dialect: ours.Dialect) -> None:
    query, expected = CASES[name]
    model = load_sources({"shop.yml": MODEL})
    found = [tuple(row.values()) for row in ours.answer(connection, model, query, dialect)]
    if "order" in query:
        assert found == expected
    assert sorted(map(repr, found)) == sorted(repr(tuple(map(rows.plain, row))) for row in expected)
    if "limit" not in query:
        assert ours.total(connection, model, query, dialect) == len(expected)


def test_a_rollup_is_filled_too(connection: duckdb.DuckDBPyConnection) -> None:
    model = load_sources({"shop.yml": MODEL})
    compiler = Compiler(model, visible_only=False, pre_aggregations={"sales.by_day": "shop.by_day"})
    compiled = compiler.compile(ours.parsed(model, asked("revenue", time=DAYS)))
    assert compiled.used_pre_aggregations == ("sales.by_day",)
    found = [tuple(row.values()) for row in ours.run(connection, compiled)]
    assert sorted(found) == [(day(30), 12), (day(31), 0), (day(1, 4), 0)]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no granularity": (asked("count", time={"dimension": "sales.sold_at", "dateRange": ["2024-01-01", "2024-01-02"],
                                            "fillMissingDates": True}), "needs a granularity and a dateRange"),
    "no range": (asked("count", time={"dimension": "sales.sold_at", "granularity": "day", "fillMissingDates": True}),
                 "needs a granularity and a dateRange"),
    "no boolean": (asked("count", time=DAYS | {"fillMissingDates": "yes"}), "must be a boolean"),
    "several times": (
        asked("count", time=FILLED) | {"timeDimensions": [FILLED, PAID]},
        "along one time dimension"),
    "rows": (asked("count", time=FILLED, ungrouped=True), "not grouped"),
    "SQL of one's own": (asked("count", time=FILLED | {"granularity": "quarter"}), "defined by SQL"),
    "a window over it": (asked("rolling", time=DAYS | {"granularity": "quarter"}), "defined by SQL"),
    "too many": (asked("count", time=FILLED | SECONDS), "over limit \\(50000\\)"),
    "too many of a finer one": (
        asked("count", time=FILLED) | {"timeDimensions": [FILLED | {"granularity": "month"},
                                                          {"dimension": "sales.sold_at", "granularity": "second"}]},
        "by second is over limit"),
    "too many for a window": (asked("rolling", time=DAYS | SECONDS), "over limit"),
    "too many for a measure": (asked("revenue", time=DAYS | SECONDS), "over limit"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    query, message = REFUSED[name]
    with pytest.raises(QueryError, match=message) as caught:
        ours.compiled(load_sources({"shop.yml": MODEL}), query)
    assert caught.value.place
    assert caught.value.advice or "boolean" in message


def test_as_many_as_one_likes_without_a_series() -> None:
    model = load_sources({"shop.yml": MODEL})
    compiler = Compiler(model, visible_only=False)
    compiler.compile(ours.parsed(model, asked("count", time=DAYS | SECONDS)))
    with pytest.raises(QueryError, match="over limit"):
        compiler.compile(ours.parsed(model, asked("rolling", time=DAYS | SECONDS)))
    half_a_day = SECONDS | {"dateRange": ["2024-03-30T00:00:00", "2024-03-30T11:59:59"]}
    assert compiler.compile(ours.parsed(model, asked("rolling", time=DAYS | half_a_day))).sql


def test_said_again_and_explained() -> None:
    model = load_sources({"shop.yml": MODEL})
    query = ours.parsed(model, asked("count", time=FILLED))
    assert echo(query)["timeDimensions"][0]["fillMissingDates"] is True
    assert (
        "fill sales.sold_at.day where nothing was found" in explain(Compiler(model, visible_only=False), query).text()
    )


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ("fill_nulls_with: none", "must be a number"),
        ("join_to_timespine: often", "must be true or false"),
        ("join_to_timespine: true, fill_nulls_with: 0", "a number cannot stand for a missing string"),
    ],
)
def test_wrong_declarations(meta: str, message: str) -> None:
    with pytest.raises(DataModelError, match=message) as caught:
        load_sources({"shop.yml": MODEL.replace("meta: { join_to_timespine: true }", f"meta: {{ {meta} }}")})
    assert "last_kind" in MODEL.splitlines()[caught.value.problems[0].line - 1]


def test_a_granularity_of_months_and_days() -> None:
    text = MODEL.replace("interval: 2 weeks", "interval: 1 month 2 days")
    with pytest.raises(DataModelError, match="months are not made of days"):
        load_sources({"shop.yml": text})


@pytest.mark.parametrize("made", [Memory, lambda text: Elsewhere(Memory(text))], ids=["whole", "staged"])
def test_sql_fills_what_a_measure_says(made: Any) -> None:
    engine = Engine(load_sources({"shop.yml": MODEL}), made(TABLE))
    months = (
        "SELECT date_trunc('month', sold_at), MEASURE(revenue) FROM sales "
        "WHERE sold_at >= '2024-03-01' AND sold_at < '2024-06-01' GROUP BY 1 ORDER BY 1"
    )
    assert [value for _, value in ask(engine, months)] == [12, 0, 9]
    assert len(ask(engine, months.replace("revenue", "total"))) == 3
    assert len(ask(engine, months.replace("AND sold_at < '2024-06-01' ", ""))) == 3
    assert [value for _, value in ask(engine, months.replace("2024-03", "2024-02"))] == [0, 12, 0, 9]
    seconds = months.replace("month", "second")
    with pytest.raises(Exception, match="over limit"):
        ask(engine, seconds)
