"""The protocol with real clients: psql, psycopg and asyncpg against a server that passes SQL through."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from decimal import Decimal

import asyncpg
import psycopg
import pytest

from tests.semantic.sqlapi.conftest import Running

EVERYTHING = """
SELECT true AS b, 1::smallint AS i2, 2::int AS i4, 3::bigint AS i8, 1.5::real AS f4, 2.5::double precision AS f8,
  12345.678::numeric(12,3) AS n, 'text' AS t, DATE '2024-02-29' AS d, TIMESTAMP '2024-02-29 10:11:12.5' AS ts,
  TIMESTAMPTZ '2024-02-29 10:11:12+00' AS tz, TIME '10:11:12' AS tm, NULL::int AS nothing, '' AS empty
"""
EXPECTED = (
    True, 1, 2, 3, 1.5, 2.5, Decimal("12345.678"), "text", dt.date(2024, 2, 29),
    dt.datetime(2024, 2, 29, 10, 11, 12, 500000),  # noqa: DTZ001
    dt.datetime(2024, 2, 29, 10, 11, 12, tzinfo=dt.UTC), dt.time(10, 11, 12), None, "",
)  # fmt: skip


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg_reads_every_type(plain: Running, binary: bool) -> None:
    with psycopg.connect(plain.dsn()) as connection, connection.cursor(binary=binary) as cursor:
        assert cursor.execute(EVERYTHING).fetchone() == EXPECTED


def test_asyncpg_reads_every_type(plain: Running) -> None:
    async def ask() -> tuple[object, ...]:
        connection = await asyncpg.connect(host="127.0.0.1", port=plain.port, user="ada", database="x", ssl=False)
        try:
            return tuple(await connection.fetchrow(EVERYTHING))
        finally:
            await connection.close()

    assert asyncio.run(ask()) == EXPECTED


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(
    "value",
    [True, 7, -(2**40), 1.25, Decimal("-12.500"), "it's", dt.date(1999, 1, 2), dt.datetime(2024, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001
     dt.datetime(2024, 1, 2, tzinfo=dt.UTC), dt.time(1, 2, 3), b"\x00\xff", uuid.UUID(int=5), None],
)  # fmt: skip
def test_parameters_arrive_and_come_back(plain: Running, value: object, binary: bool) -> None:
    with psycopg.connect(plain.dsn()) as connection, connection.cursor(binary=binary) as cursor:
        placeholder = "%b" if binary else "%t"
        row = cursor.execute(f"SELECT {placeholder}", [value]).fetchone()
    assert row == (value,)


@pytest.mark.parametrize("binary", [False, True])
def test_lists_travel_as_arrays(plain: Running, binary: bool) -> None:
    with psycopg.connect(plain.dsn()) as connection, connection.cursor(binary=binary) as cursor:
        row = cursor.execute(
            "SELECT ARRAY[1, NULL, 3] AS a, ARRAY['x,y', 'N\"', ''] AS b, ARRAY[]::int[] AS c"
        ).fetchone()
    assert row == ([1, None, 3], ["x,y", 'N"', ""], [])


def test_many_rows_arrive_in_order(plain: Running) -> None:
    with psycopg.connect(plain.dsn()) as connection:
        rows = connection.execute("SELECT i, 'x' || i FROM generate_series(1, 100000) AS t(i)").fetchall()
    assert rows == [(i, f"x{i}") for i in range(1, 100_001)]


def test_named_cursors_read_piece_by_piece(plain: Running) -> None:
    with psycopg.connect(plain.dsn()) as connection, connection.cursor("piece") as cursor:
        cursor.itersize = 700
        cursor.execute("SELECT i FROM generate_series(1, 40000) AS t(i)")
        assert [row[0] for row in cursor] == list(range(1, 40_001))


def test_portals_are_suspended_at_their_limit(plain: Running) -> None:
    async def ask() -> list[int]:
        connection = await asyncpg.connect(host="127.0.0.1", port=plain.port, user="ada", database="x", ssl=False)
        async with connection.transaction():
            found = [
                row[0] async for row in connection.cursor("SELECT i FROM generate_series(1, 120) AS t(i)", prefetch=50)
            ]
        await connection.close()
        return found

    assert asyncio.run(ask()) == list(range(1, 121))


def psql(server: Running, *commands: str, options: tuple[str, ...] = ("-At",)) -> subprocess.CompletedProcess[str]:
    program = shutil.which("psql")
    assert program is not None
    arguments = [part for command in commands for part in ("-c", command)]
    return subprocess.run(
        [program, *options, server.dsn(), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


needs_psql = pytest.mark.usefixtures("psql_installed")


@pytest.fixture
def psql_installed(request: pytest.FixtureRequest) -> None:
    if shutil.which("psql") is None:
        request.applymarker(pytest.mark.xfail(run=False, strict=False, reason="psql is not installed"))


@needs_psql
def test_psql_shows_rows_errors_and_empty_queries(plain: Running) -> None:
    done = psql(plain, "SELECT 1 AS a, 'x' AS b, NULL; SELECT 2", "", "SELECT nothing", "SHOW server_version")
    assert done.stdout.splitlines() == ["1|x|", "2", "15.0"]
    assert "42804" not in done.stdout
    assert "nothing" in done.stderr


@needs_psql
def test_psql_copies_text_and_csv(plain: Running) -> None:
    rows = "SELECT 1 AS a, 'x,\"y' AS b, NULL AS c UNION ALL SELECT 2, 'back\\slash', ''"
    assert psql(plain, f"COPY ({rows} ORDER BY 1) TO STDOUT").stdout == '1\tx,"y\t\\N\n2\tback\\\\slash\t\n'
    assert psql(plain, f"COPY ({rows} ORDER BY 1) TO STDOUT (FORMAT csv, HEADER)").stdout == (
        'a,b,c\n1,"x,""y",\n2,back\\slash,""\n'
    )


def test_copy_binary(plain: Running) -> None:
    with psycopg.connect(plain.dsn()) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT i, i * 0.5 FROM generate_series(1, 3) t(i)) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int8", "numeric"])
            rows = list(copy.rows())
        assert rows == [(1, Decimal("0.5")), (2, Decimal("1.0")), (3, Decimal("1.5"))]
        with cursor.copy("COPY (SELECT 1 WHERE false) TO STDOUT (FORMAT binary)") as copy:
            assert list(copy.rows()) == []


def test_a_failed_transaction_refuses_all_but_its_end(plain: Running) -> None:
    with psycopg.connect(plain.dsn()) as connection:
        connection.execute("SELECT 1")
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT missing")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.rollback()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_savepoints_take_back_an_error_and_variables(plain: Running) -> None:
    with psycopg.connect(plain.dsn()) as connection:
        connection.execute("SET application_name = 'one'")
        connection.execute("SAVEPOINT here")
        connection.execute("SET application_name = 'two'")
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT missing")
        connection.execute("ROLLBACK TO SAVEPOINT here")
        assert connection.execute("SHOW application_name").fetchone() == ("one",)
        connection.rollback()
        assert connection.execute("SHOW application_name").fetchone() == ("",)


def test_set_local_ends_with_the_transaction(plain: Running) -> None:
    with psycopg.connect(plain.dsn(), autocommit=True) as connection:
        connection.execute("SET application_name = 'stays'")
        with connection.transaction():
            connection.execute("SET LOCAL application_name = 'goes'")
            assert connection.execute("SHOW application_name").fetchone() == ("goes",)
        assert connection.execute("SHOW application_name").fetchone() == ("stays",)


def test_a_running_query_is_cancelled(plain: Running) -> None:
    with psycopg.connect(plain.dsn(), autocommit=True) as connection:
        timer = threading.Timer(0.3, connection.cancel_safe)
        timer.start()
        began = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled, match="user request"):
            connection.execute("SELECT count(*) FROM generate_series(1, 10000000000) t(i) WHERE i % 7 = 3")
        assert time.monotonic() - began < 10
        assert connection.execute("SELECT 1").fetchone() == (1,)
        timer.join()


def test_statement_timeout(plain: Running) -> None:
    with psycopg.connect(plain.dsn(), autocommit=True) as connection:
        connection.execute("SET statement_timeout = '200ms'")
        with pytest.raises(psycopg.errors.QueryCanceled, match="statement timeout"):
            connection.execute("SELECT count(*) FROM generate_series(1, 10000000000) t(i) WHERE i % 7 = 3")


def test_scram_lets_in_who_knows_the_password(start: Callable[..., Running]) -> None:
    server = start(users={"ada": "pa ss'ß"})
    with psycopg.connect(server.dsn(), password="pa ss'ß") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    for user, password in (("ada", "wrong"), ("ada", ""), ("eve", "pa ss'ß"), ("eve", "")):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.dsn(user=user), password=password)


def test_only_the_loopback_interface_trusts(start: Callable[..., Running]) -> None:
    with pytest.raises(Exception, match="HEADRACE_SQL_USER"):
        start(host="0.0.0.0")


def test_pipelines(plain: Running) -> None:
    with psycopg.connect(plain.dsn(), autocommit=True) as connection, connection.pipeline():
        cursors = [connection.execute("SELECT %s::int + 1", [i]) for i in range(50)]
        assert [cursor.fetchone() for cursor in cursors] == [(i + 1,) for i in range(50)]
