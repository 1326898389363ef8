"""One call from a query to SQL: the stages of the compiler, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlglot import exp

from semantic.datamodel.types import Cube, DataModel, DimensionType, Measure
from semantic.errors import PlanError, QueryFormatError
from semantic.never_null import NOTHING, NeverNull, whole_cubes
from semantic.plan.build import Planner
from semantic.plan.composed import Built, Stored, full_name, pre_aggregation, tables_of
from semantic.plan.context import context_paths, context_shape
from semantic.plan.defaults import with_defaults
from semantic.plan.joins import JoinGraph
from semantic.plan.members import Members
from semantic.plan.policy import admit
from semantic.plan.rollups import Candidate, candidates, rollup_query
from semantic.plan.shape import Shape, Value, bind, bind_known
from semantic.plan.types import Plan
from semantic.query.types import DateRange, Query
from semantic.sql.parameters import Slot, collect
from semantic.sql.rollups import rollup_select
from semantic.sql.select import SelectBuilder
from semantic.sql.texts import Texts

ColumnType = Literal["number", "string", "boolean", "time", "geo"]
TableResolver = Callable[[str], str]
"""Maps a cube's `sql_table` (`core.events`) to the table to read (`core__dev.events`)."""


def resolver(places: Mapping[str, str]) -> TableResolver | None:
    """Tables as `places` says, others where they are; None where none is elsewhere."""
    return (lambda table: places.get(table, table)) if places else None


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result: its key in REST rows (`orders.created_at.month`), its alias in the SQL
    (`orders__created_at_month`), the member behind it (`orders.created_at`), its type, and what it is."""

    key: str
    alias: str
    member: str
    type: ColumnType
    kind: Literal["dimension", "time_dimension", "measure"]
    granularity: str | None = None


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """SQL with bound parameters, and the columns it returns, in order.

    For `duckdb` the parameters stand as `$1`, `$2`, ... and are numbered from one; for `bigquery` as `@p1`, `@p2`.
    Parameters are str, int, float, bool, Decimal or (naive, UTC) datetime. `rollups` are those whose tables are read:
    the pre-aggregation that answers, or its parts.
    """

    sql: str
    parameters: tuple[Any, ...]
    columns: tuple[ResultColumn, ...]
    dialect: str = "duckdb"
    used_pre_aggregations: tuple[str, ...] = ()
    rollups: tuple[Stored, ...] = ()
    security_context: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CachedPlan:
    """What stays the same for all queries of one shape."""

    sql: str
    slots: tuple[Slot, ...]
    columns: tuple[ResultColumn, ...]
    plan: Plan
    rollup: Candidate | None = None


class Compiler:
    """Compiles queries over one data model. Keeps a plan per shape of query, so that known shapes cost next to nothing.

    Safe to use from several threads: a plan computed twice is the same plan.
    """

    def __init__(
        self,
        model: DataModel,
        *,
        dialect: str = "duckdb",
        tables: TableResolver | None = None,
        visible_only: bool = True,
        pre_aggregations: Mapping[str, str] | Built | None = None,
        never_null: NeverNull = NOTHING,
        cache_size: int = 4096,
    ) -> None:
        """`pre_aggregations` gives the tables of those that may be read, by `cube.name`; others are not used. Columns
        in `never_null` are taken to hold no NULL."""
        self.model = model
        self.dialect = dialect
        self.tables = tables
        self.visible_only = visible_only
        self.built = pre_aggregations if isinstance(pre_aggregations, Built) else Built(dict(pre_aggregations or {}))
        self.planner = Planner(model, Members(model), JoinGraph(model))
        self.whole = whole_cubes(model, never_null)
        self._has_defaults = any(cube.default_filters for cube in model.cubes.values())
        self._texts = Texts(dialect)
        self._context_paths = context_paths(model)
        self._looks_at_callers = self._has_defaults or self._context_paths or self.planner.members.has_policies
        self._cache: dict[Shape, CachedPlan] = {}
        self._by_form: dict[tuple[object, tuple[object, ...]], CachedPlan] = {}
        self._cache_size = cache_size

    def compile(self, query: Query, *, security_context: Mapping[str, Any] | None = None) -> CompiledQuery:
        """The SQL of a query. Raises QueryError and its kin when there is none that would be right."""
        if query.form is None or self._looks_at_callers:
            cached, values = self._planned(query, security_context)
        else:
            cached, values = self._planned_by_form(query)
        return self._compiled(cached, values, security_context)

    def _planned_by_form(self, query: Query) -> tuple[CachedPlan, tuple[Value, ...]]:
        """The plan of a query that says of itself what form it has: that is found without going through its shape."""
        try:
            said, values = bind_known(query, self.model)
        except QueryFormatError:
            # Something else may be wrong with it that has to be told first.
            return self._planned(query, None)
        cached = self._by_form.get((query.form, said))
        if cached is None:
            cached, values = self._planned(query, None)
            _remember(self._by_form, (query.form, said), cached, self._cache_size)
        return cached, values

    def _planned(
        self, query: Query, security_context: Mapping[str, Any] | None
    ) -> tuple[CachedPlan, tuple[Value, ...]]:
        asked = with_defaults(query, self.model) if self._has_defaults else query
        admitted = admit(asked, self.planner, security_context, visible_only=self.visible_only)
        shape, values = bind(admitted, self.model)
        if self._context_paths:
            shape = replace(shape, context=context_shape(self._context_paths, security_context))
        cached = self._cache.get(shape)
        if cached is None:
            cached = self._compile(shape)
            _remember(self._cache, shape, cached, self._cache_size)
        return cached, values

    def count(self, query: Query, *, security_context: Mapping[str, Any] | None = None) -> CompiledQuery:
        """The SQL of the number of rows that a query has without limit and offset, as the one column `total`."""
        bare = replace(query, limit=None, offset=0, order=())
        compiled = self.compile(bare, security_context=security_context)
        column = ResultColumn("total", "total", "total", "number", "measure")
        sql = f"SELECT COUNT(*) AS {self._quoted('total')} FROM (\n{compiled.sql}\n) AS {self._quoted('counted')}"
        return replace(compiled, sql=sql, columns=(column,))

    def admit(self, query: Query, *, security_context: Mapping[str, Any] | None = None) -> Query:
        """The query as this caller may ask it, with the row filters of access policies; what REST echoes."""
        return admit(query, self.planner, security_context, visible_only=self.visible_only)

    def _quoted(self, name: str) -> str:
        return exp.Identifier(this=name, quoted=True).sql(self.dialect)

    def _compiled(
        self, cached: CachedPlan, values: tuple[Value, ...], security_context: Mapping[str, Any] | None
    ) -> CompiledQuery:
        return CompiledQuery(
            sql=cached.sql,
            parameters=collect(cached.slots, values, security_context),
            columns=cached.columns,
            dialect=self.dialect,
            used_pre_aggregations=(cached.rollup.name,) if cached.rollup else (),
            rollups=tables_of(cached.rollup.source) if cached.rollup and cached.rollup.source else (),
            security_context=security_context,
        )

    def _compile(self, shape: Shape) -> CachedPlan:
        plan = self.planner.plan(shape)
        builder = SelectBuilder(
            self.planner, self.dialect, shape, self._table, self._originals(), self._texts, whole=self.whole
        )
        used = self._rollup(plan)
        if used is not None and used.source is not None:
            select = rollup_select(builder, plan, used.rollup, used.source)
        else:
            select = builder.build(plan)
        sql = builder.expressions.writer.write(select)
        return CachedPlan(sql, builder.parameters.slots, self._columns(plan), plan, used)

    def _rollup(self, plan: Plan) -> Candidate | None:
        if not self.built.tables:
            return None
        return next((found for found in candidates(self.planner, plan, self.built) if found.source), None)

    def _originals(self) -> dict[str, str]:
        return {
            cube.name: self.built.tables[full_name(entry)]
            for cube in self.model.cubes.values()
            for entry in cube.pre_aggregations
            if entry.type == "original_sql" and full_name(entry) in self.built.tables
        }

    def _table(self, name: str) -> str:
        return self.tables(name) if self.tables else name

    def rollup(self, name: str, span: DateRange | None = None) -> CompiledQuery:
        """The SQL that builds the table of a rollup or original_sql (`cube.name`), over the source tables: of all rows,
        whoever may see them, since filters and policies are applied when it is read. With `span` only those rows of a
        rollup whose first time dimension lies in it.

        Raises KeyError for a name that is neither's, PlanError where its rows are not the same for all queries.
        """
        plain = Compiler(self.model, dialect=self.dialect, tables=self.tables, visible_only=False)
        entry = pre_aggregation(self.model, name)
        if entry.type == "original_sql":
            return plain._original(self.model.cubes[entry.cube], name)
        if entry.type != "rollup":
            raise KeyError(name)
        query = rollup_query(plain.planner.members, name)
        if span is not None:
            first, *others = query.time_dimensions
            query = replace(query, time_dimensions=(replace(first, date_range=span), *others))
        shape, values = bind(query, self.model)
        return plain._compiled(plain._compile(shape), values, None)

    def _original(self, cube: Cube, name: str) -> CompiledQuery:
        if cube.sql is None or not self.planner.members.is_static_sql(cube.sql):
            message = f"The SQL of '{cube.name}' is not the same for every query: it cannot be built beforehand"
            raise PlanError(message, place=name, advice="declare a rollup instead", code="original_sql")
        shape, _ = bind(Query(), self.model)
        builder = SelectBuilder(self.planner, self.dialect, shape, self._table, {}, self._texts)
        return CompiledQuery(builder.cube_select(cube).sql(self.dialect, pretty=True), (), (), self.dialect)

    def _columns(self, plan: Plan) -> tuple[ResultColumn, ...]:
        columns = []
        for group in plan.groups:
            dimension = self.planner.members.dimension(group.name)
            key = f"{group.name}.{group.granularity}" if group.granularity else group.name
            kind: Literal["dimension", "time_dimension"] = "time_dimension" if group.granularity else "dimension"
            columns.append(
                ResultColumn(key, group.alias, group.name, _dimension_type(dimension.type), kind, group.granularity)
            )
        for value in plan.values:
            measure = self.planner.members.measure(value.name)
            columns.append(ResultColumn(value.name, value.alias, value.name, _measure_type(measure), "measure"))
        return tuple(columns)


def compile_query(
    model: DataModel,
    query: Query,
    *,
    dialect: str = "duckdb",
    security_context: Mapping[str, Any] | None = None,
    tables: TableResolver | None = None,
    visible_only: bool = False,
    pre_aggregations: Mapping[str, str] | None = None,
) -> CompiledQuery:
    """The SQL of one query, over members that are not public too. What compiles many keeps a `Compiler`.

    `pre_aggregations` gives the tables of the rollups that are built, by `cube.name`; others are not used.
    """
    compiler = Compiler(
        model, dialect=dialect, tables=tables, visible_only=visible_only, pre_aggregations=pre_aggregations
    )
    return compiler.compile(query, security_context=security_context)


def compile_count(
    model: DataModel,
    query: Query,
    *,
    dialect: str = "duckdb",
    security_context: Mapping[str, Any] | None = None,
    tables: TableResolver | None = None,
) -> CompiledQuery:
    """The SQL of how many rows a query has without limit and offset."""
    compiler = Compiler(model, dialect=dialect, tables=tables, visible_only=False)
    return compiler.count(query, security_context=security_context)


def _remember(plans: dict[Any, CachedPlan], key: object, plan: CachedPlan, most: int) -> None:
    if len(plans) >= most:
        plans.pop(next(iter(plans)), None)
    plans[key] = plan


def _dimension_type(kind: DimensionType) -> ColumnType:
    return "string" if kind == "switch" else kind


def _measure_type(measure: Measure) -> ColumnType:
    if measure.type in ("string", "boolean", "time"):
        return measure.type
    return "number"
