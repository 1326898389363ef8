"""Grouped scopes: what a SELECT over semantic tables groups by, and which members its parts are.

Group keys and aggregates become columns of one compiled sub-select; all else is left to the outer statement, which
DuckDB runs over it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from sqlglot import exp

from semantic.datamodel.types import Dimension, Measure, MemberPath, Place, Reference, Segment, Sql
from semantic.query.types import Condition, TimeDimension
from semantic.sqlapi.errors import MeasureMisuse, NotSupported, SqlApiError
from semantic.sqlapi.rewriting.measures import is_aggregate, measure_of
from semantic.sqlapi.rewriting.tables import Column, Sources, position_of

UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
DONE = "headrace_done"
"""Marks column nodes that already stand for a column of a sub-select, and the compiled sub-selects themselves."""

AdHoc = Dimension | Measure
# What is aggregated from rows, and not from other measures.
_FILTERED = ("sum", "avg", "min", "max", "count", "count_distinct", "count_distinct_approx")
ConstantOf = Callable[[exp.Expr], object]
"""The value of a constant expression (literals, bound parameters, casts of them); raises LookupError for others."""


@dataclass(frozen=True)
class Output:
    """A column of the sub-select: the member in the query (and its granularity), and the name it gets."""

    member: str
    granularity: str | None
    name: str


@dataclass
class Parts:
    """What a scope asks of the compiler, gathered while its tree is walked."""

    sources: Sources
    alias: str
    constant_of: ConstantOf
    original: Callable[[str], Measure]
    """The measure of a cube by its full name."""
    dimensions: list[str] = field(default_factory=list)
    time_dimensions: list[TimeDimension] = field(default_factory=list)
    measures: list[str] = field(default_factory=list)
    outputs: dict[tuple[str, str | None], Output] = field(default_factory=dict)
    ad_hoc: list[AdHoc] = field(default_factory=list)
    _expressions: dict[str, exp.Expr] = field(default_factory=dict)

    def reference(self, member: str, granularity: str | None, name: str) -> exp.Column:
        """A column of the sub-select for a member; the same one each time."""
        known = self.outputs.get((member, granularity))
        if known is None:
            taken = {output.name for output in self.outputs.values()}
            unique, number = name, 2
            while unique in taken:
                unique, number = f"{name}_{number}", number + 1
            known = self.outputs[(member, granularity)] = Output(member, granularity, unique)
        column = exp.column(known.name, table=self.alias, quoted=True)
        column.meta[DONE] = True
        return column

    def dimension(self, column: Column) -> exp.Column:
        if isinstance(column.member, Segment):
            name = exp.column(column.member.name, table=column.source.alias, quoted=True)
            return self.expression(name, is_measure=False)
        if column.full_name not in self.dimensions:
            self.dimensions.append(column.full_name)
        return self.reference(column.full_name, None, self._name(column))

    def time(self, column: Column, granularity: str) -> exp.Column:
        wanted = TimeDimension(column.full_name, granularity)
        if wanted not in self.time_dimensions:
            self.time_dimensions.append(wanted)
        return self.reference(column.full_name, granularity, f"{self._name(column)}_{granularity}")

    def measure(self, column: Column) -> exp.Column:
        if column.full_name not in self.measures:
            self.measures.append(column.full_name)
        return self.reference(column.full_name, None, self._name(column))

    def _name(self, column: Column) -> str:
        name = str(column.member.name)
        return name if len(self.sources.all) == 1 else f"{column.source.alias}_{name}"

    def expression(self, node: exp.Expr, *, is_measure: bool) -> exp.Column:
        """A member made for this statement: an expression to group by, or an aggregate over dimensions."""
        if node.find(exp.Query, exp.Window) is not None:
            raise NotSupported(
                "a sub-query or window function cannot be grouped by",
                hint="Put the grouped query in a sub-select or CTE, and go on from there.",
            )
        text = node.sql("duckdb")
        name = next((known for known, tree in self._expressions.items() if tree == node), None)
        cube = self.sources.all[0].cube
        if name is None:
            name = f"expression_{len(self._expressions) + 1}"
            self._expressions[name] = node.copy()
            sql = self._sql(node, text, cube.place)
            kind = Measure if is_measure else Dimension
            made = kind(cube.name, name, cube.place, text, text, sql=sql, type="number")
            (self.measures if is_measure else self.dimensions).append(made.full_name)
            self.ad_hoc.append(made)
        return self.reference(f"{cube.name}.{name}", None, name)

    def filtered(self, column: Column, condition: exp.Expr) -> exp.Column:
        """A measure of those rows only for which a condition holds: made for this statement, in its cube and here.

        Raises NotSupported for a measure that is computed from others, which the condition would have to reach.
        """
        shown = column.member
        path = shown.alias_of if shown.alias_of is not None else MemberPath((shown.cube,), shown.name)
        if not isinstance(shown, Measure) or shown.type not in _FILTERED or shown.rolling_window or shown.multi_stage:
            hint = "Filter in WHERE, or compute it from FILTER over the measures that it is made of."
            raise NotSupported(f'FILTER over the measure "{shown.name}" is not possible', hint=hint)
        name = f"filtered_{len(self.ad_hoc) + 1}"
        text = condition.sql("duckdb")
        sql = self._sql(condition, text, shown.place)
        original = self.original(path.name)
        made = replace(original, name=name, filters=(*original.filters, sql))
        self.ad_hoc.append(made)
        if shown.alias_of is not None:
            self.ad_hoc.append(replace(shown, name=name, alias_of=MemberPath(path.cubes, name)))
        self.measures.append(f"{shown.cube}.{name}")
        return self.reference(f"{shown.cube}.{name}", None, name)

    def condition(self, node: exp.Expr) -> Condition:
        """A condition with a sub-query in it, as a member of its own that must be true."""
        cube = self.sources.all[0].cube
        name = f"condition_{len(self.ad_hoc) + 1}"
        text = node.sql("duckdb")
        sql = self._sql(node, text, cube.place)
        made = Dimension(cube.name, name, cube.place, text, text, sql=sql, type="boolean")
        self.ad_hoc.append(made)
        return Condition(made.full_name, "equals", ("true",))

    def _sql(self, node: exp.Expr, text: str, place: Place) -> Sql:
        """The expression as a snippet of the data model: columns become placeholders for their members."""
        holder = exp.Paren(this=node.copy())
        references: dict[str, Reference] = {}
        for column in client_columns(holder):
            if column.find_ancestor(exp.Query) is not None:
                raise NotSupported(
                    "a sub-query that refers to the outer table under this name cannot be planned",
                    hint="Give the inner table an alias of its own.",
                )
            found = self.sources.require(column)
            if isinstance(found.member, Measure):
                raise needs_measure_call(column)
            name = f"__member_{len(references) + 1}"
            cube, _, member = found.full_name.partition(".")
            references[name] = Reference(name, "member", (cube, member))
            column.replace(exp.column(name))
        return Sql(text, place, holder.this, references)


def needs_measure_call(column: exp.Column) -> MeasureMisuse:
    return MeasureMisuse(
        f'measure "{column.name}" must be aggregated',
        position=position_of(column.this),
        hint=f"Write MEASURE({column.name}).",
    )


def client_columns(node: exp.Expr) -> list[exp.Column]:
    """The columns of a tree that the client wrote and nobody has replaced yet, nested queries included."""
    walked = node.walk(prune=lambda inner: isinstance(inner, exp.Subquery) and bool(inner.meta.get(DONE)))
    return [inner for inner in walked if isinstance(inner, exp.Column) and not inner.meta.get(DONE)]


def own_nodes(node: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes of a tree outside of nested queries, top down."""
    yield from node.walk(prune=lambda inner: isinstance(inner, exp.Query) and inner is not node)


