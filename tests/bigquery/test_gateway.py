"""The gateway's commands and its reader on the emulator, with a few rows: landing, shipping, asking, telling."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path

import pytest
from google.api_core.exceptions import NotFound

from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator
from headrace.bigquery.reader import BigQueryReader
from headrace.config import Settings, load_settings
from headrace.errors import QueryFailed, WarehouseError
from headrace.gateways import EMULATOR
from headrace.warehouse import Interruptible, Reader, open_gateway
from tests.bigquery.conftest import on_emulator
from tests.bigquery.loading import clear, connection_to
from tests.commandline import run
from tests.ingestion.conftest import event, export


@pytest.fixture
def reader(emulator: Emulator) -> Iterator[Reader]:
    """Over an emulator without the datasets of other tests."""
    connection = connection_to(emulator)
    client = open_client(connection)
    clear(client)
    found = BigQueryReader(client, connection)
    yield found
    found.close()


@pytest.fixture
def settings(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in on_emulator(tmp_path / "data").items():
        monkeypatch.setenv(name, value)
    return load_settings()


def unwatched(_: Interruptible) -> nullcontext[None]:
    return nullcontext()


def rows(reader: Reader, sql: str, *parameters: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = reader.fetch(sql, parameters, unwatched).to_pylist()
    return found


def test_what_lands_is_shipped_once(settings: Settings, reader: Reader, tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    export(exports / "events-1.csv", [event(1), event(2), event(3, RATE="-1")])
    ingest = ("ingest", "consent", "--from", str(exports), "--gateway", EMULATOR)
    run(*ingest, data=settings.data)
    run(*ingest, data=settings.data)
    export(exports / "events-2.csv", [event(2), event(4)])
    run(*ingest, data=settings.data)
    events = rows(reader, "SELECT event_id, _row_number FROM raw.consent__events ORDER BY event_id")
    assert [one["_row_number"] for one in events] == [1, 2, 2]
    [rejected] = rows(reader, "SELECT JSON_VALUE(rules, '$[0]') AS rule FROM quarantine.consent__events")
    assert rejected == {"rule": "rate.gt"}
    [loads] = rows(reader, "SELECT COUNT(*) AS loads, SUM(rows_loaded) AS loaded FROM raw.loads")
    assert loads == {"loads": 2, "loaded": 3}
    with open_gateway(settings, read_only=True) as backend:
        assert len(backend.list_tables(database="raw")) == 21
        assert backend.table("commerce__orders", database="raw").count().to_pyarrow().as_py() == 0
    assert "raw.consent__events" in run("status", "--gateway", EMULATOR, data=settings.data).stdout
    replayed = run("ingest", "--replay", "--gateway", EMULATOR, data=settings.data)
    assert "raw.consent__events" in replayed.stderr + replayed.stdout
    assert rows(reader, "SELECT COUNT(*) AS n FROM raw.consent__events") == [{"n": 3}]


VALUES = (
    "it's", 7, 2.5, True, Decimal("1.000000001"), dt.date(2025, 6, 1), dt.datetime(2025, 6, 1, 12, 30, tzinfo=dt.UTC),
)  # fmt: skip


def test_values_are_bound_with_their_types(reader: Reader) -> None:
    selected = ", ".join(f"@p{place} AS c{place}" for place in range(1, len(VALUES) + 1))
    [row] = rows(reader, f"SELECT {selected}", *VALUES)
    assert tuple(row.values()) == VALUES
    assert rows(reader, "SELECT x FROM UNNEST(@p1) AS x ORDER BY x", ["b", "a"]) == [{"x": "a"}, {"x": "b"}]


def test_a_query_that_bigquery_refuses(reader: Reader) -> None:
    with pytest.raises(QueryFailed, match="nowhere"):
        rows(reader, "SELECT 1 FROM nowhere.at_all")


def test_an_environments_own_tables_come_first(reader: Reader, emulator: Emulator) -> None:
    client = open_client(connection_to(emulator))
    for place in ("core.events", "core.users", "core__dev.events"):
        client.create_dataset(place.split(".")[0], exists_ok=True)
        client.query(f"CREATE TABLE {place} AS SELECT 1 AS one").result()
    assert reader.tables("dev") == {("core", "events"): ("core__dev", "events"), ("core", "users"): ("core", "users")}
    assert reader.tables("prod")["core", "events"] == ("core", "events")
    with pytest.raises(WarehouseError, match=r"no environment 'nope' .* known: prod, dev"):
        reader.tables("nope")


def test_two_relations_are_compared(settings: Settings, reader: Reader, emulator: Emulator) -> None:
    client = open_client(connection_to(emulator))
    client.create_dataset("core", exists_ok=True)
    client.create_dataset("core__dev", exists_ok=True)
    client.query("CREATE TABLE core.orders AS SELECT 1 AS order_id, 5 AS total").result()
    client.query("CREATE TABLE core__dev.orders AS SELECT 1 AS order_id, 6 AS total").result()
    compare = ("compare", "core.orders", "core.orders@dev", "--key", "order_id", "--gateway", EMULATOR)
    assert "total" in run(*compare, data=settings.data, code=1).stdout
    run("compare", "core.orders", "core.orders", "--key", "order_id", "--gateway", EMULATOR, data=settings.data)
    gone = ("compare", "core.orders", "core.gone", "--key", "order_id", "--gateway", EMULATOR)
    assert "gone" in run(*gone, data=settings.data, code=2).stderr


def test_the_emulator_is_started_once(settings: Settings, emulator: Emulator) -> None:
    assert "runs already" in run("emulator", "start", data=settings.data).stderr
    assert emulator.url in run("emulator", "status", data=settings.data).stdout
    assert "no emulator was started from here" in run("emulator", "stop", data=settings.data).stderr
    assert emulator.url in run("emulator", "status", data=settings.data).stdout


def test_nobody_listens(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADRACE_EMULATOR", "http://127.0.0.1:9")
    assert "no emulator answers" in run("emulator", "status", data=settings.data, code=1).stdout
    monkeypatch.setattr("headrace.bigquery.client._RETRY", None)
    export(tmp_path / "events-1.csv", [event(1)])
    said = run("ingest", "consent", "--from", str(tmp_path), "--gateway", EMULATOR, data=settings.data, code=1)
    assert (
        "gateway bigquery_emulator: nobody answers: is the emulator running at http://127.0.0.1:9? "
        "`headrace emulator start` starts it" in said.stderr.replace("\n", " ")
    )


def test_a_table_that_is_not_there_is_told_apart(reader: Reader, emulator: Emulator) -> None:
    with pytest.raises(NotFound):
        open_client(connection_to(emulator)).get_table("emu.raw.nothing")
