"""From a plan to one SELECT: a common table expression per part, joined on the groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

from sqlglot import exp
from sqlglot.errors import SqlglotError

from semantic.datamodel.types import Cube, Dimension, Join
from semantic.errors import PlanError
from semantic.plan.build import Planner, alias_of, filter_members
from semantic.plan.joins import JoinTree
from semantic.plan.shape import BoundFilter, BoundGroup, BoundRange, BoundTime, Shape
from semantic.plan.stages import kept_filters
from semantic.plan.types import Group, Keys, KeyShift, Part, Plan, Rows, Shift, Snapshot, Staged, Value, Where, Windowed
from semantic.sql.dialects import DIALECTS, column, quoted
from semantic.sql.expressions import Expressions, Scope, conjunction, wrapped
from semantic.sql.filling import completed
from semantic.sql.filters import Filters
from semantic.sql.order import order_and_limit
from semantic.sql.parameters import Parameters
from semantic.sql.snapshots import snapshot_part
from semantic.sql.specials import Specials
from semantic.sql.stages import staged_part
from semantic.sql.texts import Texts, is_either
from semantic.sql.windows import reach_conditions, windowed_part

TableResolver = Callable[[str], str]
_NO_CONDITION = exp.Var(this="")


@dataclass(slots=True)
class Statement:
    """The statement being written: its common table expressions, in order, by name."""

    ctes: dict[str, exp.Select] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()

    def add(self, name: str, select: exp.Select) -> str:
        """Keep a select under a name that is still free, and give the name."""
        free = name
        number = 2
        while free in self.ctes or free.lower() in self.taken:
            free = f"{name}_{number}"
            number += 1
        self.ctes[free] = select
        return free


class SelectBuilder:
    """Writes the SQL of plans of one shape."""

    def __init__(
        self,
        planner: Planner,
        dialect: str,
        shape: Shape,
        tables: TableResolver | None = None,
        originals: Mapping[str, str] | None = None,
        texts: Texts | None = None,
        parameters: Parameters | None = None,
        whole: frozenset[str] = frozenset(),
    ) -> None:
        """`tables` says where a cube's table is to be read; `originals` gives built original_sql tables by cube;
        `texts` are those of other statements with the same tables; `parameters` those of the same statement; `whole`
        are the cubes whose keys are never NULL."""
        self.planner = planner
        self.members = planner.members
        self.model = planner.model
        self.shape = shape
        self.tables = tables
        self.originals = originals or {}
        self.whole = whole
        self.dialect = DIALECTS[dialect]
        self.parameters = parameters or Parameters(self.dialect)
        self.filters = Filters(self.dialect, self.parameters)
        specials = Specials(planner, shape, self.filters)
        self.texts = texts or Texts(dialect)
        self.own_texts = Texts(dialect)
        self.expressions = Expressions(
            self.model, self.members, self.dialect, specials.fill, self.texts, self._shown_where
        )
        self.masked = shape.masked
        self.statement = Statement(taken=self.members.taken)

    def build(self, plan: Plan) -> exp.Select:
        """The whole statement of a plan."""
        return self.finished(self.select(plan), plan)

    def beside(self, shape: Shape) -> SelectBuilder:
        """A builder of another shape's rows inside the same statement."""
        builder = SelectBuilder(
            self.planner,
            self.dialect.name,
            shape,
            self.tables,
            self.originals,
            self.texts,
            self.parameters,
            self.whole,
        )
        builder.statement = self.statement
        return builder

    def finished(self, select: exp.Select, plan: Plan) -> exp.Select:
        """A plan's rows as the whole statement: sorted, cut, and behind the common table expressions."""
        select = completed(self, select, plan)
        order_and_limit(select, plan, self.members)
        if self.statement.ctes:
            ctes = [
                exp.CTE(this=body, alias=exp.TableAlias(this=quoted(name)))
                for name, body in self.statement.ctes.items()
            ]
            select.set("with_", exp.With(expressions=ctes))
        return select

    def select(self, plan: Plan) -> exp.Select:
        """A plan's rows, without order and limit."""
        if len(plan.parts) == 1 and isinstance(plan.parts[0], Rows) and not plan.parts[0].raw:
            return self._single(plan, plan.parts[0])
        names = [self.part(part) for part in plan.parts]
        return self.joined(plan, names)

    def _single(self, plan: Plan, part: Rows) -> exp.Select:
        values = [value.name for value in plan.values]
        having = [name for entry in plan.having for name in filter_members(entry)]
        select, scope = self.rows_from(
            part.tree,
            [*values, *having, *self._names(part)],
            ungrouped=plan.shape.ungrouped,
            shifts=part.shifts,
        )
        columns = [self._aliased(self.group(group, scope), group.alias) for group in part.groups]
        columns += [self._aliased(self.expressions.member(value.name, scope), value.alias) for value in plan.values]
        select.set("expressions", columns)
        self.where(select, part.where, scope)
        self._group_by(select, len(part.groups), ungrouped=plan.shape.ungrouped)
        conditions = self._conditions(plan, scope)
        if (
            self.masked
            and not part.groups
            and not plan.shape.ungrouped
            and not any(one.find(exp.AggFunc) for one in columns)
        ):
            # Masks aggregate nothing, and still are one row.
            conditions.append(exp.GTE(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(0)))
        if conditions:
            key = "where" if plan.shape.ungrouped else "having"
            self._restrict(select, key, conditions)
        return select

    # Parts as common table expressions

    def part(self, part: Part) -> str:
        """Write a part as a common table expression and give its name; its measures are columns by `leaf_alias`."""
        if isinstance(part, Rows):
            return self._rows_part(part)
        if isinstance(part, Keys):
            return self._keys_part(part)
        if isinstance(part, Windowed):
            return windowed_part(self, part)
        if isinstance(part, Snapshot):
            return snapshot_part(self, part)
        return staged_part(self, part)

    def _rows_part(self, part: Rows) -> str:
        select, scope = self.rows_from(part.tree, [*part.measures, *self._names(part)], shifts=part.shifts)
        columns = [self._aliased(self.group(group, scope), group.alias) for group in part.groups]
        columns += [self._aliased(self._computed(name, scope, raw=part.raw), alias_of(name)) for name in part.measures]
        select.set("expressions", columns)
        self._where_of_part(select, part.where, scope)
        self._group_by(select, len(part.groups), ungrouped=part.raw)
        return self.statement.add(f"{part.tree.root}_{'rows' if part.raw else 'totals'}", select)

    def _computed(self, name: str, scope: Scope, *, raw: bool) -> exp.Expr:
        masked = self.expressions.masks.leaf(self.members.measure(name), scope)
        if masked is not None and raw:
            message = f"'{name}' is masked for you by SQL, of which no window, stage or choice of a moment can be made"
            raise PlanError(message, place=name, advice="ask without it", code="mask")
        if not raw:
            return masked or self.expressions.leaf(name, scope)
        operand = self.expressions.operand(self.members.measure(name), scope)
        return exp.Literal.number(1) if operand is None else operand

    def _keys_part(self, part: Keys) -> str:
        keys = self.keys(part)
        select, scope = self.rows_from(part.own, part.measures, after=(keys, part.cube), shifts=part.shifts)
        columns = [self._aliased(column(group.alias, keys), group.alias) for group in part.groups]
        columns += [self._aliased(self._computed(name, scope, raw=part.raw), alias_of(name)) for name in part.measures]
        select.set("expressions", columns)
        self._group_by(select, len(part.groups), ungrouped=part.raw)
        return self.statement.add(f"{part.cube}_{'rows' if part.raw else 'totals'}", select)

    def keys(self, part: Keys) -> str:
        """The distinct keys of a cube per group, as a common table expression."""
        select, scope = self.rows_from(part.tree, self._names(part), shifts=part.shifts)
        columns = [self._aliased(self.group(group, scope), group.alias) for group in part.groups]
        aliases = {group.alias for group in part.groups}
        for key in self.model.cubes[part.cube].primary_key:
            if key_alias(key) not in aliases:
                columns.append(self._aliased(self.expressions.row(key, scope.bare), key_alias(key)))
        select.set("expressions", columns)
        select.set("distinct", exp.Distinct())
        self._where_of_part(select, part.where, scope)
        return self.statement.add(f"{part.cube}_keys", select)

    def joined(self, plan: Plan, names: Sequence[str]) -> exp.Select:
        """The parts side by side, equal groups joined, measures that combine others computed."""
        if plan.union:
            united = self.united(plan, names)
            owners = [(name, united) for part in plan.parts for name in part_measures(part)]
            names = [united]
        else:
            owners = [(n, cte) for part, cte in zip(plan.parts, names, strict=True) for n in part_measures(part)]
        known = {name: column(alias_of(name), cte) for name, cte in owners}
        first = names[0]
        if plan.shape.shown_where:
            plain = (group for group in plan.groups if group.granularity is None)
            known = {group.target: column(group.alias, first) for group in plain} | known
        scope = Scope(columns=known, timezone=plan.shape.timezone, masked=plan.shape.masked, joined=True)
        select = exp.Select()
        select.set("from_", exp.From(this=exp.Table(this=quoted(first))))
        for name in names[1:]:
            matches = [
                self.dialect.same(column(group.alias, first), column(group.alias, name)) for group in plan.groups
            ]
            join = exp.Join(this=exp.Table(this=quoted(name)), kind="INNER" if matches else "CROSS")
            if matches:
                join.set("on", conjunction(matches))
            select.append("joins", join)
        columns = [self._aliased(column(group.alias, first), group.alias) for group in plan.groups]
        columns += [self._aliased(self.expressions.member(value.name, scope), value.alias) for value in plan.values]
        select.set("expressions", columns)
        conditions = self._conditions(plan, scope)
        if conditions:
            self._restrict(select, "where", conditions)
        return select

    def united(self, plan: Plan, names: Sequence[str]) -> str:
        """The parts one below the other, and one row per group of them: a full join that takes NULL for a value."""
        measures = [alias_of(name) for part in plan.parts for name in part_measures(part)]
        selects = []
        for part, cte in zip(plan.parts, names, strict=True):
            own = {alias_of(name) for name in part_measures(part)}
            columns = [self._aliased(column(group.alias, cte), group.alias) for group in plan.groups]
            columns += [self._aliased(column(m, cte) if m in own else exp.Null(), m) for m in measures]
            select = exp.Select(expressions=columns)
            select.set("from_", exp.From(this=exp.Table(this=quoted(cte))))
            selects.append(select)
        rows: exp.Query = selects[0]
        for select in selects[1:]:
            rows = exp.Union(this=rows, expression=select, distinct=False)
        totals = [self._aliased(column(group.alias, "facts"), group.alias) for group in plan.groups]
        totals += [self._aliased(exp.Max(this=column(m, "facts")), m) for m in measures]
        outer = exp.Select(expressions=totals)
        outer.set("from_", exp.From(this=exp.Subquery(this=rows, alias=exp.TableAlias(this=quoted("facts")))))
        self._group_by(outer, len(plan.groups))
        return self.statement.add("united_facts", outer)

    # FROM

    def rows_from(
        self,
        tree: JoinTree,
        names: Iterable[str],
        *,
        ungrouped: bool = False,
        after: tuple[str, str] | None = None,
        shifts: tuple[Shift | KeyShift, ...] = (),
    ) -> tuple[exp.Select, Scope]:
        """A select from a tree's cubes and from the sub-queries that the named members need, and its scope. With
        `after` (a table of keys, and the cube they are of) the tree hangs on those keys."""
        subs = self._sub_queries(names, tree)
        columns = {name: column("value", sub_alias(name)) for name in subs}
        multiplied = frozenset() if after else tree.multiplied
        scope = Scope(
            columns=columns,
            multiplied=multiplied,
            ungrouped=ungrouped,
            timezone=self.shape.timezone,
            masked=self.masked,
            shifts=shifts,
            # Only the root's rows are all there: what is joined to it, or to keys, may have been missed.
            whole=tree.root if after is None and tree.root in self.whole else None,
        )
        if any(isinstance(shift, KeyShift) and shift.cube == tree.root and not tree.joins for shift in shifts):
            message = f"a time shift of '{tree.root}' moves what is joined to it, and nothing is"
            raise PlanError(message, place=tree.root, advice="shift measures of another cube", code="time_shift")
        select = exp.Select()
        root = self.table(tree.root)
        if after is None:
            select.set("from_", exp.From(this=root))
        else:
            keys, cube = after
            select.set("from_", exp.From(this=exp.Table(this=quoted(keys))))
            select.append("joins", self._left_join(root, self._key_matches(cube, keys, scope)))
        staged = [name for name in subs if self.members.dimension(name).multi_stage is not None]
        subs = tuple(name for name in subs if name not in staged)
        self._join_subs(select, [name for name in subs if name.split(".")[0] == tree.root], scope)
        for join in tree.joins:
            select.append("joins", self._joined(join, scope))
            self._join_subs(select, [name for name in subs if name.split(".")[0] == join.target], scope)
        self._join_subs(select, staged, scope)
        return select, scope

    def _joined(self, join: Join, scope: Scope) -> exp.Expr:
        """A declared join: the table, and the condition."""

        def build() -> exp.Expr:
            condition = self.expressions.fill(join.sql, join.source, self._rekeyed(join, scope.bare))
            return self._left_join(self.table(join.target), condition)

        own = self.model.cubes[join.target].sql
        moved = scope.columns or scope.shifts
        if moved or not self.members.is_static_sql(join.sql) or (own and not self.members.is_static_sql(own)):
            return build()
        key = ("join", join.source, join.target, scope.timezone)
        return self.texts.leaf(key, build, self.expressions.writer, line=True)

    def _rekeyed(self, join: Join, scope: Scope) -> Scope:
        """The scope of a join's condition, in which a shifted calendar's key is what its shift says."""
        columns = dict(scope.columns)
        for shift in scope.shifts:
            if not isinstance(shift, KeyShift) or shift.cube not in (join.source, join.target):
                continue
            named = {".".join(one.path[-2:]) for one in join.sql.references.values() if one.kind == "member"}
            if shift.key not in named:
                message = f"a time shift joins '{shift.cube}' by other times, but the join is not over '{shift.key}'"
                advice = f"write {{{shift.key}}} in the join from {join.source} to {join.target}"
                raise PlanError(message, place=shift.key, advice=advice, code="time_shift")
            columns[shift.key] = wrapped(self.expressions.fill(shift.sql, shift.cube, scope))
        return replace(scope, columns=columns)

    def _left_join(self, table: exp.Expr, condition: exp.Expr) -> exp.Join:
        return exp.Join(this=table, side="LEFT", on=condition)

    def _key_matches(self, cube: str, keys: str, scope: Scope) -> exp.Expr:
        matches: list[exp.Expr] = [
            exp.EQ(this=column(key_alias(key), keys), expression=wrapped(self.expressions.row(key, scope.bare)))
            for key in self.model.cubes[cube].primary_key
        ]
        return conjunction(matches)

    def table(self, name: str) -> exp.Expr:
        """A cube's table or SELECT under the cube's name."""
        cube = self.model.cubes[name]
        if cube.sql is not None and not self.members.is_static_sql(cube.sql):
            return self._table(cube)
        return self.texts.leaf(("table", name), lambda: self._table(cube), self.expressions.writer)

    def _table(self, cube: Cube) -> exp.Expr:
        alias = exp.TableAlias(this=quoted(cube.name))
        original = self.originals.get(cube.name)
        if cube.sql is not None and original is None:
            return exp.Subquery(this=self.cube_select(cube), alias=alias)
        table = _parse_table(original or self._table_name(cube), cube)
        table.set("alias", alias)
        return table

    def cube_select(self, cube: Cube) -> exp.Expr:
        """A cube's own SELECT with its references filled in."""
        if cube.sql is None:
            return exp.Select(expressions=[exp.Star()]).from_(_parse_table(self._table_name(cube), cube), copy=False)
        tree = self.expressions.local_calls(cube.sql, cube.sql.tree.copy(), Scope(timezone=self.shape.timezone))
        for node in list(tree.find_all(exp.Column, exp.Table)):
            name = node.name
            reference = cube.sql.references.get(name)
            if reference is None:
                continue
            if reference.kind == "cube_sql":
                node.replace(exp.Subquery(this=self.cube_select(self.model.cubes[reference.path[0]])))
            else:
                node.replace(wrapped(self.expressions.reference(reference, Scope(timezone=self.shape.timezone))))
        return tree

    def _table_name(self, cube: Cube) -> str:
        name = cube.sql_table or ""
        return self.tables(name) if self.tables else name

    # Sub-query dimensions

    def _sub_queries(self, names: Iterable[str], tree: JoinTree) -> tuple[str, ...]:
        found = dict.fromkeys(sub for name in names for sub in self.members.dependencies(name).sub_queries)
        joined = set(tree.cubes)
        return tuple(name for name in found if name.split(".")[0] in joined)

    def _join_subs(self, select: exp.Select, names: Sequence[str], scope: Scope) -> None:
        for name in names:
            dimension = self.members.dimension(name)
            select.append("joins", self._sub_query(dimension, scope))

    def _switch(self, dimension: Dimension) -> exp.Join:
        """The values of a switch, each beside every row."""
        values: exp.Query | None = None
        for value in dimension.values:
            one = exp.Select(expressions=[self._aliased(exp.Literal.string(value), "value")])
            values = one if values is None else exp.Union(this=values, expression=one, distinct=False)
        alias = exp.TableAlias(this=quoted(sub_alias(dimension.full_name)))
        return exp.Join(this=exp.Subquery(this=values, alias=alias), kind="CROSS")

    def _sub_query(self, dimension: Dimension, scope: Scope) -> exp.Join:
        if dimension.type == "switch":
            return self._switch(dimension)
        keys = self.members.sub_query_keys(dimension.full_name)
        measure = self.members.sub_query_measure(dimension.full_name)
        inner_shape = replace(
            self.shape, measures=(measure,), dimensions=tuple(key.full_name for key in keys), times=(), segments=(),
            filters=(), guards=(), order=(), limit=None, offset=0, ungrouped=False, join_hints=(),
            masked=self.masked - {key.full_name for key in keys},
        )  # fmt: skip
        if dimension.propagate_filters_to_sub_query or dimension.multi_stage is not None:
            inner_shape = replace(inner_shape, filters=self._propagated(dimension), segments=self.shape.segments)
        if dimension.multi_stage is not None:
            kept = kept_filters(dimension.multi_stage, inner_shape, self.members)
            inner_shape = replace(inner_shape, filters=tuple(kept))
        if dimension.propagate_filters_to_sub_query:
            inner_shape = replace(inner_shape, times=self._propagated_ranges(dimension))
        plan = self.planner.plan(inner_shape)
        plan = replace(plan, values=(Value("value", measure, measure),))
        outer, self.statement = self.statement, Statement(taken=self.members.taken)
        masked, self.masked = self.masked, inner_shape.masked
        select = self.select(plan)
        inner, self.statement = self.statement, outer
        self.masked = masked
        for name, body in inner.ctes.items():
            free = self.statement.add(f"{alias_of(dimension.full_name)}_{name}", body)
            _rename_table(select, name, free)
            for other in inner.ctes.values():
                _rename_table(other, name, free)
        alias = sub_alias(dimension.full_name)
        # What a multi-stage dimension is computed per may be NULL; a primary key is not.
        same = self.dialect.same if dimension.multi_stage is not None else _equal
        matches = [same(wrapped(self.expressions.row(key, scope.bare)), column(key_alias(key), alias)) for key in keys]
        return self._left_join(
            exp.Subquery(this=select, alias=exp.TableAlias(this=quoted(alias))), conjunction(matches)
        )

    def _propagated_ranges(self, dimension: Dimension) -> tuple[BoundTime, ...]:
        return tuple(
            replace(time, granularity=None)
            for time in self.shape.times
            if time.range is not None
            and dimension.full_name not in self.members.dependencies(time.dimension).sub_queries
        )

    def _propagated(self, dimension: Dimension) -> tuple[BoundFilter, ...]:
        rows, _ = self.planner.split_filters(self.shape.filters)
        return tuple(
            entry
            for entry in rows
            if all(
                dimension.full_name not in self.members.dependencies(name).sub_queries for name in filter_members(entry)
            )
        )

    # WHERE, GROUP BY, ORDER BY

    def where(self, select: exp.Select, where: Where, scope: Scope) -> None:
        """Restrict a select to the rows that a query is about."""
        conditions = self._row_conditions(where, scope)
        if conditions:
            self._restrict(select, "where", conditions)

    def _where_of_part(self, select: exp.Select, where: Where, scope: Scope) -> None:
        """The same for one of several parts, which mostly ask for the same rows: those are put in words once."""
        if scope.columns or scope.aliases or scope.shifts or scope.masked or where.windows:
            self.where(select, where, scope)
            return

        def build() -> exp.Expr:
            conditions = self._row_conditions(where, scope)
            return conjunction(conditions) if conditions else _NO_CONDITION

        condition = self.own_texts.leaf(where, build, self.expressions.writer)
        if condition.this:
            self._restrict(select, "where", [condition])

    def _row_conditions(self, where: Where, scope: Scope) -> list[exp.Expr]:
        conditions: list[exp.Expr] = []
        for time in where.times:
            if time.range is not None:
                conditions.append(self._in_range(time, time.range, scope))
        for reach in where.windows:
            conditions += reach_conditions(self, reach, scope)
        conditions += [self._operand(self.expressions.member(name, scope)) for name in where.segments]
        for entry in where.filters:
            seen = scope.bare if isinstance(entry, BoundGroup) and entry.guard else scope
            condition = self.filters.filter(entry, partial(self.expressions.member, scope=seen))
            if condition is not None:
                conditions.append(self._operand(condition))
        return conditions

    def _in_range(self, time: BoundTime, span: BoundRange, scope: Scope) -> exp.Expr:
        dimension = self.members.dimension(time.dimension)
        if any(isinstance(shift, Shift) and dimension.full_name in shift.dimensions for shift in scope.shifts):
            return self.filters.local_range(span, wrapped(self.expressions.local(dimension, scope)))
        value = self.dialect.instant(self.expressions.member(time.dimension, scope))
        return self.filters.range(span, wrapped(value))

    def _shown_where(self, name: str, scope: Scope) -> exp.Expr | None:
        """The rows on which a masked member is shown as it is; None for none. Of a measure, the groups."""
        entry = dict(self.shape.shown_where).get(name)
        return None if entry is None else self.filters.filter(entry, lambda n: self.expressions.member(n, scope))

    def _operand(self, condition: exp.Expr) -> exp.Expr:
        return exp.Paren(this=condition) if is_either(condition) else condition

    def _restrict(self, select: exp.Select, key: str, conditions: list[exp.Expr]) -> None:
        holder = exp.Where if key == "where" else exp.Having
        before = select.args.get(key)
        # Rows that are not grouped are restricted by values of measures as by any others.
        every = [before.this, *conditions] if before is not None else conditions
        select.set(key, holder(this=conjunction(every)))

    def _conditions(self, plan: Plan, scope: Scope) -> list[exp.Expr]:
        found = (self.filters.filter(entry, lambda n: self.expressions.member(n, scope)) for entry in plan.having)
        return [self._operand(condition) for condition in found if condition is not None]

    def _group_by(self, select: exp.Select, count: int, *, ungrouped: bool = False) -> None:
        if count and not ungrouped:
            numbers = [exp.Literal.number(index + 1) for index in range(count)]
            select.set("group", exp.Group(expressions=numbers))

    def group(self, group: Group, scope: Scope) -> exp.Expr:
        """A column to group by."""
        if group.local and group.granularity is None:
            return self.expressions.local(self.members.dimension(group.name), scope)
        if group.granularity is not None:
            return self.expressions.time(group.name, group.granularity, scope)
        return self.expressions.member(group.name, scope.bare if group.inner else scope)

    # Names

    def _names(self, part: Rows | Keys) -> list[str]:
        where = part.where
        filtered = [name for entry in where.filters for name in filter_members(entry)]
        times = [*(time.dimension for time in where.times), *(reach.dimension for reach in where.windows)]
        return [*(group.name for group in part.groups), *where.segments, *filtered, *times]

    def _aliased(self, value: exp.Expr, alias: str) -> exp.Alias:
        return exp.Alias(this=value, alias=quoted(alias))