def is_grouped(select: exp.Select) -> bool:
    """Whether a SELECT groups: by GROUP BY, HAVING, DISTINCT, or an aggregate that is no window function."""
    if select.args.get("group") or select.args.get("having"):
        return True
    parts = [*select.expressions, *filter(None, (select.args.get("order"), select.args.get("qualify")))]
    if any(is_aggregate(node) and not in_window(node) for part in parts for node in own_nodes(part)):
        return True
    distinct = select.args.get("distinct")
    return distinct is not None and not any(part.find(exp.Window, exp.Star) for part in select.expressions)


def in_window(node: exp.Expr) -> bool:
    """Whether an aggregate is itself the function of an OVER."""
    parent = node.parent
    while isinstance(parent, exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls):
        node, parent = parent, parent.parent
    return isinstance(parent, exp.Window) and parent.this is node


def has_measure(select: exp.Select, sources: Sources) -> bool:
    """Whether an aggregate in it names a measure; when none does, plain rows serve as well."""
    parts = [
        *select.expressions,
        *filter(None, (select.args.get(name) for name in ("having", "order", "qualify"))),
    ]
    return any(
        is_aggregate(node)
        and not in_window(node)
        and not _counts_some_rows(node)
        and measure_of(node, sources) is not None
        for part in parts
        for node in own_nodes(part)
    )


