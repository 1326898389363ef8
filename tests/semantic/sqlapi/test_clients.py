"""The whole SQL API with the clients that people use: psql, psycopg, asyncpg, SQLAlchemy, ADBC and Ibis."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import adbc_driver_postgresql.dbapi as adbc
import asyncpg
import ibis
import psycopg
import pytest
import sqlalchemy

from semantic.datamodel.load import load_data_model
from semantic.engine import Engine
from semantic.sqlapi.planner import SqlPlanner
from semantic.sqlapi.server import SqlSettings
from tests.semantic.sqlapi.conftest import Running, running
from tests.semantic.sqlapi.readers import Memory
from tests.semantic.sqlapi.test_semantic_sql import CUBES, DATA
from tests.semantic.sqlapi.test_session import needs_psql, psql, psql_installed

__all__ = ["psql_installed"]

BY_STATUS = "SELECT status, MEASURE(count) AS n, MEASURE(total) AS t FROM sales GROUP BY 1 ORDER BY 1 LIMIT 2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("model")
    (folder / "model.yml").write_text(CUBES)
    with running(SqlPlanner(Engine(load_data_model(folder), Memory(DATA))), SqlSettings(port=0)) as found:
        yield found


@needs_psql
def test_psql(server: Running) -> None:
    assert psql(server, BY_STATUS).stdout == "done|3|230.00\nnew|1|10.00\n"
    described = psql(server, r"\d sales").stdout
    assert "status|text" in described
    assert "created_at|timestamp without time zone" in described
    assert "public|sales|table|headrace" in psql(server, r"\dt").stdout
    refused = psql(server, "SELECT statu FROM sales")
    assert 'column "statu" does not exist' in refused.stderr
    assert "^" in refused.stderr
    assert 'Did you mean "status"?' in refused.stderr
    assert "COPY 4" not in psql(server, "COPY (SELECT status FROM sales GROUP BY 1) TO STDOUT").stdout
    assert psql(server, "COPY sales TO '/tmp/x'").returncode != 0


DESCRIPTIONS = (
    *("d", "d+", "da", "db", "dc", "dC", "dd", "ddp", "dD", "des", "det", "deu", "dew", "df", "dF", "dg", "di", "dl"),
    *("dL", "dm", "dn", "do", "dO", "dp", "drds", "dRp", "dRs", "ds", "dt", "dT", "du", "dv", "dx", "dX", "dy", "l"),
    *("sv sales", "df now", "d+ sales", "conninfo"),
)


@needs_psql
def test_every_description_of_psql(server: Running) -> None:
    commands = [part for one in DESCRIPTIONS for part in (f"\\echo {one}", f"\\{one}")]
    assert "ERROR" not in psql(server, *commands).stderr


def test_psycopg(server: Running) -> None:
    with psycopg.connect(server.dsn()) as connection, connection.cursor(binary=True) as cursor:
        sql = "SELECT status, MEASURE(total) FROM sales WHERE city = %s AND amount > %s GROUP BY 1 ORDER BY 1"
        assert cursor.execute(sql, ["Paris", 100]).fetchall() == [("void", Decimal(250))]
        assert cursor.execute(sql, ["Paris", Decimal("79.5")], prepare=True).fetchall()[0] == ("done", Decimal(80))


def test_asyncpg(server: Running) -> None:
    async def ask() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(host="127.0.0.1", port=server.port, user="ada", database="x", ssl=False)
        sql = "SELECT status, MEASURE(count) FROM sales WHERE created_at >= $1 AND status = ANY($2) GROUP BY 1 LIMIT $3"
        rows = await connection.fetch(sql, dt.datetime(2024, 2, 2), ["done", "void"], 10)  # noqa: DTZ001
        await connection.reset()
        await connection.close()
        return [tuple(row) for row in rows]

    assert asyncio.run(ask()) == [("done", 1)]


def test_sqlalchemy(server: Running) -> None:
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://ada@127.0.0.1:{server.port}/headrace")
    inspector = sqlalchemy.inspect(engine)
    assert set(inspector.get_table_names()) == {"orders", "customers", "sales"}
    assert inspector.get_table_comment("sales") == {"text": "What was sold, to whom"}
    sales = sqlalchemy.Table("sales", sqlalchemy.MetaData(), autoload_with=engine)
    query = sqlalchemy.select(sales.c.status, sqlalchemy.func.measure(sales.c.total)).group_by(sales.c.status)
    with engine.connect() as connection:
        assert connection.execute(query.where(sales.c.city == "Paris").order_by(sales.c.status)).all() == [
            ("done", Decimal(80)),
            ("void", Decimal(250)),
        ]
    engine.dispose()


def test_adbc(server: Running) -> None:
    with adbc.connect(f"postgresql://ada@127.0.0.1:{server.port}/headrace") as connection:
        with connection.cursor() as cursor:
            cursor.execute(BY_STATUS)
            assert cursor.fetch_arrow_table().to_pydict() == {
                "status": ["done", "new"], "n": [3, 1], "t": ["230.00", "10.00"],
            }  # fmt: skip
        assert "status" in connection.adbc_get_table_schema("sales").names


def test_ibis(server: Running) -> None:
    connection = ibis.postgres.connect(host="127.0.0.1", port=server.port, user="ada", database="headrace")
    sales = connection.table("sales")
    found = sales.group_by("status").aggregate(t=sales.total.sum(), last=sales.created_at.max())
    assert found.filter(found.status == "done").to_pyarrow().to_pylist() == [
        {"status": "done", "t": Decimal(230), "last": dt.datetime(2024, 2, 2, 12)}  # noqa: DTZ001
    ]
    assert "sales" in connection.list_tables()
    connection.disconnect()
