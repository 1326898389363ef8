"""Compares two relations, or a model in two environments: totals first, then row by row and column by column.

The proof that a rewritten model gives the same data. Both sides are read once into one full join on the key; numbers
may differ by a tolerance, absolute or relative, whichever allows more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import duckdb
from sqlglot import exp

from headrace.config import Settings
from headrace.errors import HeadraceError, QueryFailed
from headrace.terminal import Terminal, rich_table
from headrace.warehouse import open_reader, open_warehouse, resolve_tables

_ROW_COUNTS = (
    "SELECT COUNT(*) FILTER (in_left), COUNT(*) FILTER (in_right), COUNT(*) FILTER (in_left AND NOT in_right),"
    " COUNT(*) FILTER (in_right AND NOT in_left) FROM compared"
)
_NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT", "HUGEINT")


class CompareError(HeadraceError):
    """What was asked to be compared cannot be: no such relation, column or key."""

    exit_code = 2


@dataclass(frozen=True)
class Total:
    """The sum of a numeric column on both sides."""

    column: str
    left: float | None
    right: float | None
    is_equal: bool


@dataclass(frozen=True)
class ColumnDifference:
    """How a column differs over the rows that both sides have."""

    column: str
    rows: int
    only_left_null: int
    only_right_null: int
    null_against_zero: int
    sign_flips: int
    largest_difference: float | None


@dataclass(frozen=True)
class Comparison:
    """The outcome. Rows are told apart by the key; `sample` holds differing rows as (key, column, left, right)."""

    left: str
    right: str
    left_rows: int
    right_rows: int
    only_left: int
    only_right: int
    left_columns_only: tuple[str, ...]
    right_columns_only: tuple[str, ...]
    totals: tuple[Total, ...]
    columns: tuple[ColumnDifference, ...]
    sample: tuple[tuple[object, str, object, object], ...]

    @property
    def is_equal(self) -> bool:
        """Whether both sides hold the same data. Totals alone decide nothing: differences may cancel out."""
        shapes = self.left_columns_only or self.right_columns_only or self.only_left or self.only_right
        return not shapes and not any(one.rows for one in self.columns)

    @property
    def exit_code(self) -> int:
        return 0 if self.is_equal else 1


@contextmanager
def open_sides(settings: Settings, *names: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection in which the relations can be compared.

    What is on BigQuery is fetched for it, every row: a comparison needs them all. Raises CompareError, WarehouseError.
    """
    if settings.bigquery is None:
        with open_warehouse(settings, read_only=True) as backend:
            yield backend.con
        return
    reader = open_reader(settings)
    connection = duckdb.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for name in dict.fromkeys(names):
            table, _, environment = name.partition("@")
            layer, _, short = table.rpartition(".")
            place = reader.tables(environment).get((layer, short)) if environment else (layer, short)
            if place is None:
                raise CompareError(f"there is no {table} in environment {environment}")
            query = exp.select("*").from_(exp.table_(place[1], db=place[0], quoted=True)).sql(reader.dialect)
            fetched = reader.fetch(query, (), lambda _: nullcontext())
            connection.register("fetched", fetched)
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(place[0])}")
            connection.execute(f"CREATE TABLE {_table('.'.join(place))} AS FROM fetched")
        yield connection
    except QueryFailed as error:
        raise CompareError(str(error)) from error
    finally:
        connection.close()
        reader.close()