def part_measures(part: Part) -> tuple[str, ...]:
    """The measures that a part computes."""
    return (part.measure,) if isinstance(part, (Windowed, Staged)) else part.measures


def key_alias(key: Dimension) -> str:
    """The column that holds a key where keys are handed on."""
    return alias_of(key.full_name)


def _equal(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return exp.EQ(this=left, expression=right)


def sub_alias(name: str) -> str:
    """The alias of a sub_query dimension's sub-select."""
    return f"{alias_of(name)}_subquery"


def _rename_table(select: exp.Expr, name: str, free: str) -> None:
    if name == free:
        return
    for node in select.find_all(exp.Table):
        if node.name == name and not node.args.get("db"):
            node.set("this", quoted(free))
    for found in select.find_all(exp.Column):
        if found.table == name:
            found.set("table", quoted(free))


def _parse_table(name: str, cube: Cube) -> exp.Expr:
    try:
        return _table_of(name).copy()
    except SqlglotError:
        message = f"`{name}` is not the name of a table"
        raise PlanError(message, place=cube.name, advice=f"mend sql_table of {cube.name}", code="sql_table") from None


@lru_cache(maxsize=1024)
def _table_of(name: str) -> exp.Table:
    table = exp.to_table(name)
    for part in ("this", "db", "catalog"):
        identifier = table.args.get(part)
        if isinstance(identifier, exp.Identifier):
            identifier.set("quoted", True)
    return table
