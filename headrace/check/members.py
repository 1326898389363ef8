"""Each member of the data model against the contracts: its columns exist, and their types and units fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from sqlglot import exp

from contracts.base import Column
from contracts.results import SCHEMA, TABLE
from contracts.types import Boolean, ColumnType, Day, Instant, Integer, Number, Numeric, Text
from headrace.check.findings import Finding, Level
from headrace.lineage.build import cube_table, members, snippet_columns
from semantic.datamodel.checks import snippets
from semantic.datamodel.types import Cube, DataModel, Dimension, Measure, Member, Sql

Columns = Mapping[str, Mapping[str, Column]]
"""Table -> column name -> column."""

NUMBERS: tuple[type[ColumnType], ...] = (Integer, Number, Numeric)
DIMENSION_TYPES: Mapping[str, tuple[type[ColumnType], ...]] = {
    "string": (Text,),
    "number": NUMBERS,
    "boolean": (Boolean,),
    "time": (Instant, Day),
}
"""Which columns a dimension of a type may be, when it is a column and no expression."""
MEASURE_TYPES: Mapping[str, tuple[type[ColumnType], ...]] = {
    "sum": NUMBERS,
    "avg": NUMBERS,
    "min": (*NUMBERS, Instant, Day),
    "max": (*NUMBERS, Instant, Day),
}


RESULTS = f"{SCHEMA}.{TABLE}"
"""Our own table, which the checks write and no contract is about."""


def check_members(data_model: DataModel, columns: Columns, *, folder: str, today: date) -> Iterator[Finding]:
    """Every way in which cubes and contracts disagree. `folder` is the data model's, relative to the project."""
    for problem in (*data_model.problems, *(one for found in data_model.broken.values() for one in found)):
        yield Finding("data-model", "error", problem.property, str(problem), f"{folder}/{problem.file}", problem.line)
    for cube in data_model.cubes.values():
        table = cube_table(cube)
        if cube.is_view:
            yield from _check_exposure(data_model, cube, columns, folder)
        elif table and table not in columns and table != RESULTS:
            message = f"cube {cube.name} reads {table}, which has no contract"
            yield Finding("member-table", "error", cube.name, message, f"{folder}/{cube.place.file}", cube.place.line)
        else:
            for member in members(cube):
                yield from _check_member(data_model, cube, member, columns, folder, today)


def _check_member(
    data_model: DataModel, cube: Cube, member: Member, columns: Columns, folder: str, today: date
) -> Iterator[Finding]:
    for snippet in snippets(member):
        for table, name in snippet_columns(data_model, cube, snippet):
            column = columns.get(table, {}).get(name)
            if table in columns and column is None:
                message = f"{member.full_name} reads {table}.{name}, which its contract does not have"
                yield _finding(
                    "member-column", "error", member, folder, f"{message}; it has {', '.join(columns[table])}"
                )
            elif column and column.deprecated:
                gone = column.deprecated.removed_on <= today
                message = (
                    f"{member.full_name} reads {table}.{name}, which goes on {column.deprecated.removed_on}: "
                    f"use {column.deprecated.use}"
                )
                yield _finding("member-deprecated", "error" if gone else "warning", member, folder, message)
    column = bare_column(data_model, cube, member, columns)
    if column:
        yield from _check_type(member, column, folder)
        yield from _check_unit(member, column, folder)
        if not member.description:
            message = f"{member.full_name} has no description; that of its column is {column.description!r}"
            yield _finding("member-description", "warning", member, folder, message)


def bare_column(data_model: DataModel, cube: Cube, member: Member, columns: Columns) -> Column | None:
    """The column that a member is, when it is one and no expression of several."""
    snippet: Sql | None = member.sql
    if snippet is None or not isinstance(snippet.tree, exp.Column):
        return None
    found = snippet_columns(data_model, cube, snippet)
    return columns.get(found[0][0], {}).get(found[0][1]) if found else None


def _check_type(member: Member, column: Column, folder: str) -> Iterator[Finding]:
    fitting: tuple[type[ColumnType], ...] | None = None
    if isinstance(member, Dimension) and member.case is None:
        fitting = DIMENSION_TYPES.get(member.type)
    if isinstance(member, Measure):
        fitting = MEASURE_TYPES.get(member.type)
    if fitting and column.type not in fitting:
        kind = member.type if isinstance(member, (Dimension, Measure)) else ""
        message = f"{member.full_name} is a {kind}, but its column {column.name} is {column.type.sql_name}"
        yield _finding("member-type", "error", member, folder, message)


def _check_unit(member: Member, column: Column, folder: str) -> Iterator[Finding]:
    """Units are compared where both are stated: `meta.unit`, or the currency of a currency format."""
    stated = _unit(member)
    if not stated or not column.unit or (isinstance(member, Measure) and member.type.startswith("count")):
        return
    if stated != column.unit.casefold():
        message = f"{member.full_name} is in {stated}, but its column {column.name} is in {column.unit}"
        yield _finding("member-unit", "error", member, folder, message)


def _unit(member: Member) -> str:
    if isinstance(member, (Dimension, Measure)) and member.format == "currency" and member.currency:
        return member.currency.casefold()
    return str(member.meta.get("unit", "")).casefold()


def _check_exposure(data_model: DataModel, view: Cube, columns: Columns, folder: str) -> Iterator[Finding]:
    for member in view.dimensions.values():
        if not (member.alias_of and member.public and view.public) or member.meta.get("sensitivity"):
            continue
        cube = data_model.cubes.get(member.alias_of.cube)
        behind = cube.member(member.alias_of.member) if cube else None
        column = bare_column(data_model, cube, behind, columns) if cube and behind else None
        if column and column.sensitivity in ("personal", "secret"):
            message = (
                f"{member.full_name} shows {column.sensitivity} data to everybody: make it private, "
                f"or say `meta: {{sensitivity: {column.sensitivity}}}` and guard it by an access policy"
            )
            yield _finding("member-personal", "warning", member, folder, message)


def _finding(rule: str, level: Level, member: Member, folder: str, message: str) -> Finding:
    return Finding(rule, level, member.full_name, message, f"{folder}/{member.place.file}", member.place.line)
