"""The engine over a real warehouse: environments, totals, cancelling, the database's errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from headrace.errors import WarehouseError
from headrace.warehouse import WarehouseReader
from semantic.datamodel.load import load_sources
from semantic.engine import Cancellation, Engine, QueryCancelled
from semantic.errors import EngineError, QueryFormatError

MODEL = """
cubes:
  - name: visits
    sql_table: core.visits
    dimensions:
      - {name: id, sql: "{CUBE}.id", type: number, primary_key: true}
      - {name: page, sql: "{CUBE}.page", type: string}
    measures:
      - {name: count, type: count}
      - {name: seconds, sql: "CAST({CUBE}.seconds AS DOUBLE)", type: sum}
      - {name: wrong, sql: "CAST({CUBE}.page AS DOUBLE)", type: sum}
  - name: endless
    sql: "SELECT COUNT(*) AS n FROM range(40000000000) AS numbers(i) WHERE i % 7 = 3"
    dimensions:
      - {name: n, sql: "{CUBE}.n", type: number, primary_key: true}
    measures:
      - {name: total, sql: "{CUBE}.n", type: sum}
"""
SETUP = """
CREATE SCHEMA core;
CREATE TABLE core.visits (id INTEGER, page VARCHAR, seconds VARCHAR);
INSERT INTO core.visits VALUES (1, 'home', '2.5'), (2, 'home', '1'), (3, 'cart', '4');
CREATE SCHEMA core__dev;
CREATE VIEW core__dev.visits AS SELECT * FROM core.visits WHERE page = 'home';
"""


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[WarehouseReader]:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SETUP)
    reader = WarehouseReader(path)
    yield reader
    reader.close()


def engine(reader: WarehouseReader, environment: str = "prod") -> Engine:
    return Engine(load_sources({"model.yml": MODEL}), reader, environment=environment)


def rows(engine: Engine, payload: dict[str, object]) -> list[dict[str, object]]:
    return [dict(row) for row in engine.load(engine.parse(payload).queries[0]).rows]


BY_PAGE = {"measures": ["visits.count"], "dimensions": ["visits.page"], "order": {"visits.page": "asc"}}


def test_an_environment_answers_from_its_own_views(reader: WarehouseReader) -> None:
    cart, home = {"visits.page": "cart", "visits.count": "1"}, {"visits.page": "home", "visits.count": "2"}
    assert rows(engine(reader), BY_PAGE) == [cart, home]
    assert rows(engine(reader, "dev"), BY_PAGE) == [home]


def test_an_environment_follows_its_builds(reader: WarehouseReader, tmp_path: Path) -> None:
    dev = engine(reader, "dev")
    assert len(rows(dev, BY_PAGE)) == 1
    reader.close()
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("DROP VIEW core__dev.visits; CREATE VIEW core__dev.other AS SELECT 1 AS one")
    assert len(rows(dev, BY_PAGE)) == 2


def test_an_unknown_environment(reader: WarehouseReader) -> None:
    with pytest.raises(WarehouseError, match=r"no environment 'nope'.*known: prod, dev"):
        rows(engine(reader, "nope"), BY_PAGE)


def test_a_total_ignores_limit_and_offset(reader: WarehouseReader) -> None:
    asked = engine(reader)
    result = asked.load(asked.parse({**BY_PAGE, "limit": 1, "offset": 1, "total": True}).queries[0])
    assert (result.rows.count, result.total) == (1, 2)


def test_the_databases_error_keeps_its_words(reader: WarehouseReader) -> None:
    asked = engine(reader)
    with pytest.raises(EngineError, match="Conversion Error: Could not convert string 'home' to DOUBLE"):
        rows(asked, {"measures": ["visits.wrong"]})


def test_a_query_that_is_no_query(reader: WarehouseReader) -> None:
    with pytest.raises(QueryFormatError, match="must be of type object"):
        engine(reader).parse("SELECT 1")


def test_a_running_query_is_cancelled_from_another_thread(reader: WarehouseReader) -> None:
    asked, cancellation = engine(reader), Cancellation()
    query = asked.parse({"measures": ["endless.total"]}).queries[0]
    threading.Timer(0.3, cancellation.cancel).start()
    began = time.monotonic()
    with pytest.raises(QueryCancelled):
        asked.load(query, cancellation=cancellation)
    assert time.monotonic() - began < 10


def test_a_cancelled_query_never_begins(reader: WarehouseReader) -> None:
    asked, cancellation = engine(reader), Cancellation()
    cancellation.cancel()
    with pytest.raises(QueryCancelled, match="before it began"):
        asked.load(asked.parse(BY_PAGE).queries[0], cancellation=cancellation)


def test_many_threads_share_one_engine(reader: WarehouseReader) -> None:
    asked, found = engine(reader), []
    threads = [threading.Thread(target=lambda: found.append(rows(asked, BY_PAGE))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert all(one == found[0] for one in found)
