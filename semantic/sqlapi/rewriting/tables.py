"""Views and cubes as SQL tables: which names a client may use, and which members are behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from sqlglot import exp

from semantic.datamodel.types import Cube, DataModel, Dimension, Measure, Segment
from semantic.sqlapi.errors import AmbiguousColumn, UnknownColumn, UnknownTable

JOIN_FIELD = "__cubejoinfield"
USER = "__user"
SCHEMA = "public"
CATALOG_SCHEMAS = ("pg_catalog", "information_schema")


@dataclass(frozen=True)
class Source:
    """A view or cube in a FROM, under the name that the client gave it."""

    alias: str
    cube: Cube

    def member(self, name: str) -> Dimension | Measure | Segment | None:
        """The public member of that name."""
        return public_members(self.cube).get(name)


@dataclass(frozen=True)
class Column:
    """A member as a column of a scope."""

    source: Source
    member: Dimension | Measure | Segment

    @property
    def full_name(self) -> str:
        return self.member.full_name

    @property
    def is_time(self) -> bool:
        return isinstance(self.member, Dimension) and self.member.type == "time"


def public_tables(model: DataModel) -> Mapping[str, Cube]:
    """What clients see: public views and cubes."""
    return {name: cube for name, cube in model.cubes.items() if cube.public}


def public_members(cube: Cube) -> Mapping[str, Dimension | Measure | Segment]:
    """Name -> public member: dimensions, then measures, then segments. Places on a map have no SQL type: left out."""
    members: dict[str, Dimension | Measure | Segment] = {}
    for kind in (cube.dimensions, cube.measures, cube.segments):
        for name, member in kind.items():
            if member.public and not (isinstance(member, Dimension) and member.type == "geo"):
                members[name] = member
    return members


def find_table(model: DataModel, table: exp.Table) -> Cube:
    """The view or cube that a table names. Raises UnknownTable."""
    tables = public_tables(model)
    if table.db in ("", SCHEMA) and table.name in tables and isinstance(table.this, exp.Identifier):
        return tables[table.name]
    close = get_close_matches(table.name, tables, n=1)
    name = f"{table.db}.{table.name}" if table.db else table.name
    raise UnknownTable(
        f'relation "{name}" does not exist',
        position=position_of(table.this),
        hint=f'Did you mean "{close[0]}"?' if close else f"Tables are: {', '.join(sorted(tables)) or 'none'}.",
    )


@dataclass(frozen=True)
class Sources:
    """The semantic tables of one FROM."""

    all: tuple[Source, ...]

    @cached_property
    def by_alias(self) -> Mapping[str, Source]:
        return {source.alias: source for source in self.all}

    def resolve(self, column: exp.Column) -> Column | None:
        """The member behind a column; None where it is not of these sources. Raises UnknownColumn, AmbiguousColumn."""
        name = column.name
        if column.table:
            source = self.by_alias.get(column.table)
            if source is None:
                return None
            member = source.member(name)
            if member is None and name not in (JOIN_FIELD, USER):
                raise self._unknown(column, (source,))
            return Column(source, member) if member is not None else None
        found = [Column(source, member) for source in self.all if (member := source.member(name)) is not None]
        if len(found) > 1:
            raise AmbiguousColumn(f'column reference "{name}" is ambiguous', position=position_of(column.this))
        return found[0] if found else None

    def require(self, column: exp.Column) -> Column:
        """The member behind a column. Raises UnknownColumn."""
        found = self.resolve(column)
        if found is None:
            raise self._unknown(column, self.all)
        return found

    def _unknown(self, column: exp.Column, sources: tuple[Source, ...]) -> UnknownColumn:
        names = [name for source in sources for name in public_members(source.cube)]
        close = get_close_matches(column.name, names, n=1)
        shown = f"{column.table}.{column.name}" if column.table else f'"{column.name}"'
        return UnknownColumn(
            f"column {shown} does not exist",
            position=position_of(column.this),
            hint=f'Did you mean "{close[0]}"?' if close else f"Columns are: {', '.join(names)}.",
        )


def position_of(node: exp.Expr | None) -> int | None:
    """The 1-based place in the statement where a name stands, where sqlglot has kept it."""
    start = node.meta.get("start") if node is not None else None
    return None if start is None else int(start) + 1


def row_members(source: Source) -> list[str]:
    """The columns of `SELECT *`: dimensions, and measures that have a value for a single row."""
    return [
        name
        for name, member in public_members(source.cube).items()
        if not isinstance(member, Segment)
        and not (isinstance(member, Measure) and (member.rolling_window or member.multi_stage))
    ]


def star_column(source: Source, name: str) -> exp.Expr:
    """A column that `*` stands for."""
    return exp.alias_(exp.column(name, table=source.alias, quoted=True), name, quoted=True)
