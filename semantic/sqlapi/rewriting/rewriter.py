"""The whole statement: each SELECT over semantic tables gets a compiled sub-select in its FROM, and that is all.

CTEs, sub-queries, set operations, windows, CASE and arithmetic over measures stay where the client wrote them: DuckDB
runs everything as one statement, so nothing is cut off or computed again from rounded results. On other gateways the
compiled queries are run first, and the statement reads tables of their rows: see semantic/sqlapi/staging.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from semantic.compiler import CompiledQuery
from semantic.datamodel.types import Cube, DataModel, Measure
from semantic.query.types import Query
from semantic.sql.literals import with_literals
from semantic.sqlapi.errors import MeasureMisuse, NotSupported, SqlApiError
from semantic.sqlapi.rewriting import predicates
from semantic.sqlapi.rewriting.differences import speak_duckdb
from semantic.sqlapi.rewriting.embedding import parsed, rename, with_members
from semantic.sqlapi.rewriting.flattening import flatten, inline_tables
from semantic.sqlapi.rewriting.grouping import (
    DONE,
    AdHoc,
    Grouping,
    Output,
    Parts,
    client_columns,
    group_key,
    group_keys,
    has_measure,
    in_window,
    is_grouped,
    named,
    own_nodes,
)
from semantic.sqlapi.rewriting.levels import has_levels, split_levels
from semantic.sqlapi.rewriting.measures import is_aggregate, is_measure_call, measure_of
from semantic.sqlapi.rewriting.moving import Moved, moved_into_rows
from semantic.sqlapi.rewriting.naming import output_name
from semantic.sqlapi.rewriting.ranges import set_ranges
from semantic.sqlapi.rewriting.refusals import refuse_modifiers, refuse_other_tables
from semantic.sqlapi.rewriting.restricting import restrict_by_joins
from semantic.sqlapi.rewriting.tables import (
    JOIN_FIELD,
    SCHEMA,
    USER,
    Source,
    Sources,
    find_table,
    public_members,
    public_tables,
    row_members,
    star_column,
)
from semantic.sqlapi.staging import Input

Compile = Callable[[Query, DataModel], CompiledQuery]


@dataclass(frozen=True)
class Rewritten:
    """One statement in DuckDB's SQL, with `$n` for values; `queries` are what was compiled.

    `values` and `slots` go together: the value of a `$n` of compiled SQL, or the number of the client's parameter that
    it is. `is_reusable` is false when the SQL itself depends on a parameter's value.
    """

    tree: exp.Query
    values: tuple[object, ...]
    slots: tuple[int | None, ...]
    queries: tuple[Query, ...]
    is_reusable: bool
    inputs: tuple[Input, ...] = ()
    """What must have run before, where the statement does not have the compiled queries in it."""

    def parameters(self, bound: Sequence[object]) -> tuple[object, ...]:
        """The values of the statement's `$n`, given those of the client's parameters."""
        pairs = zip(self.values, self.slots, strict=True)
        return tuple(value if slot is None else bound[slot - 1] for value, slot in pairs)


@dataclass(frozen=True)
class _Item:
    """An item of a FROM: a join (None for the first), its table or sub-query, and what is semantic about it."""

    join: exp.Join | None
    node: exp.Expr
    source: Source | None


class Rewriter:
    """Rewrites one statement. `bound` has the client's parameters in order: value and DuckDB type.

    `is_staged`: compiled queries run elsewhere, and before.
    """

    def __init__(
        self,
        model: DataModel,
        compile_query: Compile,
        bound: Sequence[tuple[object, str]],
        user: str,
        *,
        is_staged: bool = False,
    ) -> None:
        self._model = model
        self._compile = compile_query
        self._bound = bound
        self._user = user
        self._values: list[object] = []
        self._slots: list[int | None] = []
        self._is_reusable = True
        self._queries: list[Query] = []
        self._is_staged = is_staged
        self._inputs: list[Input] = []
        self._is_inline = False

    def rewrite(self, statement: exp.Query) -> Rewritten:
        """Raises SqlApiError and QueryError."""
        tree = statement.copy()
        fold_names(tree)
        self._mark_parameters(tree)
        holder = exp.Subquery(this=tree)
        speak_duckdb(tree)
        self._query(tree, frozenset(), ())
        tree = holder.this
        refuse_other_tables(tree)
        self._number_parameters(tree)
        return Rewritten(
            tree,
            tuple(self._values),
            tuple(self._slots),
            tuple(self._queries),
            self._is_reusable,
            tuple(self._inputs),
        )

    # Parameters: the client's are named $c1, $c2 ... until the end, so that they never meet those of compiled SQL.

    def _mark_parameters(self, tree: exp.Expr) -> None:
        for parameter in list(tree.find_all(exp.Parameter)):
            self._is_reusable = not self._is_staged  # the compiled queries have the values in them
            number = int(parameter.name)
            value, kind = self._bound[number - 1]
            mark: exp.Expr = exp.convert(value) if self._is_staged else exp.Placeholder(this=f"c{number}")
            if not isinstance(parameter.parent, exp.Limit | exp.Offset) and kind != "VARCHAR":
                mark = exp.Cast(this=mark, to=exp.DataType.build(kind, dialect="duckdb"))
            parameter.replace(mark)

    def _number_parameters(self, tree: exp.Expr) -> None:
        numbers: dict[str, int] = {}
        for mark in tree.find_all(exp.Placeholder):
            name = str(mark.this)
            if name.startswith("c"):
                if name not in numbers:
                    self._values.append(None)
                    self._slots.append(int(name[1:]))
                    numbers[name] = len(self._values)
                mark.set("this", str(numbers[name]))
            else:
                mark.set("this", name.removeprefix("s"))

    def _constant(self, node: exp.Expr) -> object:
        """What the SQL itself must know, such as the unit of DATE_TRUNC. Raises LookupError where it is no constant."""
        inner = node.this if isinstance(node, exp.Cast) and isinstance(node.this, exp.Placeholder) else node
        if isinstance(inner, exp.Placeholder) and str(inner.this).startswith("c"):
            value = self._bound[int(str(inner.this)[1:]) - 1][0]
            self._is_reusable = False
            if value is None:
                raise LookupError
            return value
        return predicates.literal_value(node)

    def _original(self, name: str) -> Measure:
        member = self._model.member(name)
        assert isinstance(member, Measure)
        return member

    # Queries, from the inside out.

    def _query(self, query: exp.Expr, ctes: frozenset[str], outer: tuple[Sources, ...]) -> None:
        ctes = self._ctes(query, ctes, outer)
        if isinstance(query, exp.SetOperation):
            self._query(query.this, ctes, outer)
            self._query(query.expression, ctes, outer)
        elif isinstance(query, exp.Subquery):
            self._query(query.this, ctes, outer)
        elif isinstance(query, exp.Select):
            self._select(query, ctes, outer)
        elif not isinstance(query, exp.Table | exp.Values):
            raise NotSupported(f"{query.key.upper()} is not supported in a query")

    def _ctes(self, query: exp.Expr, ctes: frozenset[str], outer: tuple[Sources, ...]) -> frozenset[str]:
        inline_tables(query, lambda table: self._cube(table, ctes))
        with_ = query.args.get("with_")
        if with_ is None:
            return ctes
        if with_.args.get("recursive"):
            ctes = ctes | {cte.alias for cte in with_.expressions}
        for cte in with_.expressions:
            self._query(cte.this, ctes, outer)
            ctes = ctes | {cte.alias}
        return ctes

    def _select(self, select: exp.Select, ctes: frozenset[str], outer: tuple[Sources, ...]) -> None:
        flatten(select, lambda table: self._cube(table, ctes))
        items = self._items(select, ctes)
        sources = Sources(tuple(item.source for item in items if item.source is not None))
        if sources.all and len(items) > len(sources.all) and is_grouped(select) and restrict_by_joins(select, sources):
            items = self._items(select, ctes)
        inner_outer = (*outer, sources) if sources.all else outer
        where = select.args.get("where") if sources.all and is_grouped(select) else None
        for nested in self._nested(select):
            # such a condition travels into a compiled query as it is, and what it reads with it
            is_condition = where is not None and nested.find_ancestor(exp.Where) is where
            self._is_inline, before = self._is_inline or is_condition, self._is_inline
            self._query(nested, ctes, inner_outer)
            self._is_inline = before
        self._name_projections(select)
        if not sources.all:
            self._refuse_measures(select)
            return
        self._qualify(select, sources)
        if len(sources.all) == len(items) and all(_is_semantic_join(item.join) for item in items):
            self._semantic(select, sources)
        else:
            self._mixed(select, items, sources)

    def _items(self, select: exp.Select, ctes: frozenset[str]) -> list[_Item]:
        from_ = select.args.get("from_")
        if from_ is None:
            return []
        joins: list[exp.Join] = select.args.get("joins") or []
        places: list[tuple[exp.Join | None, exp.Expr]] = [(None, from_.this)]
        places += [(join, join.this) for join in joins]
        return [_Item(join, node, self._source(node, ctes)) for join, node in places]

    def _cube(self, table: exp.Table, ctes: frozenset[str]) -> Cube | None:
        """The view or cube that a table is, when it is no common table expression."""
        if not isinstance(table.this, exp.Identifier) or (table.name in ctes and not table.db):
            return None
        return public_tables(self._model).get(table.name) if table.db in ("", SCHEMA) else None

    def _source(self, node: exp.Expr, ctes: frozenset[str]) -> Source | None:
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            return None
        if node.name in ctes and not node.db:
            node.meta[DONE] = True
            return None
        refuse_modifiers(node)
        return Source(node.alias_or_name, find_table(self._model, node))

    def _nested(self, select: exp.Select) -> list[exp.Query]:
        """The queries directly inside a SELECT, those of its WITH left out."""
        found: list[exp.Query] = []
        for name, value in select.args.items():
            if name == "with_":
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, exp.Query):
                    found.append(part)
                elif isinstance(part, exp.Expr):
                    found += [node for node in own_nodes(part) if isinstance(node, exp.Query)]
        return found

    def _refuse_measures(self, select: exp.Select) -> None:
        for node in own_nodes(select):
            if is_measure_call(node):
                raise MeasureMisuse(
                    "MEASURE() needs a view or cube in FROM",
                    hint="In a CTE or sub-select the measure has become a plain column: name it as it is.",
                )

    def _name_projections(self, select: exp.Select) -> None:
        """Give every projection the name that PostgreSQL would, before it is rewritten."""
        select.set(
            "expressions",
            [
                part if isinstance(part, exp.Star) or part.is_star else named(part, output_name(part))
                for part in select.expressions
            ],
        )

    def _qualify(self, select: exp.Select, sources: Sources) -> None:
        """Write each column of these sources with its table, so that equal expressions look equal."""
        aliases = {part.alias for part in select.expressions if isinstance(part, exp.Alias)}
        for column in client_columns(select):
            if isinstance(column.this, exp.Star) or _is_alias_in_order(column, aliases):
                continue
            if column.name == USER:
                column.replace(exp.Literal.string(self._user))
                continue
            found = sources.resolve(column)
            if found is not None:
                column.set("table", exp.to_identifier(found.source.alias, quoted=True))

    # A scope that is semantic as a whole.

    def _semantic(self, select: exp.Select, sources: Sources) -> None:
        if is_grouped(select) and not self._is_plain(select, sources):
            for level in self._levels(select, sources):
                self._grouped(level, sources)
        else:
            self._rows(select, sources)

    def _levels(self, select: exp.Select, sources: Sources) -> list[exp.Select]:
        """The SELECT itself, or those of its levels of grouping, which have taken its place."""
        if not has_levels(select):
            return [select]
        outer, levels = split_levels(select, lambda key: group_key(key, select, sources))
        select.replace(outer)
        return levels

    def _is_plain(self, select: exp.Select, sources: Sources) -> bool:
        """Whether aggregates over rows do the same: no measure is named, and none is among the columns."""
        if has_measure(select, sources) or self._is_staged:
            return False  # staged, groups travel and not their rows
        return any(is_aggregate(node) and not in_window(node) for node in own_nodes(select))

    def _grouped(self, select: exp.Select, sources: Sources) -> None:
        alias = sources.all[0].alias if len(sources.all) == 1 else "semantic"
        parts = Parts(sources, alias, self._constant, self._original)
        where = select.args.get("where")
        conditions = [part.copy() for part in predicates.conjuncts(where.this)] if where else []
        grouping = Grouping(parts, group_keys(select, sources))
        select.set("expressions", [self._projection(part, grouping) for part in select.expressions])
        self._outer_clauses(select, grouping)
        if not parts.outputs:
            raise NotSupported("a grouped query needs a measure or a dimension")
        conditions = set_ranges(parts, conditions, self._model, self._constant)
        pushed = predicates.push(conditions, parts)
        query = Query(
            measures=tuple(parts.measures),
            dimensions=tuple(parts.dimensions),
            time_dimensions=tuple(parts.time_dimensions),
            segments=pushed.segments,
            filters=pushed.filters,
            order=(),
        )
        self._replace_from(select, self._embed(query, parts.ad_hoc, tuple(parts.outputs.values()), alias))

    def _projection(self, part: exp.Expr, grouping: Grouping) -> exp.Expr:
        if part.is_star:
            raise SqlApiError("SELECT * cannot be grouped", sqlstate="42803", hint="Name the dimensions and measures.")
        return named(grouping.replaced(part.this), part.alias)

    def _outer_clauses(self, select: exp.Select, grouping: Grouping) -> None:
        """HAVING filters finished groups: over the sub-select that is a WHERE."""
        having = select.args.get("having")
        select.set("where", exp.Where(this=grouping.replaced(having.this)) if having else None)
        select.set("having", None)
        select.set("group", None)
        aliases = {part.alias for part in select.expressions}
        for name in ("order", "qualify", "distinct"):
            clause = select.args.get(name)
            if clause is None:
                continue
            for node in list(clause.iter_expressions()):
                target = node.this if isinstance(node, exp.Ordered) else node
                if isinstance(target, exp.Column) and _is_alias_in_order(target, aliases):
                    continue
                changed = grouping.replaced(target)
                if changed is not target:
                    target.replace(changed)

    def _rows(self, select: exp.Select, sources: Sources) -> None:
        """Rows, not groups: the sub-select has the columns that the statement names."""
        alias = sources.all[0].alias if len(sources.all) == 1 else "semantic"
        parts = Parts(sources, alias, self._constant, self._original)
        segments = self._take_segments(select, sources)
        self._expand_stars(select, sources)
        moved = moved_into_rows(select, sources) if self._is_staged else Moved()
        self._row_columns(select, sources, parts)
        if not parts.outputs:
            self._any_column(sources, parts)
        query = Query(
            measures=tuple(parts.measures),
            dimensions=tuple(parts.dimensions),
            segments=segments,
            filters=moved.filters,
            limit=moved.limit,
            order=(),
            ungrouped=True,
        )
        self._replace_from(select, self._embed(query, parts.ad_hoc, tuple(parts.outputs.values()), alias))

    def _row_columns(self, select: exp.Select, sources: Sources, parts: Parts) -> None:
        for node in own_nodes(select):
            if is_measure_call(node) and in_window(node):
                continue
            if is_measure_call(node):
                raise MeasureMisuse("MEASURE() cannot stand here", hint="Group the query: GROUP BY its dimensions.")
        for column in client_columns(select):
            if isinstance(column.this, exp.Star):
                continue
            found = sources.resolve(column)
            if found is not None:
                place = parts.measure(found) if isinstance(found.member, Measure) else parts.dimension(found)
                column.replace(place)
            elif not _is_known_elsewhere(column, select):
                sources.require(column)

    def _any_column(self, sources: Sources, parts: Parts) -> None:
        """For statements that name no column, such as SELECT 1 FROM view."""
        cube = sources.all[0].cube
        names = [*(key.name for key in cube.primary_key if key.public), *cube.dimensions]
        members = public_members(cube)
        for name in names:
            if name in members:
                parts.dimension(sources.require(exp.column(name, table=sources.all[0].alias)))
                return
        raise NotSupported(f'"{cube.name}" has no dimension: ask for its measures with MEASURE()')

    def _expand_stars(self, select: exp.Select, sources: Sources) -> None:
        expanded: list[exp.Expr] = []
        for part in select.expressions:
            if not (isinstance(part, exp.Star) or (isinstance(part, exp.Column) and part.is_star)):
                expanded.append(part)
                continue
            wanted = part.table if isinstance(part, exp.Column) else ""
            for source in sources.all:
                if wanted in ("", source.alias):
                    expanded += [star_column(source, name) for name in row_members(source)]
        select.set("expressions", expanded)

    def _take_segments(self, select: exp.Select, sources: Sources) -> tuple[str, ...]:
        """The segments that a WHERE asks for; the rest of it stays."""
        where = select.args.get("where")
        if where is None:
            return ()
        segments: list[str] = []
        rest: list[exp.Expr] = []
        for part in predicates.conjuncts(where.this):
            segment = predicates.segment_of(part, sources)
            if segment is None:
                rest.append(part.copy())
            else:
                segments.append(segment)
        if segments:
            select.set("where", exp.Where(this=exp.and_(*rest, copy=False)) if rest else None)
        return tuple(segments)

    # A scope of semantic and other tables.

    def _mixed(self, select: exp.Select, items: Sequence[_Item], sources: Sources) -> None:
        """Each semantic table becomes a sub-select of rows; joining and grouping are DuckDB's."""
        for node in own_nodes(select):
            if is_aggregate(node) and not in_window(node) and _names_measure(node, sources):
                raise MeasureMisuse(
                    "a measure cannot be aggregated in a join with other tables",
                    hint="Ask for the measure in a CTE or sub-select of its own, then join that.",
                )
        self._expand_stars_of(select, items, sources)
        for item in items:
            if item.source is None:
                continue
            parts = Parts(Sources((item.source,)), item.source.alias, self._constant, self._original)
            for column in client_columns(select):
                if column.table != item.source.alias:
                    continue
                found = parts.sources.require(column)
                column.replace(parts.measure(found) if isinstance(found.member, Measure) else parts.dimension(found))
            if not parts.outputs:
                self._any_column(parts.sources, parts)
            query = Query(measures=tuple(parts.measures), dimensions=tuple(parts.dimensions), order=(), ungrouped=True)
            item.node.replace(self._embed(query, parts.ad_hoc, tuple(parts.outputs.values()), item.source.alias))

    def _expand_stars_of(self, select: exp.Select, items: Sequence[_Item], sources: Sources) -> None:
        """`*` over several tables: the semantic ones are written out, the others keep their own star."""
        expanded: list[exp.Expr] = []
        for part in select.expressions:
            if isinstance(part, exp.Star):
                for item in items:
                    if item.source is not None:
                        expanded += [star_column(item.source, name) for name in row_members(item.source)]
                    else:
                        star = exp.Column(
                            this=exp.Star(), table=exp.to_identifier(item.node.alias_or_name, quoted=True)
                        )
                        expanded.append(star)
            elif isinstance(part, exp.Column) and part.is_star and part.table in sources.by_alias:
                source = sources.by_alias[part.table]
                expanded += [star_column(source, name) for name in row_members(source)]
            else:
                expanded.append(part)
        select.set("expressions", expanded)

    # The compiled sub-select.

    def _replace_from(self, select: exp.Select, embedded: exp.Subquery) -> None:
        select.set("from_", exp.From(this=embedded))
        select.set("joins", None)

    def _embed(self, query: Query, ad_hoc: Sequence[AdHoc], outputs: Sequence[Output], alias: str) -> exp.Subquery:
        model = with_members(self._model, ad_hoc) if ad_hoc else self._model
        compiled = self._compile(query, model)
        self._queries.append(query)
        tree = self._staged(compiled) if self._is_staged else self._bind(compiled)
        names = {(output.member, output.granularity): output.name for output in outputs}
        rename(tree, compiled, names)
        embedded = exp.Subquery(this=tree, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
        embedded.meta[DONE] = True
        return embedded

    def _bind(self, compiled: CompiledQuery) -> exp.Select:
        """The compiled query with its parameters among those of the statement."""
        tree = parsed(compiled.sql).copy()
        shift = len(self._values)
        for mark in tree.find_all(exp.Placeholder):
            if str(mark.this).isdigit():
                mark.set("this", f"s{int(str(mark.this)) + shift}")
        self._values += compiled.parameters
        self._slots += [None] * len(compiled.parameters)
        return tree

    def _staged(self, compiled: CompiledQuery) -> exp.Select:
        """A table of the compiled query's rows; within a condition of another compiled query, the query itself."""
        if self._is_inline:
            inline = with_literals(compiled)
            assert isinstance(inline, exp.Select)
            return inline
        table = Input(f"input_{len(self._inputs) + 1}", compiled)
        self._inputs.append(table)
        columns = [exp.to_identifier(column.alias, quoted=True) for column in compiled.columns]
        named_columns = [exp.alias_(exp.Column(this=name.copy()), name) for name in columns]
        return exp.select(*named_columns).from_(exp.to_identifier(table.name, quoted=True))


def fold_names(tree: exp.Expr) -> None:
    """Unquoted names in lower case, as PostgreSQL reads them; afterwards all are quoted."""
    for identifier in tree.find_all(exp.Identifier):
        if not identifier.args.get("quoted"):
            identifier.set("this", str(identifier.this).lower())
            identifier.set("quoted", True)


def _is_semantic_join(join: exp.Join | None) -> bool:
    """A join that the data model makes: CROSS JOIN, a comma, or ON a.__cubeJoinField = b.__cubeJoinField."""
    if join is None:
        return True
    on = join.args.get("on")
    if on is None:
        return not join.args.get("using") and not join.args.get("side")
    sides = (on.this, on.expression) if isinstance(on, exp.EQ) else ()
    return bool(sides) and all(isinstance(side, exp.Column) and side.name == JOIN_FIELD for side in sides)


def _is_alias_in_order(column: exp.Column, aliases: set[str]) -> bool:
    """ORDER BY reads a bare name as an output column first."""
    return (
        not column.table
        and column.name in aliases
        and isinstance(column.parent, exp.Ordered)
        and isinstance(column.parent.parent, exp.Order)
        and isinstance(column.parent.parent.parent, exp.Select)
    )


def _is_known_elsewhere(column: exp.Column, select: exp.Select) -> bool:
    """A column of an outer query, of a nested one, or an output name in ORDER BY."""
    if column.find_ancestor(exp.Query) is not select or select.parent_select is not None:
        return True
    return column.find_ancestor(exp.Order) is not None and column.name in {part.alias for part in select.expressions}


def _names_measure(node: exp.Expr, sources: Sources) -> bool:
    for column in node.find_all(exp.Column):
        found = sources.resolve(column)
        if found is not None and isinstance(found.member, Measure):
            return measure_of(node, sources) is not None
    return False
