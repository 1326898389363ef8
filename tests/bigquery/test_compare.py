"""A comparison on BigQuery is made there: what it finds is what DuckDB finds, and few rows are fetched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pytest

from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator
from headrace.bigquery.reader import BigQueryReader
from headrace.compare import CompareError, compare
from headrace.warehouse import Dialect, Places, Reader, Watch
from tests.bigquery.loading import clear, connection_to
from tests.semantic.sqlapi.readers import Memory

LEFT = (
    "SELECT 1 AS id, 'FR' AS country, 'a' AS name, 1.5 AS amount UNION ALL SELECT 2, 'US', 'b', -2.0"
    " UNION ALL SELECT 3, 'US', 'c', NULL UNION ALL SELECT 4, 'US', 'd', 4.0"
)
RIGHT = (
    "SELECT 1 AS id, 'FR' AS country, 'A' AS name, 1.5 AS amount UNION ALL SELECT 2, 'US', 'b', 2.0"
    " UNION ALL SELECT 3, 'US', 'c', 0.0 UNION ALL SELECT 5, 'US', 'e', 9.0"
)


class Counted:
    """A reader that counts the rows that it fetched."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.rows = 0

    @property
    def dialect(self) -> Dialect:
        return self.reader.dialect

    def fetch(self, sql: str, parameters: Sequence[object], watch: Watch) -> pa.Table:
        found = self.reader.fetch(sql, parameters, watch)
        self.rows += found.num_rows
        return found

    def columns(self, sql: str, parameters: Sequence[object]) -> pa.Schema:
        return self.reader.columns(sql, parameters)

    def tables(self, environment: str) -> Places:
        return self.reader.tables(environment)

    def close(self) -> None:
        self.reader.close()


@pytest.fixture
def reader(emulator: Emulator) -> Iterator[Counted]:
    """Two tables on the emulator, and a thousand equal rows."""
    connection = connection_to(emulator)
    client = open_client(connection)
    clear(client)
    client.create_dataset("core")
    many = "SELECT i AS id, CAST(i AS STRING) AS name FROM UNNEST(GENERATE_ARRAY(1, 1000)) AS i"
    for name, query in (("one", LEFT), ("two", RIGHT), ("many", many)):
        client.query(f"CREATE TABLE core.{name} AS {query}").result()
    found = Counted(BigQueryReader(client, connection))
    yield found
    found.close()


def test_it_finds_what_duckdb_finds(reader: Counted) -> None:
    memory = Memory(f"CREATE SCHEMA core; CREATE TABLE core.one AS {LEFT}; CREATE TABLE core.two AS {RIGHT}")
    for key in (["id"], ["country", "id"]):
        here, there = (compare(one, "core.one", "core.two", key=key) for one in (memory, reader))
        assert (there.columns, there.sample, there.missing_sample) == (here.columns, here.sample, here.missing_sample)
        assert (there.only_left, there.only_right, there.left_rows, there.right_rows) == (1, 1, 4, 4)
        assert [(one.column, one.is_equal) for one in there.totals][-1] == ("amount", False)
    memory.close()


def test_rows_that_do_not_differ_stay_there(reader: Counted) -> None:
    assert compare(reader, "core.many", "core.many", key=["id"], tolerance=1e-6).is_equal
    assert reader.rows == 3, "two for the key, one for the figures"


@pytest.mark.parametrize(
    ("right", "key", "message"),
    [
        ("core.two", "name`", "core.one has no name`"),
        ("core.gone", "id", "there is no relation core.gone"),
        ("core.one", "country", "country is no key of core.one: 1 values are there twice, 0 are NULL, for example US"),
    ],
)
def test_what_cannot_be_compared_is_said(reader: Counted, right: str, key: str, message: str) -> None:
    with pytest.raises(CompareError, match=message):
        compare(reader, "core.one", right, key=[key])
