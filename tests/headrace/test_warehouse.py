"""The warehouse file: one writer or many readers, and views of environments."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from headrace.config import Settings, load_settings
from headrace.errors import WarehouseBusy, WarehouseError
from headrace.warehouse import WarehouseReader, environments, open_warehouse, resolve_tables, schema_for

HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environ={"HEADRACE_DATA": str(tmp_path)})


@pytest.fixture
def warehouse(settings: Settings) -> Path:
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("CREATE SCHEMA core; CREATE TABLE core.events AS SELECT 1 AS n")
    return settings.warehouse


@contextmanager
def held(path: Path) -> Iterator[int]:
    """Another process that writes the file; gives its id."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def test_names_of_schemas() -> None:
    assert schema_for("core") == "core"
    assert schema_for("core", "Dev") == "core__dev"


def test_nothing_to_read(settings: Settings) -> None:
    with pytest.raises(WarehouseError, match="run `headrace build` first"), open_warehouse(settings, read_only=True):
        pass


def test_another_writer_is_named(settings: Settings, warehouse: Path) -> None:
    with (
        held(warehouse) as pid,
        pytest.raises(WarehouseBusy, match=f"held by process {pid}"),
        open_warehouse(settings, read_only=False, wait_seconds=0.2),
    ):
        pass


def test_another_writer_is_waited_for(settings: Settings, warehouse: Path) -> None:
    with held(warehouse):
        opened = threading.Event()

        def read() -> None:
            with open_warehouse(settings, read_only=True, wait_seconds=20) as backend:
                assert backend.con.execute("SELECT n FROM core.events").fetchall() == [(1,)]
            opened.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert not opened.wait(0.3)
    assert opened.wait(20)
    reader.join()


def test_a_writer_that_is_just_ending_is_waited_for(
    settings: Settings, warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = f'IO Error: Could not set lock on file "{warehouse}": Conflicting lock is held in PID 6146. See also'
    connect, tries = duckdb.connect, []

    def connect_later(*arguments: Any, **named: Any) -> duckdb.DuckDBPyConnection:
        tries.append(arguments)
        if len(tries) < 3:
            raise duckdb.IOException(told)
        return connect(*arguments, **named)

    monkeypatch.setattr(duckdb, "connect", connect_later)
    with open_warehouse(settings, read_only=True, wait_seconds=20) as backend:
        assert backend.con.execute("SELECT n FROM core.events").fetchall() == [(1,)]
    tries.clear()
    with (
        pytest.raises(WarehouseBusy, match="held by process 6146: waited 0 s"),
        open_warehouse(settings, read_only=True, wait_seconds=0),
    ):
        pass


def test_a_broken_file_is_an_error(settings: Settings) -> None:
    settings.warehouse.write_text("this is no database")
    with pytest.raises(WarehouseError, match="cannot be opened"), open_warehouse(settings, read_only=True):
        pass


def test_a_reader_releases_the_file_when_idle(settings: Settings, warehouse: Path) -> None:
    reader = WarehouseReader(warehouse, idle_seconds=0.1)
    with reader.cursor() as cursor:
        assert cursor.execute("SELECT n FROM core.events").fetchone() == (1,)
        with reader.cursor() as another:
            assert another.execute("SELECT 2").fetchone() == (2,)
    write = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('INSERT INTO core.events VALUES (2)')"
    time.sleep(0.5)
    subprocess.run([sys.executable, "-c", write, str(warehouse)], check=True)
    with reader.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM core.events").fetchone() == (2,)
    reader.close()


def test_a_reader_keeps_the_file_while_it_is_used(settings: Settings, warehouse: Path) -> None:
    reader = WarehouseReader(warehouse, idle_seconds=0.01)
    with reader.cursor() as first:
        with reader.cursor():
            pass
        time.sleep(0.2)
        assert first.execute("SELECT n FROM core.events").fetchone() == (1,)
    reader.close()


def test_environments_fall_back_to_production(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("CREATE TABLE core.users AS SELECT 1 AS n")
        connection.execute("CREATE SCHEMA core__dev; CREATE VIEW core__dev.events AS SELECT 2 AS n")
        assert environments(connection) == ("prod", "dev")
        assert resolve_tables(connection, "dev") == {
            ("core", "events"): ("core__dev", "events"),
            ("core", "users"): ("core", "users"),
        }
        assert resolve_tables(connection)["core", "events"] == ("core", "events")
        with pytest.raises(WarehouseError, match="no environment 'staging' in the warehouse; known: prod, dev"):
            resolve_tables(connection, "staging")


@pytest.mark.parametrize(
    "attempt",
    [
        "COPY (SELECT 1) TO '{}'",
        "SELECT * FROM read_text('{}')",
        "ATTACH '{}'",
        "SET GLOBAL enable_external_access = true",
    ],
)
def test_a_reader_reaches_no_other_file(warehouse: Path, tmp_path: Path, attempt: str) -> None:
    other = tmp_path / "other.txt"
    other.write_text("secret")
    reader = WarehouseReader(warehouse)
    with reader.cursor() as cursor, pytest.raises(duckdb.Error, match=r"disabled by configuration|Cannot enable"):
        cursor.execute(attempt.format(other))
    reader.close()
    assert other.read_text() == "secret"


def test_readers_and_connections_of_one_process_get_along(settings: Settings, warehouse: Path) -> None:
    reader = WarehouseReader(warehouse)
    with reader.cursor() as cursor, open_warehouse(settings, read_only=True) as backend:
        other = WarehouseReader(warehouse)
        with other.cursor() as another:
            for connection in (cursor, another, backend.con):
                assert connection.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)
        other.close()
    reader.close()
