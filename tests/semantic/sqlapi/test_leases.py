"""The warehouse file is given back, whatever a client does: a build must be able to take it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest

from headrace.warehouse import WarehouseReader
from semantic.datamodel.load import load_data_model
from semantic.engine import Engine
from semantic.sqlapi.planner import SqlPlanner
from semantic.sqlapi.server import SqlSettings
from tests.semantic.sqlapi.conftest import Running, running
from tests.semantic.sqlapi.test_semantic_sql import CUBES, DATA

ROWS = "SELECT s.status FROM sales s, generate_series(1, 200000) AS g(i)"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[tuple[Running, Path]]:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(DATA)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.yml").write_text(CUBES)
    reader = WarehouseReader(path, idle_seconds=0.05)
    with running(SqlPlanner(Engine(load_data_model(tmp_path / "model"), reader)), SqlSettings(port=0)) as server:
        yield server, path
    reader.close()


def can_be_written(path: Path) -> bool:
    """Within a few seconds; a second handle of this process fails while the reader's is open."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with duckdb.connect(str(path)) as connection:
                connection.execute("CREATE OR REPLACE TABLE built (a INTEGER)")
            return True
        except duckdb.Error:
            time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    "statements",
    [
        ["SELECT status, MEASURE(count) FROM sales GROUP BY 1"],
        ["SELECT 1 / (amount - amount) FROM sales"],
        ["SELECT CAST(status AS int) FROM sales"],
        ["SELECT nothing FROM sales"],
        ["BEGIN", f"DECLARE c CURSOR FOR {ROWS}", "FETCH 5 FROM c", "COMMIT"],
        ["BEGIN", f"DECLARE c CURSOR FOR {ROWS}", "FETCH 5 FROM c", "SELECT nothing FROM sales", "ROLLBACK"],
        [f"DECLARE c CURSOR WITH HOLD FOR {ROWS}", "FETCH 5 FROM c", "DISCARD ALL"],
    ],
)
def test_after_statements(warehouse: tuple[Running, Path], statements: list[str]) -> None:
    server, path = warehouse
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for statement in statements:
            with contextlib.suppress(psycopg.Error):
                connection.execute(statement)
        assert can_be_written(path)
        assert connection.execute("SELECT COUNT(*) FROM sales").fetchone() == (6,)


def test_after_a_client_left_in_the_middle(warehouse: tuple[Running, Path]) -> None:
    server, path = warehouse
    for _ in range(3):
        connection = psycopg.connect(server.dsn())
        connection.execute(f"DECLARE piece CURSOR FOR {ROWS}")
        connection.execute("FETCH 10 FROM piece")
        connection.pgconn.finish()
    streaming = psycopg.connect(server.dsn())
    with streaming.cursor() as cursor:
        for _ in cursor.stream(ROWS):
            break
        streaming.pgconn.finish()
    assert can_be_written(path)