def relation(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """The table that `layer.table` or `layer.table@environment` names. Raises CompareError when there is none."""
    table, _, environment = name.partition("@")
    layer, _, short = table.rpartition(".")
    if not environment:
        return table
    found = resolve_tables(connection, environment).get((layer, short))
    if found is None:
        raise CompareError(f"there is no {table} in environment {environment}")
    return ".".join(found)


def compare(
    connection: duckdb.DuckDBPyConnection,
    left: str,
    right: str,
    *,
    key: Sequence[str],
    exclude: Sequence[str] = (),
    tolerance: float = 0.0,
    sample: int = 5,
) -> Comparison:
    """Compare two relations on the columns that both have, less `exclude`.

    Raises CompareError for an unknown relation or key column, and for a key that is not unique or NULL on a side.
    """
    sides = (relation(connection, left), relation(connection, right))
    types = tuple(_columns(connection, side) for side in sides)
    _check_key(connection, sides, types, key)
    shared = [name for name in types[0] if name in types[1] and name not in (*exclude, *key)]
    numeric = [name for name in shared if all(_is_number(side[name]) for side in types)]
    _join(connection, sides, key, shared)
    rows = _row(connection, _ROW_COUNTS)
    return Comparison(
        left=left,
        right=right,
        left_rows=rows[0],
        right_rows=rows[1],
        only_left=rows[2],
        only_right=rows[3],
        left_columns_only=tuple(name for name in types[0] if name not in types[1] and name not in exclude),
        right_columns_only=tuple(name for name in types[1] if name not in types[0] and name not in exclude),
        totals=tuple(_total(connection, name, tolerance) for name in numeric),
        columns=tuple(_difference(connection, name, name in numeric, tolerance) for name in shared),
        sample=_sample(connection, key, shared, numeric, tolerance, sample),
    )


def show(found: Comparison, terminal: Terminal) -> None:
    """Print a comparison: rows, totals, the columns that differ, a sample."""
    sides = (found.left, found.right)
    counts = [("rows", found.left_rows, found.right_rows), ("only here", found.only_left, found.only_right)]
    terminal.out.print(rich_table(("", *sides), counts))
    for side, names in zip(sides, (found.left_columns_only, found.right_columns_only), strict=True):
        if names:
            terminal.out.print(f"columns of {side} only: {', '.join(names)}")
    totals = [(one.column, one.left, one.right, "yes" if one.is_equal else "no") for one in found.totals]
    terminal.out.print(rich_table(("total of", *sides, "equal"), totals))
    different = [one for one in found.columns if one.rows]
    if different:
        columns = ("column", "rows", "NULL left", "NULL right", "NULL against 0", "sign flips", "largest difference")
        terminal.out.print(rich_table(columns, [_difference_row(one) for one in different]))
        terminal.out.print(rich_table(("key", "column", *sides), found.sample))
    terminal.out.print("the same data" if found.is_equal else "[bold]the data differ[/]")


def _difference_row(one: ColumnDifference) -> tuple[object, ...]:
    return (
        one.column,
        one.rows,
        one.only_left_null,
        one.only_right_null,
        one.null_against_zero,
        one.sign_flips,
        one.largest_difference,
    )


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def _table(name: str) -> str:
    return exp.to_table(name, dialect="duckdb").sql("duckdb", identify=True)


def _is_number(type_: str) -> bool:
    return any(name in type_ for name in _NUMBERS) and "[" not in type_ and "STRUCT" not in type_


def _row(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row = connection.execute(sql).fetchone()
    assert row is not None, "an aggregate gives one row"
    return row


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> Mapping[str, str]:
    try:
        rows = connection.execute(f"DESCRIBE SELECT * FROM {_table(table)}").fetchall()
    except duckdb.CatalogException as error:
        raise CompareError(f"there is no relation {table}: {str(error).splitlines()[0]}") from error
    return {row[0]: row[1] for row in rows}


def _check_key(
    connection: duckdb.DuckDBPyConnection,
    sides: tuple[str, str],
    types: tuple[Mapping[str, str], ...],
    key: Sequence[str],
) -> None:
    if not key:
        raise CompareError("name the key: the column or columns that tell rows apart")
    for side, columns in zip(sides, types, strict=True):
        missing = [name for name in key if name not in columns]
        if missing:
            raise CompareError(f"{side} has no {', '.join(missing)}; it has {', '.join(columns)}")
        listed = ", ".join(_quoted(name) for name in key)
        nulls = " OR ".join(f"{_quoted(name)} IS NULL" for name in key)
        twice, empty = _row(
            connection,
            f"SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM {_table(side)} GROUP BY {listed} HAVING COUNT(*) > 1)),"
            f" (SELECT COUNT(*) FROM {_table(side)} WHERE {nulls})",
        )
        if twice or empty:
            raise CompareError(
                f"{', '.join(key)} is no key of {side}: {twice} values are there twice, {empty} are NULL"
            )


def _join(connection: duckdb.DuckDBPyConnection, sides: tuple[str, str], key: Sequence[str], shared: list[str]) -> None:
    """Both sides in one temporary table: key, then left and right value of every column."""
    columns = [f"COALESCE(l.{_quoted(name)}, r.{_quoted(name)}) AS {_quoted('key ' + name)}" for name in key]
    columns += [f"l.{_quoted(name)} AS {_quoted('left ' + name)}" for name in shared]
    columns += [f"r.{_quoted(name)} AS {_quoted('right ' + name)}" for name in shared]
    on = " AND ".join(f"l.{_quoted(name)} = r.{_quoted(name)}" for name in key)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE compared AS SELECT l.{_quoted(key[0])} IS NOT NULL AS in_left,"
        f" r.{_quoted(key[0])} IS NOT NULL AS in_right, {', '.join(columns)}"
        f" FROM {_table(sides[0])} AS l FULL JOIN {_table(sides[1])} AS r ON {on}"
    )


def _pair(name: str) -> tuple[str, str]:
    return _quoted("left " + name), _quoted("right " + name)


def _differs(name: str, is_numeric: bool, tolerance: float) -> str:
    """Condition: the values differ by more than the tolerance, or one of them is NULL."""
    left, right = _pair(name)
    if not is_numeric or not tolerance:
        return f"{left} IS DISTINCT FROM {right}"
    allowed = f"{tolerance} * GREATEST(1, ABS({left}), ABS({right}))"
    return (
        f"(({left} IS NULL) <> ({right} IS NULL) OR COALESCE(ABS({left}::DOUBLE - {right}::DOUBLE) > {allowed}, FALSE))"
    )


def _total(connection: duckdb.DuckDBPyConnection, name: str, tolerance: float) -> Total:
    left, right = _pair(name)
    sums = _row(connection, f"SELECT SUM({left})::DOUBLE, SUM({right})::DOUBLE FROM compared")
    both = sums[0] is not None and sums[1] is not None
    near = abs(sums[0] - sums[1]) <= tolerance * max(1.0, abs(sums[0]), abs(sums[1])) if both else sums[0] == sums[1]
    return Total(name, sums[0], sums[1], near)


def _difference(
    connection: duckdb.DuckDBPyConnection, name: str, is_numeric: bool, tolerance: float
) -> ColumnDifference:
    left, right = _pair(name)
    numbers = "0, 0, NULL"
    if is_numeric:
        numbers = (
            f"COUNT(*) FILTER ((COALESCE({left}, 0) = 0 AND COALESCE({right}, 0) = 0)"
            f" AND ({left} IS NULL) <> ({right} IS NULL)),"
            f" COUNT(*) FILTER ({left}::DOUBLE = -({right}::DOUBLE) AND {left} <> 0),"
            f" MAX(ABS({left}::DOUBLE - {right}::DOUBLE))"
        )
    row = _row(
        connection,
        f"SELECT COUNT(*), COUNT(*) FILTER ({left} IS NULL), COUNT(*) FILTER ({right} IS NULL), {numbers}"
        f" FROM compared WHERE in_left AND in_right AND {_differs(name, is_numeric, tolerance)}",
    )
    return ColumnDifference(name, *row)


def _sample(
    connection: duckdb.DuckDBPyConnection,
    key: Sequence[str],
    shared: list[str],
    numeric: list[str],
    tolerance: float,
    size: int,
) -> tuple[tuple[object, str, object, object], ...]:
    """The first differing rows of each column, by key."""
    listed = ", ".join(_quoted("key " + name) for name in key)
    found: list[tuple[object, str, object, object]] = []
    for name in shared:
        left, right = _pair(name)
        rows = connection.execute(
            f"SELECT {left}, {right}, {listed} FROM compared"
            f" WHERE in_left AND in_right AND {_differs(name, name in numeric, tolerance)}"
            f" ORDER BY {listed} LIMIT {size}"
        ).fetchall()
        found += [(row[2] if len(key) == 1 else row[2:], name, row[0], row[1]) for row in rows]
    return tuple(found)
