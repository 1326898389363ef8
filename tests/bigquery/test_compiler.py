"""The compiler's SQL for BigQuery, run on the emulator: the golden cases have the rows that they have on DuckDB."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from decimal import Decimal, InvalidOperation
from typing import Any

import duckdb
import pytest

from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator
from headrace.bigquery.reader import BigQueryReader
from semantic.compiler import compile_query
from semantic.datamodel.load import load_data_model
from semantic.query.parse import parse_query
from tests.bigquery.loading import connection_to, load
from tests.semantic.sql.test_golden import GOLDEN, NOW, STAFF, _cases

DATASET = "golden"


@pytest.fixture(scope="module")
def reader(emulator: Emulator) -> BigQueryReader:
    """The shop of the golden cases, in a dataset of its own."""
    with duckdb.connect() as connection:
        seed = (GOLDEN / "seed.sql").read_text(encoding="utf-8")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(seed.replace("core.", f"{DATASET}.").replace("SCHEMA core", f"SCHEMA {DATASET}"))
        names = connection.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
        load(connection, emulator, [(str(schema), str(table)) for schema, table in names])
    found = connection_to(emulator)
    return BigQueryReader(open_client(found), found)


@pytest.mark.parametrize("case", _cases())
def test_golden_cases(case: dict[str, Any], reader: BigQueryReader) -> None:
    model = load_data_model(GOLDEN / "model")
    query = parse_query(case["query"], model, now=NOW, default_limit=None)
    compiled = compile_query(model, query, dialect="bigquery", security_context=STAFF)
    sql = compiled.sql.replace("`core`", f"`{DATASET}`").replace("core.", f"{DATASET}.")
    table = reader.fetch(sql, compiled.parameters, lambda _: nullcontext())
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    assert Counter(tuple(map(plain, row)) for row in rows) == Counter(tuple(map(plain, row)) for row in case["rows"])


def plain(value: Any) -> object:
    """A value without what only tells numbers' types apart."""
    if value is None or isinstance(value, bool):
        return value
    try:
        return f"{Decimal(str(value)).quantize(Decimal('1e-9')).normalize():f}"
    except InvalidOperation:
        return str(value)
