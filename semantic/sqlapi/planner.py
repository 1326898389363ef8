"""From a client's query to the SQL that runs: semantic tables, the catalog, or neither."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
from sqlglot import exp

from semantic.compiler import CompiledQuery, Compiler
from semantic.datamodel.types import DataModel, Dimension
from semantic.engine import Cancellation, Engine
from semantic.query.types import Query
from semantic.sqlapi import types as pg
from semantic.sqlapi.catalog import Catalog
from semantic.sqlapi.errors import NotSupported, SqlApiError
from semantic.sqlapi.failures import translated
from semantic.sqlapi.kinds import Select
from semantic.sqlapi.portal import Database, Planned
from semantic.sqlapi.rewriting.functions import check_functions
from semantic.sqlapi.rewriting.rewriter import Rewriter, Rewritten, fold_names
from semantic.sqlapi.rewriting.tables import CATALOG_SCHEMAS, public_tables
from semantic.sqlapi.session import Bound, Caller
from semantic.sqlapi.staging import Input, Stage
from semantic.sqlapi.statements import CACHED_LENGTH, parse_statements
from semantic.sqlapi.types import PgType

_CACHE_SIZE = 1024
"""Statements whose plans are kept."""


@dataclass(frozen=True)
class SqlPlan:
    """Semantic SQL as one statement for DuckDB, the values of its `$n`, and the semantic queries in it.

    `inputs` have to run first, on a gateway that is not DuckDB; `planned` says how it all is run.
    """

    sql: str
    parameters: tuple[object, ...]
    queries: tuple[Query, ...]
    inputs: tuple[Input, ...] = ()


def plan_sql(
    engine: Engine,
    sql: str,
    *,
    parameters: Sequence[Bound] = (),
    security_context: Mapping[str, Any] | None = None,
    user: str = "",
) -> SqlPlan:
    """One query over views and cubes as one statement for the warehouse.

    Raises SqlApiError, for what the compiler and the warehouse refuse too.
    """
    found = parse_statements(sql)
    if len(found) != 1 or not isinstance(found[0], Select):
        raise NotSupported("expected one query")
    with translated():
        check_functions(found[0].tree)
        rewritten = rewrite(engine, found[0].tree, parameters, security_context, user)
    values = rewritten.parameters([parameter.value for parameter in parameters])
    return SqlPlan(rewritten.tree.sql("duckdb"), values, rewritten.queries, rewritten.inputs)


def planned(engine: Engine, plan: SqlPlan) -> Planned:
    """The statement and where it runs."""
    return Planned(plan.sql, plan.parameters, _database(engine, plan.inputs))


@contextmanager
def executed(engine: Engine, plan: SqlPlan, cancellation: Cancellation) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB cursor that has run the statement, to take its rows from. Raises SqlApiError."""
    with translated(), planned(engine, plan).cursor(cancellation.watch) as cursor, cancellation.watch(cursor):
        cursor.execute(plan.sql, list(plan.parameters))
        yield cursor


def _database(engine: Engine, inputs: Sequence[Input]) -> Database | Stage:
    """DuckDB's warehouse runs a statement as a whole; for other gateways there is a stage."""
    reader = engine.reader
    return reader if isinstance(reader, Database) else Stage(reader, inputs)


def rewrite(
    engine: Engine,
    tree: exp.Query,
    parameters: Sequence[Bound],
    security_context: Mapping[str, Any] | None,
    user: str,
) -> Rewritten:
    def compile_query(query: Query, model: DataModel) -> CompiledQuery:
        if model is engine.model:
            return engine.compile(query, security_context)
        compiler = Compiler(model, dialect=engine.reader.dialect, tables=engine.tables())
        return compiler.compile(query, security_context=security_context)

    bound = [(parameter.value, parameter.type.duckdb) for parameter in parameters]
    is_staged = not isinstance(engine.reader, Database)
    return Rewriter(engine.model, compile_query, bound, user, is_staged=is_staged).rewrite(tree)