def _counts_some_rows(node: exp.Expr) -> bool:
    """COUNT(*) FILTER (WHERE ...): no measure, whatever COUNT(*) alone may mean."""
    return isinstance(node, exp.Count) and isinstance(node.this, exp.Star) and isinstance(node.parent, exp.Filter)


def group_keys(select: exp.Select, sources: Sources) -> list[exp.Expr]:
    """The expressions that a SELECT groups by: as said, or implied by what stands outside of its aggregates."""
    group = select.args.get("group")
    if group is None:
        return [key for part in select.expressions for key in _implied(_unaliased(part), sources)]
    keys: list[exp.Expr] = []
    for key in group.expressions:
        resolved = group_key(key, select, sources)
        keys.append(resolved)
    return keys


def group_key(key: exp.Expr, select: exp.Select, sources: Sources) -> exp.Expr:
    """What a key of GROUP BY means: a position or a name stands for a column of the result."""
    if isinstance(key, exp.Literal) and not key.is_string:
        position = int(key.this)
        if not 1 <= position <= len(select.expressions):
            raise SqlApiError(f"GROUP BY position {position} is not in select list", sqlstate="42P10")
        return _unaliased(select.expressions[position - 1])
    if isinstance(key, exp.Column) and sources.resolve(key) is None and not key.table:
        for part in select.expressions:
            if isinstance(part, exp.Alias) and part.alias == key.name:
                return _unaliased(part)
    return key.unnest()


def _unaliased(part: exp.Expr) -> exp.Expr:
    return part.unalias().unnest()


def _implied(part: exp.Expr, sources: Sources) -> Iterator[exp.Expr]:
    """The largest pieces outside of aggregates that depend on columns."""
    if isinstance(part, exp.Query | exp.Subquery):
        return
    if isinstance(part, exp.Filter | exp.WithinGroup) and not in_window(part):
        return
    if is_aggregate(part) and not in_window(part):
        return
    if isinstance(part, exp.Column) or truncation(part, sources) is not None:
        yield part
        return
    own = list(own_nodes(part))
    if not any(isinstance(node, exp.Column) for node in own):
        return
    if not any(is_aggregate(node) or isinstance(node, exp.Window | exp.Query) for node in own):
        yield part
        return
    for child in part.iter_expressions():
        yield from _implied(child, sources)


def truncation(node: exp.Expr, sources: Sources) -> Column | None:
    """The time dimension of DATE_TRUNC(unit, time)."""
    if not isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        return None
    inner = node.this.unnest()
    while isinstance(inner, exp.Cast) and inner.to.this in (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ):
        inner = inner.this.unnest()
    if not isinstance(inner, exp.Column):
        return None
    found = sources.resolve(inner)
    return found if found is not None and found.is_time else None


