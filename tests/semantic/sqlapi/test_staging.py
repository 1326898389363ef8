"""Gateways that take compiled queries only: few rows travel, and a query is stopped where it runs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from semantic.datamodel.load import load_data_model, load_sources
from semantic.engine import Cancellation, Engine
from semantic.errors import EngineError
from semantic.rest.cubesql import plan, run
from semantic.sqlapi.errors import QueryCanceled
from semantic.sqlapi.kinds import Select
from semantic.sqlapi.planner import SqlPlanner, plan_sql, planned
from semantic.sqlapi.portal import Portal, describe
from semantic.sqlapi.session import Caller
from semantic.sqlapi.statements import parse_statements
from semantic.sqlapi.variables import Variables
from tests.semantic.sqlapi.readers import Elsewhere, Memory
from tests.semantic.sqlapi.test_semantic_sql import CUBES, DATA, ask

ENDLESS = """
cubes:
  - name: endless
    sql: "SELECT COUNT(*) AS n FROM range(40000000000) AS numbers(i) WHERE i % 7 = 3"
    dimensions:
      - {name: n, sql: "{CUBE}.n", type: number, primary_key: true, public: true}
    measures:
      - {name: total, sql: "{CUBE}.n", type: sum}
      - {name: wrong, sql: "CAST('x' || {CUBE}.n AS DOUBLE)", type: sum}
"""


@pytest.fixture
def reader() -> Elsewhere:
    return Elsewhere(Memory(DATA))


@pytest.fixture
def engine(reader: Elsewhere, tmp_path: Path) -> Engine:
    (tmp_path / "model.yml").write_text(CUBES)
    return Engine(load_data_model(tmp_path), reader)


@pytest.mark.parametrize(
    ("sql", "travelled"),
    [
        ("SELECT status, MEASURE(count) FROM sales GROUP BY 1", 4),
        ("SELECT COUNT(*) FROM sales", 1),
        ("SELECT status, COUNT(*), MAX(amount) FROM sales WHERE amount > 10 GROUP BY 1", 2),
        ("SELECT status FROM sales WHERE status = 'done' AND amount < 100", 2),
        ("SELECT status FROM sales WHERE created_at >= '2024-02-01' AND created_at < '2024-04-01'", 2),
        ("SELECT status FROM sales WHERE upper(status) = 'DONE'", 6),
        ("SELECT status FROM sales LIMIT 2", 2),
        ("SELECT status FROM sales WHERE status = 'done' LIMIT 1 OFFSET 1", 2),
        ("SELECT status FROM sales ORDER BY status LIMIT 1", 6),
        ("SELECT DISTINCT status FROM sales LIMIT 1", 4),
        ("SELECT status, ROW_NUMBER() OVER () FROM sales LIMIT 1", 6),
        ("SELECT status FROM sales WHERE upper(status) = 'NEW' LIMIT 1", 6),
    ],
)
def test_few_rows_travel(engine: Engine, reader: Elsewhere, sql: str, travelled: int) -> None:
    there = Engine(engine.model, reader.memory)
    assert len(ask(engine, sql)) == len(ask(there, sql))
    assert reader.fetched == travelled


def test_values_go_into_compiled_queries_as_parameters(engine: Engine) -> None:
    plan = plan_sql(engine, r"SELECT MEASURE(count) FROM sales WHERE status = 'x\'' OR TRUE --'")
    assert [one.compiled.parameters for one in plan.inputs] == [("x\\' OR TRUE --",)]


def test_describing_runs_nothing(engine: Engine, reader: Elsewhere) -> None:
    plan = plan_sql(
        engine, "SELECT city, MEASURE(total) AS t, DATE_TRUNC('month', created_at) AS at FROM sales GROUP BY 1, 3"
    )
    found = describe(planned(engine, plan))
    assert [(one.name, one.type.name) for one in found] == [("city", "text"), ("t", "numeric"), ("at", "timestamp")]
    assert reader.fetched == 0


def test_explain_shows_both_parts(engine: Engine) -> None:
    (select,) = parse_statements("SELECT upper(city), MEASURE(count) FROM sales GROUP BY 1")
    assert isinstance(select, Select)
    lines = SqlPlanner(engine).explain(select, Caller("ada", "headrace", 1, Variables("ada", {})))
    assert lines[0] == "-- input_1"
    assert '"input_1"' in lines[-2] + lines[-1]


def test_a_query_is_stopped_where_it_runs() -> None:
    endless = Engine(load_sources({"model.yml": ENDLESS}), Elsewhere(Memory()))
    plan = plan_sql(endless, "SELECT MEASURE(total) FROM endless")
    portal = Portal(lambda: planned(endless, plan))
    threading.Timer(0.3, portal.interrupt, ("statement timeout",)).start()
    begun = time.monotonic()
    with pytest.raises(QueryCanceled):
        portal.start()
    portal.close()
    assert time.monotonic() - begun < 5


def test_what_the_gateway_refuses_is_told_over_http() -> None:
    engine = Engine(load_sources({"model.yml": ENDLESS.replace("40000000000", "10")}), Elsewhere(Memory()))
    with pytest.raises(EngineError, match="Could not convert string"):
        run(engine, plan(engine, "SELECT MEASURE(wrong) FROM endless", {}), Cancellation())
