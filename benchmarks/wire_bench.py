"""The SQL API beside PostgreSQL 15 on this machine: rows a second, and the time of small queries.

Run: python benchmarks/wire_bench.py [rows]. PostgreSQL is measured when `initdb` and `pg_ctl` are on the PATH. Each
server answers the same client code, one after the other, with server and clients sharing the machine.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import Event, Process, Queue
from multiprocessing.synchronize import Event as EventType
from pathlib import Path

import duckdb
import psycopg
from psycopg import pq
from rich.console import Console
from rich.table import Table

from headrace.warehouse import WarehouseReader
from semantic.datamodel.load import load_data_model
from semantic.engine import Engine
from semantic.sqlapi.planner import SqlPlanner
from semantic.sqlapi.server import SqlSettings, serve

COLUMNS = "id, amount, ratio, name, day, at"
MODEL = """
cubes:
  - name: wide
    sql_table: wide
    public: true
    dimensions:
      - {name: id, sql: id, type: number, primary_key: true, public: true}
      - {name: amount, sql: amount, type: number}
      - {name: ratio, sql: ratio, type: number}
      - {name: name, sql: name, type: string}
      - {name: day, sql: day, type: string}
      - {name: at, sql: at, type: time}
"""
ROWS_SQL = """
SELECT i AS id, CAST(i % 1000 AS INTEGER) AS amount, CAST(i / 7.0 AS DOUBLE PRECISION) AS ratio,
  'customer ' || i AS name, DATE '2024-01-01' + CAST(i % 365 AS INTEGER) AS day,
  TIMESTAMP '2024-01-01' + INTERVAL '1 second' * i AS at
FROM generate_series(1, {rows}) AS g(i)
"""
BULK = f"SELECT {COLUMNS} FROM wide"
SMALL = "SELECT name, amount FROM wide WHERE id = 17"


def run_headrace(folder: Path, found: Queue[int], stop: EventType) -> None:
    import asyncio

    import uvloop

    async def main() -> None:
        engine = Engine(load_data_model(folder / "model"), WarehouseReader(folder / "bench.duckdb", idle_seconds=60))
        server = await serve(SqlPlanner(engine), SqlSettings(port=0))
        found.put(server.port)
        await asyncio.get_running_loop().run_in_executor(None, stop.wait)
        await server.close()

    uvloop.run(main())


@contextmanager
def headrace(rows: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model").mkdir()
        (folder / "model" / "wide.yml").write_text(MODEL)
        with duckdb.connect(str(folder / "bench.duckdb")) as connection:
            connection.execute(f"CREATE TABLE wide AS {ROWS_SQL.format(rows=rows)}")
        found: Queue[int] = Queue()
        stop = Event()
        process = Process(target=run_headrace, args=(folder, found, stop))
        process.start()
        try:
            yield f"host=127.0.0.1 port={found.get(timeout=60)} user=bench dbname=bench"
        finally:
            stop.set()
            process.join(20)


@contextmanager
def postgresql(rows: int) -> Iterator[str]:
    """A throw-away PostgreSQL, not run as root: it refuses to be."""
    user = pwd.getpwnam("nobody").pw_name if os.geteuid() == 0 else None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        data = f"{name}/data"

        def run(*command: str) -> None:
            subprocess.run(command, check=True, user=user, cwd=name, stdout=subprocess.DEVNULL)

        run("initdb", "-D", data, "-U", "bench", "-A", "trust", "-N")
        run("pg_ctl", "-D", data, "-w", "-l", f"{name}/log", "-o", f"-p {port} -k {name}", "start")
        try:
            dsn = f"host=127.0.0.1 port={port} user=bench dbname=postgres"
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f"CREATE TABLE wide AS {ROWS_SQL.format(rows=rows)}")
                connection.execute("CREATE INDEX ON wide (id)")
                connection.execute("VACUUM ANALYZE wide")
            yield dsn
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "fast", "stop")


def bulk(dsn: str, sql: str, rows: int, *, binary: bool) -> float:
    """Rows a second through libpq, as fast as it takes them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        code = pq.Format.BINARY if binary else pq.Format.TEXT
        began = time.perf_counter()
        result = connection.pgconn.exec_params(sql.encode(), None, result_format=code)
        assert result.ntuples == rows, result.error_message
        return rows / (time.perf_counter() - began)


def copy(dsn: str, rows: int, *, binary: bool) -> float:
    options = " (FORMAT binary)" if binary else ""
    with psycopg.connect(dsn, autocommit=True) as connection, connection.cursor() as cursor:
        began = time.perf_counter()
        with cursor.copy(f"COPY ({BULK}) TO STDOUT{options}") as stream:
            size = sum(len(piece) for piece in stream)
        assert size > rows
        return rows / (time.perf_counter() - began)


def latency(dsn: str, clients: int, seconds: float = 3.0) -> float:
    """The median time of a small prepared query, in milliseconds."""
    times: list[float] = []
    lock = threading.Lock()

    def ask() -> None:
        own = []
        with psycopg.connect(dsn, autocommit=True) as connection:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                began = time.perf_counter()
                connection.execute(SMALL, prepare=True).fetchall()
                own.append(time.perf_counter() - began)
        with lock:
            times.extend(own)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.median(times) * 1000


def measure(dsn: str, rows: int) -> dict[str, float]:
    best: Callable[..., float] = lambda call, **more: max(call(**more) for _ in range(3))  # noqa: E731
    return {
        "rows/s, text": best(bulk, dsn=dsn, sql=BULK, rows=rows, binary=False),
        "rows/s, binary": best(bulk, dsn=dsn, sql=BULK, rows=rows, binary=True),
        "rows/s, COPY text": best(copy, dsn=dsn, rows=rows, binary=False),
        "rows/s, COPY binary": best(copy, dsn=dsn, rows=rows, binary=True),
        "ms, small query, 1 client": latency(dsn, 1),
        "ms, small query, 16 clients": latency(dsn, 16),
    }


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with headrace(rows) as dsn:
        ours = measure(dsn, rows)
    theirs: dict[str, float] = {}
    if shutil.which("initdb") and shutil.which("pg_ctl"):
        with postgresql(rows) as dsn:
            theirs = measure(dsn, rows)
    table = Table("measure", "Headrace", "PostgreSQL", "ratio", title=f"{rows:,} rows of 6 columns")
    for name, value in ours.items():
        other = theirs.get(name)
        digits = ".2f" if name.startswith("ms") else ",.0f"
        table.add_row(
            name,
            format(value, digits),
            format(other, digits) if other else "-",
            f"{value / other:.2f}" if other else "-",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