class SqlPlanner:
    """Plans for a server: what reads semantic tables runs on the warehouse, the rest on the catalog."""

    def __init__(self, engine: Engine, security_context: Mapping[str, Any] | None = None) -> None:
        self._engine = engine
        self._security_context = security_context
        self._catalog = Catalog(engine)
        self._kinds: dict[str, bool] = {}
        self._cache: dict[tuple[object, ...], tuple[str, Rewritten]] = {}

    def plan(self, select: Select, values: Sequence[Bound], caller: Caller) -> Planned:
        if not self._is_semantic(select):
            check_functions(select.tree)
            return self._catalog.plan(select, values, caller)
        sql, found = self._rewritten(select, values, caller)
        parameters = found.parameters([bound.value for bound in values])
        return Planned(sql, parameters, _database(self._engine, found.inputs))

    def _rewritten(self, select: Select, values: Sequence[Bound], caller: Caller) -> tuple[str, Rewritten]:
        """Rewritten once for each statement: values are bound afterwards."""
        key = (select.sql, tuple(bound.type.oid for bound in values), caller.user, self._engine.compiler())
        known = self._cache.get(key)
        if known is not None:
            return known
        check_functions(select.tree)
        found = rewrite(self._engine, select.tree, values, self._security_context, caller.user)
        known = (found.tree.sql("duckdb"), found)
        if found.is_reusable and len(select.sql) <= CACHED_LENGTH:
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.pop(next(iter(self._cache)), None)
            self._cache[key] = known
        return known

    def explain(self, select: Select, caller: Caller) -> Sequence[str]:
        """The SQL that would run, line by line."""
        if not self._is_semantic(select):
            return [select.sql]
        check_functions(select.tree)
        with translated():
            found = rewrite(self._engine, select.tree, (), self._security_context, caller.user)
        staged = [f"-- {one.name}\n{one.compiled.sql}\n" for one in found.inputs]
        return "\n".join([*staged, found.tree.sql("duckdb", pretty=True)]).splitlines()

    def parameter_types(self, select: Select, declared: Sequence[int]) -> tuple[PgType, ...]:
        """As declared, else as the place in the statement says, else text."""
        found: dict[int, PgType] = {}
        for parameter in select.tree.find_all(exp.Parameter):
            if not parameter.name.isdigit() or not 1 <= int(parameter.name) <= 65_535:
                raise SqlApiError(f"there is no parameter ${parameter.name}", sqlstate="42P02")
            guessed = self._guess(parameter, select.tree)
            if guessed is not None:
                found.setdefault(int(parameter.name), guessed)
            else:
                found.setdefault(int(parameter.name), pg.TEXT)
        count = max([len(declared), *found])
        types = []
        for number in range(1, count + 1):
            oid = declared[number - 1] if number <= len(declared) else 0
            known = pg.BY_OID.get(oid)
            if oid and known is None:
                raise NotSupported(f"parameter ${number} has a type that is not known here: OID {oid}")
            types.append(known or found.get(number, pg.TEXT))
        return tuple(types)

    def _guess(self, parameter: exp.Parameter, tree: exp.Query) -> PgType | None:
        parent = parameter.parent
        while isinstance(parent, exp.Paren):
            parent = parent.parent
        if isinstance(parent, exp.Any) and isinstance(parent.parent, exp.Binary):
            element = (
                self._column_type(parent.parent.this, tree) if isinstance(parent.parent.this, exp.Column) else None
            )
            return pg.array_of(element or pg.TEXT)
        if isinstance(parent, exp.Cast):
            return _cast_type(parent.to)
        if isinstance(parent, exp.Limit | exp.Offset):
            return pg.INT8
        if isinstance(parent, exp.Binary | exp.In | exp.Between):
            for other in parent.iter_expressions():
                if isinstance(other, exp.Column):
                    return self._column_type(other, tree)
                if isinstance(other, exp.Cast):
                    return _cast_type(other.to)
                if isinstance(other, exp.Literal) and not other.is_string:
                    return pg.INT4 if other.is_int else pg.NUMERIC
        return None

    def _column_type(self, column: exp.Column, tree: exp.Query) -> PgType | None:
        """The type of a dimension of that name in a table of the statement."""
        tables = public_tables(self._engine.model)
        for table in tree.find_all(exp.Table):
            cube = tables.get(table.name.lower())
            member = cube.member(column.name.lower()) if cube else None
            if isinstance(member, Dimension):
                return {"number": pg.NUMERIC, "time": pg.TIMESTAMP, "boolean": pg.BOOL}.get(member.type, pg.TEXT)
        return None

    def _is_semantic(self, select: Select) -> bool:
        """Whether any table is neither the catalog's nor the statement's own. Statements without tables are not."""
        if len(select.sql) > CACHED_LENGTH:
            return self._reads_semantic_tables(select.tree)
        known = self._kinds.get(select.sql)
        if known is None:
            if len(self._kinds) >= _CACHE_SIZE:
                self._kinds.clear()
            known = self._kinds[select.sql] = self._reads_semantic_tables(select.tree)
        return known

    def _reads_semantic_tables(self, tree: exp.Query) -> bool:
        folded = tree.copy()
        fold_names(folded)
        ctes = {cte.alias for cte in folded.find_all(exp.CTE)}
        tables = public_tables(self._engine.model)
        for table in folded.find_all(exp.Table):
            if not isinstance(table.this, exp.Identifier) or table.db in CATALOG_SCHEMAS:
                continue
            if table.name in ctes and not table.db:
                continue
            if table.db or table.name in tables or not self._catalog.has_table(table.name):
                return True
        return False


def _cast_type(kind: exp.DataType) -> PgType | None:
    name = str(kind.sql("postgres")).lower().split("(")[0]
    aliases = {"int": "int4", "integer": "int4", "bigint": "int8", "smallint": "int2", "double precision": "float8",
               "real": "float4", "decimal": "numeric", "boolean": "bool", "varchar": "text"}  # fmt: skip
    if name.endswith("[]") and (element := _cast_type(kind.expressions[0])) is not None:
        return pg.array_of(element)
    wanted = aliases.get(name, name)
    return next((known for known in pg.SCALARS if known.name == wanted), None)
