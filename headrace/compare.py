"""Compares two relations, or a model in two environments: totals first, then row by row and column by column.

The proof that a rewritten model gives the same data. The engine of the gateway does the work, over one full join on the
key, and gives aggregates and a sample; numbers may differ by a tolerance, absolute or relative, whichever allows more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.markup import escape
from sqlglot import exp
from sqlglot.errors import SqlglotError

from headrace.compare_queries import Column, Pair, Queries, table_sql
from headrace.config import Settings
from headrace.errors import HeadraceError, QueryFailed, WarehouseBusy, WarehouseError
from headrace.terminal import Terminal, rich_table
from headrace.warehouse import Reader, open_reader

Place = tuple[str, str]
Number = int | float | Decimal

_NOISE = 1e-9
"""Sums of floats depend on the order of the rows; what they differ by relatively without any row that does."""


class CompareError(HeadraceError):
    """What was asked to be compared cannot be: no such relation, column or key."""

    exit_code = 2


@dataclass(frozen=True)
class Total:
    """The sum of a numeric column on both sides."""

    column: str
    left: Number | None
    right: Number | None
    is_equal: bool


@dataclass(frozen=True)
class ColumnDifference:
    """How a column differs over the rows that both sides have. A sign flip: one side above zero, the other below."""

    column: str
    rows: int
    only_left_null: int
    only_right_null: int
    null_against_zero: int
    sign_flips: int
    largest_difference: Number | None


@dataclass(frozen=True)
class TypeDifference:
    """A column that holds different kinds of values on the two sides; they are compared as texts."""

    column: str
    left: str
    right: str


@dataclass(frozen=True)
class Comparison:
    """The outcome. Rows are told apart by the key; `sample` holds differing rows as (key, column, left, right).

    `missing_sample` holds keys of rows that one side lacks, as (name of the side that has the row, key).
    """

    left: str
    right: str
    left_rows: int
    right_rows: int
    only_left: int
    only_right: int
    left_columns_only: tuple[str, ...]
    right_columns_only: tuple[str, ...]
    types: tuple[TypeDifference, ...]
    totals: tuple[Total, ...]
    columns: tuple[ColumnDifference, ...]
    sample: tuple[tuple[object, str, object, object], ...]
    missing_sample: tuple[tuple[str, object], ...]

    @property
    def is_equal(self) -> bool:
        """Whether both sides hold the same data. Totals alone decide nothing: differences may cancel out."""
        shapes = self.left_columns_only or self.right_columns_only or self.only_left or self.only_right or self.types
        return not shapes and not any(one.rows for one in self.columns)

    @property
    def exit_code(self) -> int:
        return 0 if self.is_equal else 1


@contextmanager
def open_sides(settings: Settings) -> Iterator[Reader]:
    """The reader of the gateway for a comparison. Raises CompareError when there is no warehouse or environment, or the
    engine refuses a query, and WarehouseBusy."""
    try:
        reader = open_reader(settings)
        try:
            yield reader
        finally:
            reader.close()
    except WarehouseBusy:
        raise
    except WarehouseError as error:
        raise CompareError(str(error)) from error


def relation(reader: Reader, name: str) -> Place:
    """(schema or "", table) that `layer.table` or `layer.table@environment` names. Raises CompareError without one."""
    table, at, environment = name.partition("@")
    try:
        named = exp.to_table(table, dialect=reader.dialect)
    except SqlglotError as error:
        raise CompareError(f"{table!r} names no relation: say layer.table, or layer.table@environment") from error
    if named.catalog or not isinstance(named.this, exp.Identifier) or (at and not environment):
        raise CompareError(f"{name!r} names no relation: say layer.table, or layer.table@environment")
    place: Place | None = (named.db, named.name)
    if environment:
        place = reader.tables(environment).get((named.db, named.name))
    if place is None:
        raise CompareError(f"there is no {table} in environment {environment}")
    return place


def compare(
    reader: Reader,
    left: str,
    right: str,
    *,
    key: Sequence[str],
    exclude: Sequence[str] = (),
    tolerance: float = 0.0,
    sample: int = 5,
) -> Comparison:
    """Compare two relations on the columns that both have, less `exclude`; names are the same in either case.

    Raises CompareError for an unknown relation or column, and for a key that is not unique or NULL on a side.
    """
    if not math.isfinite(tolerance):
        raise CompareError(f"{tolerance} is no tolerance: say a number such as 1e-6")
    places = (relation(reader, left), relation(reader, right))
    sides = (_columns(reader, places[0]), _columns(reader, places[1]))
    _check_names(key, places, sides)
    _check_excluded(exclude, places, sides)
    known = [_pairs(*sides)[name.lower()] for name in key]
    left_out = {name.lower() for name in (*exclude, *key)}
    pairs = tuple(pair for name, pair in _pairs(*sides).items() if name not in left_out)
    queries = Queries(reader.dialect, places, tuple(known), pairs, tolerance)
    for side in (0, 1):
        _check_key(reader, queries, side, key)
    summary = _row(reader, queries.summary())
    columns = tuple(_difference(summary, number, pair) for number, pair in enumerate(pairs, 1))
    return Comparison(
        left=left,
        right=right,
        **{name: summary[name] for name in ("left_rows", "right_rows", "only_left", "only_right")},
        left_columns_only=_alone(sides[0], sides[1], left_out),
        right_columns_only=_alone(sides[1], sides[0], left_out),
        types=_types((*known, *pairs)),
        totals=tuple(_totals(summary, pairs, tolerance)),
        columns=columns,
        sample=_sample(reader, queries, columns, sample),
        missing_sample=_missing(reader, queries, summary, (left, right), sample),
    )


def show(found: Comparison, terminal: Terminal) -> None:
    """Print a comparison: rows, totals, the columns that differ, a sample."""
    sides = (found.left, found.right)
    counts = [("rows", found.left_rows, found.right_rows), ("only here", found.only_left, found.only_right)]
    terminal.out.print(rich_table(("", *sides), counts))
    for side, names in zip(sides, (found.left_columns_only, found.right_columns_only), strict=True):
        if names:
            terminal.out.print(escape(f"columns of {side} only: {', '.join(names)}"))
    if found.types:
        types = [(one.column, one.left, one.right) for one in found.types]
        terminal.out.print(rich_table(("kind of values", *sides), types))
    totals = [(one.column, one.left, one.right, "yes" if one.is_equal else "no") for one in found.totals]
    if totals:
        terminal.out.print(rich_table(("total of", *sides, "equal"), totals))
    different = [one for one in found.columns if one.rows]
    if different:
        columns = ("column", "rows", "NULL left", "NULL right", "NULL against 0", "sign flips", "largest difference")
        terminal.out.print(rich_table(columns, [_difference_row(one) for one in different]))
        terminal.out.print(rich_table(("key", "column", *sides), found.sample))
    if found.missing_sample:
        terminal.out.print(rich_table(("only in", "key"), found.missing_sample))
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


def _said(place: Place) -> str:
    return ".".join(filter(None, place))


def _fetch(reader: Reader, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = reader.fetch(sql, (), lambda _: nullcontext()).to_pylist()
    return rows


def _row(reader: Reader, sql: str) -> Mapping[str, Any]:
    return _fetch(reader, sql)[0]


def _columns(reader: Reader, place: Place) -> dict[str, Column]:
    """The columns of a relation by their names in small letters: engines take both for the same."""
    table = table_sql(place, reader.dialect)
    try:
        schema = reader.columns(f"SELECT * FROM {table}", ())
    except QueryFailed as error:
        raise CompareError(f"there is no relation {_said(place)}: {str(error).splitlines()[0]}") from error
    return {field.name.lower(): Column(field.name, field.type) for field in schema}


def _pairs(left: Mapping[str, Column], right: Mapping[str, Column]) -> dict[str, Pair]:
    return {name: Pair(column, right[name]) for name, column in left.items() if name in right}


def _alone(these: Mapping[str, Column], those: Mapping[str, Column], left_out: set[str]) -> tuple[str, ...]:
    return tuple(column.name for name, column in these.items() if name not in those and name not in left_out)


def _check_names(key: Sequence[str], places: tuple[Place, Place], sides: tuple[Mapping[str, Column], ...]) -> None:
    if not key:
        raise CompareError("name the key: the column or columns that tell rows apart")
    for place, columns in zip(places, sides, strict=True):
        missing = [name for name in key if name.lower() not in columns]
        if missing:
            names = ", ".join(column.name for column in columns.values())
            raise CompareError(f"{_said(place)} has no {', '.join(missing)}; it has {names}")


def _check_excluded(
    exclude: Sequence[str], places: tuple[Place, Place], sides: tuple[Mapping[str, Column], ...]
) -> None:
    unknown = [name for name in exclude if not any(name.lower() in columns for columns in sides)]
    if unknown:
        raise CompareError(
            f"there is no {', '.join(unknown)} to leave out, neither in {' nor in '.join(map(_said, places))}"
        )


def _check_key(reader: Reader, queries: Queries, side: int, key: Sequence[str]) -> None:
    found = _row(reader, queries.broken_key(side))
    if found["twice"] or found["nulls"]:
        name = _said(queries.places[side])
        raise CompareError(
            f"{', '.join(key)} is no key of {name}: {found['twice']} values are there twice, {found['nulls']} are NULL,"
            f" for example {found['example']}"
        )


def _types(pairs: Sequence[Pair]) -> tuple[TypeDifference, ...]:
    mixed = (pair for pair in pairs if pair.is_mixed)
    return tuple(TypeDifference(pair.name, str(pair.left.type), str(pair.right.type)) for pair in mixed)


def _totals(summary: Mapping[str, Any], pairs: Sequence[Pair], tolerance: float) -> Iterator[Total]:
    for number, pair in enumerate(pairs, 1):
        if pair.is_number:
            yield _total(summary, number, pair, tolerance)


def _total(summary: Mapping[str, Any], number: int, pair: Pair, tolerance: float) -> Total:
    left, right = summary[f"left_total_{number}"], summary[f"right_total_{number}"]
    if left is None or right is None:
        return Total(pair.name, left, right, left is right)
    if not (math.isfinite(left) and math.isfinite(right)):
        return Total(pair.name, left, right, left == right or (math.isnan(left) and math.isnan(right)))
    allowed = max(tolerance, _NOISE) if pair.is_inexact else tolerance
    near = abs(float(left) - float(right)) <= allowed * max(1.0, min(abs(float(left)), abs(float(right))))
    return Total(pair.name, left, right, bool(left == right or (allowed and near)))


def _difference(summary: Mapping[str, Any], number: int, pair: Pair) -> ColumnDifference:
    def of(name: str) -> Any:
        return summary.get(f"{name}_{number}")

    return ColumnDifference(
        column=pair.name,
        rows=of("differing"),
        only_left_null=of("left_null"),
        only_right_null=of("right_null"),
        null_against_zero=of("zero") or 0,
        sign_flips=of("flipped") or 0,
        largest_difference=of("largest"),
    )


def _sample(
    reader: Reader, queries: Queries, columns: Sequence[ColumnDifference], size: int
) -> tuple[tuple[object, str, object, object], ...]:
    """The first differing rows of each column, by key."""
    found: list[tuple[object, str, object, object]] = []
    for number, one in enumerate(columns, 1):
        if one.rows and size:
            rows = _fetch(reader, queries.differing(number, size))
            found += [(_key(row), one.column, row["l"], row["r"]) for row in rows]
    return tuple(found)


def _missing(
    reader: Reader, queries: Queries, summary: Mapping[str, Any], names: tuple[str, str], size: int
) -> tuple[tuple[str, object], ...]:
    """The first keys that only one of the sides has."""
    found: list[tuple[str, object]] = []
    for side, count in enumerate((summary["only_left"], summary["only_right"])):
        if count and size:
            found += [(names[side], _key(row)) for row in _fetch(reader, queries.missing(side, size))]
    return tuple(found)


def _key(row: Mapping[str, Any]) -> object:
    values = tuple(value for name, value in row.items() if name.startswith("k"))
    return values[0] if len(values) == 1 else values