def granularity_of(node: exp.Expr, column: Column, constant_of: ConstantOf) -> str | None:
    """The granularity that a DATE_TRUNC asks for, or None where the data model has none of that name."""
    unit = node.args.get("unit")
    if isinstance(unit, exp.Var | exp.WeekStart):
        name = str(unit.name).lower()
    else:
        try:
            name = str(constant_of(unit)).lower() if unit is not None else ""
        except LookupError:
            return None
    assert isinstance(column.member, Dimension)
    known = (*UNITS, *(granularity.name for granularity in column.member.granularities))
    return name if name in known else None


class Grouping:
    """Replaces, in a grouped SELECT, keys and aggregates by columns of the sub-select."""

    def __init__(self, parts: Parts, keys: list[exp.Expr]) -> None:
        self._parts = parts
        self._keys = [key.copy() for key in keys]
        self._columns = [self._key(key) for key in self._keys]

    def _key(self, key: exp.Expr) -> exp.Column | None:
        """The column of a group key; None for a constant, which groups nothing."""
        sources = self._parts.sources
        if isinstance(key, exp.Column):
            found = sources.require(key)
            if isinstance(found.member, Measure):
                raise needs_measure_call(key)
            return self._parts.dimension(found)
        truncated = truncation(key, sources)
        if truncated is not None:
            granularity = granularity_of(key, truncated, self._parts.constant_of)
            if granularity is not None:
                return self._parts.time(truncated, granularity)
        if any(is_aggregate(node) for node in own_nodes(key)):
            raise SqlApiError("aggregate functions are not allowed in GROUP BY", sqlstate="42803")
        if key.find(exp.Column) is None:
            return None
        return self._parts.expression(key, is_measure=False)

    def replaced(self, node: exp.Expr) -> exp.Expr:
        """The node over the sub-select. Raises SqlApiError 42803 for a column that is neither key nor aggregate."""
        if node.meta.get(DONE):
            return node
        for key, column in zip(self._keys, self._columns, strict=True):
            if column is not None and node == key:
                return _marked_copy(column)
        if is_aggregate(node) and not in_window(node):
            return self._aggregate(node)
        if isinstance(node, exp.Filter) and not in_window(node) and is_aggregate(node.this):
            measure = None if _counts_some_rows(node.this) else measure_of(node.this, self._parts.sources)
            if measure is not None:
                return self._parts.filtered(measure, node.expression.this)
            return self._parts.expression(node, is_measure=True)
        if isinstance(node, exp.Column):
            return self._column(node)
        for child in list(node.iter_expressions()):
            changed = self.replaced(child)
            if changed is not child:
                child.replace(changed)
        return node

    def _aggregate(self, node: exp.Expr) -> exp.Expr:
        found = measure_of(node, self._parts.sources)
        if found is not None:
            return self._parts.measure(found)
        return self._parts.expression(node, is_measure=True)

    def _column(self, node: exp.Column) -> exp.Expr:
        nested = node.find_ancestor(exp.Subquery, exp.Exists, exp.In) is not None
        found = self._parts.sources.resolve(node)
        if found is None:
            if nested:
                return node
            found = self._parts.sources.require(node)
        if isinstance(found.member, Measure):
            raise needs_measure_call(node)
        raise MeasureMisuse(
            f'column "{node.name}" must appear in the GROUP BY clause or be used in an aggregate function',
            position=position_of(node.this),
        )


def _marked_copy(column: exp.Column) -> exp.Column:
    copy = column.copy()
    copy.meta[DONE] = True
    return copy


def named(part: exp.Expr, name: str) -> exp.Expr:
    """A projection under the name that the client sees."""
    if isinstance(part, exp.Subquery):
        part.set("alias", None)
    inner = part.this if isinstance(part, exp.Alias) else part
    return exp.Alias(this=inner, alias=exp.to_identifier(name, quoted=True))
