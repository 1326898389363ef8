"""What SQLMesh does with an incremental model, day by day: delete the interval, insert what the query gives for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import duckdb
from sqlmesh import Context

from tests.sqlmesh_project.journeys import BEGIN

MARK = "2001-02-03"
"""A day that no journey touches: stands for the interval in rendered queries."""


@dataclass(frozen=True)
class Incremental:
    """A rendered incremental model. `lookback` is in days."""

    name: str
    time_column: str
    lookback: int
    sql: str

    def run(self, connection: duckdb.DuckDBPyConnection, first_day: int, last_day: int) -> None:
        """Compute the days from `first_day` to `last_day`."""
        start = f"{BEGIN + timedelta(days=first_day):%Y-%m-%d} 00:00:00"
        end = f"{BEGIN + timedelta(days=last_day):%Y-%m-%d} 23:59:59.999999"
        sql = self.sql.replace(f"{MARK} 00:00:00", start).replace(f"{MARK} 23:59:59.999999", end)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE computed AS {sql}")
        connection.execute(f"DELETE FROM {self.name} WHERE {self.time_column} BETWEEN '{start}+00' AND '{end}+00'")
        connection.execute(f"INSERT INTO {self.name} BY NAME SELECT * FROM computed")

    def create(self, connection: duckdb.DuckDBPyConnection, columns: dict[str, str]) -> None:
        listed = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
        connection.execute(f"CREATE OR REPLACE TABLE {self.name} ({listed})")

    def rows(self, connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
        return connection.execute(f"SELECT * FROM {self.name} ORDER BY ALL").fetchall()


def incremental(project: Context, name: str) -> tuple[Incremental, dict[str, str]]:
    """A model of the project as DuckDB runs it, and its columns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = project.get_model(name, raise_if_missing=True)
        query = model.render_query_or_raise(start=MARK, end=MARK)
        columns = {column: type_.sql("duckdb") for column, type_ in (model.columns_to_types or {}).items()}
        assert model.time_column is not None
        sql = query.sql("duckdb", comments=False)
    return Incremental(name, model.time_column.column.name, model.lookback, sql), columns


def arrive(
    connection: duckdb.DuckDBPyConnection,
    model: Incremental,
    last_day: int,
    bring: Callable[[int], None],
) -> None:
    """Day after day: `bring` what becomes known on that day, then run the model with its lookback."""
    for day in range(last_day + 1):
        bring(day)
        model.run(connection, max(day - model.lookback, 0), day)
