"""The catalog's own DuckDB, in memory: it holds nothing but facts about the data model."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa
from sqlglot import exp

from semantic.datamodel.types import Cube, Dimension, Measure, Member, Segment
from semantic.engine import Engine
from semantic.query.types import Query
from semantic.sqlapi import types as pg
from semantic.sqlapi.catalog import macros
from semantic.sqlapi.catalog.content import ROLE, TableFact, rows
from semantic.sqlapi.catalog.relations import PG_CATALOG, PLACES, Relation, relations
from semantic.sqlapi.catalog.translation import settings, translate
from semantic.sqlapi.errors import SqlApiError
from semantic.sqlapi.failures import translated
from semantic.sqlapi.kinds import Select
from semantic.sqlapi.messages import Column
from semantic.sqlapi.portal import Planned, describe, of_compiled
from semantic.sqlapi.rewriting.tables import public_members, public_tables
from semantic.sqlapi.session import Bound, Caller
from semantic.sqlapi.types import PgType

_TYPES: Mapping[str, PgType] = {"string": pg.TEXT, "number": pg.NUMERIC, "boolean": pg.BOOL, "time": pg.TIMESTAMP}
_ROLES = {"pg_user": ("usename", "usesysid"), "pg_roles": ("rolname", "oid"), "pg_authid": ("rolname", "oid")}
_CALLER_OID = 16_383
_INTEGERS = ("count", "count_distinct", "count_distinct_approx", "rank")


class Catalog:
    """Built when it is first asked. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            if self._connection is None:
                self._connection = self._build()
            cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def has_table(self, name: str) -> bool:
        """Whether a name without a schema is one of pg_catalog's."""
        return (PG_CATALOG, name) in relations()

    def plan(self, select: Select, values: Sequence[Bound], caller: Caller) -> Planned:
        """A statement over the catalog, or over no table at all. Raises SqlApiError."""
        tree, parameters = translate(select.tree, values, caller)
        for table in list(tree.find_all(exp.Table)):
            if table.name == "pg_settings" and table.db == PLACES[PG_CATALOG]:
                table.replace(_settings(caller, table.alias))
            elif table.name in _ROLES and table.db == PLACES[PG_CATALOG] and caller.user != ROLE:
                table.replace(_with_caller(caller, table))
        return Planned(tree.sql("duckdb"), parameters, self)

    def _build(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        for schema in PLACES.values():
            connection.execute(f"CREATE SCHEMA {schema}")
        for relation in relations().values():
            columns = ", ".join(f'"{column.name}" {column.duckdb}' for column in relation.columns)
            connection.execute(f'CREATE TABLE {PLACES[relation.schema]}."{relation.name}" ({columns})')
        connection.execute("CREATE TABLE pg.type_names (oid BIGINT, name VARCHAR, sql_name VARCHAR)")
        names_table = pa.Table.from_pylist(
            [{"oid": one.oid, "name": one.name, "sql_name": one.sql_name} for one in (*pg.SCALARS, *pg.ARRAYS)]
        )
        connection.register("incoming", names_table)
        connection.execute("INSERT INTO pg.type_names SELECT * FROM incoming")
        connection.unregister("incoming")
        _fill(connection, self._tables())
        for statement in macros.statements():
            connection.execute(statement)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def _tables(self) -> list[TableFact]:
        return [self._table(cube) for cube in public_tables(self._engine.model).values()]

    def _table(self, cube: Cube) -> TableFact:
        members = public_members(cube)
        known = {column.name: column for column in self._described(cube, members)}
        columns = tuple(
            (known.get(name) or Column(name, _generic(member)), _comment(member)) for name, member in members.items()
        )
        return TableFact(cube.name, cube.description, columns)

    def _described(self, cube: Cube, members: Mapping[str, Member]) -> tuple[Column, ...]:
        """The types that the warehouse gives; none while there is no warehouse to ask, or it lacks the table."""
        dimensions = [name for name, member in members.items() if isinstance(member, Dimension)]
        measures = [
            name
            for name, member in members.items()
            if isinstance(member, Measure) and member.rolling_window is None and member.multi_stage is None
        ]
        return (*self._columns(cube, dimensions, ()), *self._columns(cube, (), measures))

    def _columns(self, cube: Cube, dimensions: Sequence[str], measures: Sequence[str]) -> tuple[Column, ...]:
        if not dimensions and not measures:
            return ()
        query = Query(
            dimensions=tuple(f"{cube.name}.{name}" for name in dimensions),
            measures=tuple(f"{cube.name}.{name}" for name in measures),
            order=(),
            ungrouped=bool(dimensions),
        )
        try:
            with translated():
                compiled = self._engine.compile(query)
                found = describe(of_compiled(self._engine.reader, compiled))
        except SqlApiError:
            return ()
        by_alias = {column.alias: column.member.partition(".")[2] for column in compiled.columns}
        return tuple(_without_zone(Column(by_alias[one.name], one.type, one.modifier)) for one in found)


def _without_zone(column: Column) -> Column:
    """Times are UTC and shown without their zone."""
    return Column(column.name, pg.TIMESTAMP) if column.type is pg.TIMESTAMPTZ else column


def _generic(member: Member) -> PgType:
    if isinstance(member, Segment):
        return pg.BOOL
    if isinstance(member, Measure):
        return pg.INT8 if member.type in _INTEGERS else _TYPES.get(member.type, pg.NUMERIC)
    return _TYPES.get(getattr(member, "type", "string"), pg.TEXT)


def _comment(member: Member) -> str | None:
    """The description, and for measures and segments how they are asked for."""
    advice = {Measure: f"Measure: MEASURE({member.name}).", Segment: f"Segment: WHERE {member.name} IS TRUE."}
    parts = [member.description, advice.get(type(member))]
    return " ".join(part for part in parts if part) or None


def _fill(connection: duckdb.DuckDBPyConnection, tables: Sequence[TableFact]) -> None:
    by_relation: dict[tuple[str, str], list[Mapping[str, object]]] = {}
    for schema, name, row in rows(tables):
        by_relation.setdefault((schema, name), []).append(row)
    for place, found in by_relation.items():
        _insert(connection, relations()[place], found)


def _insert(connection: duckdb.DuckDBPyConnection, relation: Relation, found: Sequence[Mapping[str, object]]) -> None:
    arrays = [pa.array([row.get(one.name, one.default) for row in found]) for one in relation.columns]
    connection.register("incoming", pa.table(arrays, names=[column.name for column in relation.columns]))
    connection.execute(f'INSERT INTO {PLACES[relation.schema]}."{relation.name}" SELECT * FROM incoming')
    connection.unregister("incoming")


def _with_caller(caller: Caller, table: exp.Table) -> exp.Subquery:
    """The roles, and whoever asks as one that owns nothing."""
    name, oid = _ROLES[table.name]
    place = exp.to_table(f"{PLACES[PG_CATALOG]}.{table.name}")
    own = [exp.alias_(exp.Literal.string(caller.user), name), exp.alias_(exp.Literal.number(_CALLER_OID), oid)]
    mine = exp.select(exp.Star(replace=own)).from_(place)
    return exp.union(exp.select("*").from_(place), mine, distinct=False).subquery(table.alias or table.name)


def _settings(caller: Caller, alias: str) -> exp.Subquery:
    """pg_settings: this session's variables."""
    relation = relations()[(PG_CATALOG, "pg_settings")]
    known = {name: exp.column("b") for name in ("setting", "reset_val", "boot_val")}
    known["name"] = exp.column("a")
    columns = [
        exp.alias_(
            known.get(column.name) or exp.cast(exp.null(), exp.DataType.build(column.duckdb, dialect="duckdb")),
            column.name,
            quoted=True,
        )
        for column in relation.columns
    ]
    return exp.select(*columns).from_(settings(caller)).subquery(alias or "pg_settings")
