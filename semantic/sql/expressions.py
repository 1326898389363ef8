"""Members as SQL expressions: references filled in, aggregates around rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from semantic.datamodel.intervals import parse_interval
from semantic.datamodel.templates import LOCAL_TIME, PLACEHOLDER
from semantic.datamodel.types import Case, DataModel, Dimension, Measure, Reference, Sql
from semantic.errors import PlanError
from semantic.plan.members import AnyMember, Members
from semantic.plan.types import KeyShift, Shift
from semantic.sql.dialects import (
    Dialect,
    column,
    granularity_bucket,
    is_set,
    quoted,
    shifted,
)  # fmt: skip
from semantic.sql.masks import Masks, ShownWhere
from semantic.sql.texts import Texts, Writer, again, is_atom

Fill = Callable[[Reference], exp.Expr]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression stands.

    `aliases` renames cubes (a cube's table is else called by its own name). `columns` gives members that are computed
    already, by full name (and `name.granularity`). `multiplied` cubes have repeated rows. `ungrouped` asks for rows
    instead of aggregates. `masked` members show their masks. `joined`: the parts of a query stand here side by side,
    and no rows. `whole` is a cube whose every row is here with its key, which is not NULL.
    """

    aliases: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, exp.Expr] = field(default_factory=dict)
    multiplied: frozenset[str] = frozenset()
    ungrouped: bool = False
    timezone: str = "UTC"
    masked: frozenset[str] = frozenset()
    shifts: tuple[Shift | KeyShift, ...] = ()
    joined: bool = False
    whole: str | None = None

    @property
    def bare(self) -> Scope:
        """The same without masks: for keys, joins, and what is not shown."""
        return replace(self, masked=frozenset()) if self.masked else self


class Expressions:
    """Builds the expressions of one data model for one dialect. `special` fills FILTER_PARAMS and SECURITY_CONTEXT;
    `shown_where` gives the rows on which a masked member is shown."""

    def __init__(
        self,
        model: DataModel,
        members: Members,
        dialect: Dialect,
        special: Fill,
        texts: Texts,
        shown_where: ShownWhere = lambda _name, _scope: None,
    ) -> None:
        self.model = model
        self.members = members
        self.dialect = dialect
        self.special = special
        self.texts = texts
        self.writer = Writer(dialect.name, dialect.adapted)
        self.masks = Masks(self, shown_where)

    # Texts: what depends on nothing but the data model is written once

    def member(self, name: str, scope: Scope) -> exp.Expr:
        """Any member in a scope: dimensions and segments of rows, measures aggregated."""
        return self._kept("member", name, scope, lambda: self.unkept(name, scope))

    def time(self, name: str, granularity: str, scope: Scope) -> exp.Expr:
        """A time dimension's bucket, in local time."""
        return self._kept(granularity, name, scope, lambda: self._time(name, granularity, scope))

    def _kept(self, what: str, name: str, scope: Scope, build: Callable[[], exp.Expr]) -> exp.Expr:
        if scope.columns or scope.aliases or scope.shifts or scope.masked or not self.members.is_static(name):
            return build()
        target = self.members.target(name)
        whole = scope.whole if isinstance(target, Measure) else None
        key = (what, target.full_name, scope.timezone, scope.ungrouped, scope.multiplied, whole)
        return self.texts.leaf(key, build, self.writer)

    # Rows

    def leaf(self, name: str, scope: Scope) -> exp.Expr:
        """A measure among its rows: what is computed from it is masked, where the result is put together."""
        if not scope.masked:
            return self.member(name, scope)
        return self.measure(self.members.measure(name), scope)

    def unkept(self, name: str, scope: Scope) -> exp.Expr:
        """Any member in a scope, as a tree of its own."""
        target = self.members.target(name)
        hidden = self.masks.hidden(name, target, scope) if scope.masked else None
        if hidden is not None:
            return self.masks.member(hidden, name, target, scope)
        if isinstance(target, Measure):
            return self.measure(target, scope)
        return self.row(target, scope)

    def row(self, member: AnyMember, scope: Scope) -> exp.Expr:
        """A dimension or segment of one row."""
        known = scope.columns.get(member.full_name)
        if known is not None:
            return again(known)
        if isinstance(member, Dimension):
            if member.case is not None:
                return self.case(member.case, member.cube, scope)
            if member.latitude is not None and member.longitude is not None:
                return self._point(member.latitude, member.longitude, member.cube, scope)
        if member.sql is None:
            raise PlanError(f"'{member.full_name}' has no SQL of its own", place=member.full_name, code="no_sql")
        return self.fill(member.sql, member.cube, scope)

    def _point(self, latitude: Sql, longitude: Sql, cube: str, scope: Scope) -> exp.Expr:
        first, second = (self.dialect.text(self.fill(sql, cube, scope)) for sql in (latitude, longitude))
        left = exp.DPipe(this=first, expression=exp.Literal.string(","))
        return exp.DPipe(this=left, expression=second)

    def case(self, case: Case, cube: str, scope: Scope) -> exp.Expr:
        """A `case`, of conditions or over a switch."""
        branches = []
        for branch in case.when:
            condition = branch.condition
            when: exp.Expr = (
                self.fill(condition, cube, scope) if condition is not None else exp.Literal.string(branch.value or "")
            )
            branches.append(exp.If(this=when, true=self._label(branch.result, cube, scope)))
        otherwise = None if case.otherwise is None else self._label(case.otherwise, cube, scope)
        switch = None if case.switch is None else self.fill(case.switch, cube, scope)
        return exp.Case(this=switch, ifs=branches, default=otherwise)

    def _label(self, label: Sql | str, cube: str, scope: Scope) -> exp.Expr:
        return exp.Literal.string(label) if isinstance(label, str) else self.fill(label, cube, scope)

    def fill(self, sql: Sql, cube: str, scope: Scope) -> exp.Expr:
        """A snippet with its references filled in, and its bare columns bound to the cube's own table."""
        alias = scope.aliases.get(cube, cube)
        if isinstance(sql.tree, exp.Column):
            return self._fill_column(sql.tree, sql, alias, scope)
        tree = self.local_calls(sql, sql.tree.copy(), scope)
        for node in _free_columns(tree):
            filled = self._fill_column(node, sql, alias, scope)
            if node is tree:
                return filled
            node.replace(wrapped(filled))
        return tree

    def local_calls(self, sql: Sql, tree: exp.Expr, scope: Scope) -> exp.Expr:
        """A copied tree with what SQL_UTILS.convertTz makes of times in it."""
        if not sql.converts_times:
            return tree
        for node in [node for node in tree.find_all(exp.Anonymous) if node.name.lower() == LOCAL_TIME]:
            local = self.dialect.local_time(node.expressions[0], scope.timezone)
            if node is tree:
                return local
            node.replace(local)
        return tree

    def _fill_column(self, node: exp.Column, sql: Sql, alias: str, scope: Scope) -> exp.Expr:
        parts = [part.name for part in node.parts]
        reference = sql.references.get(parts[0])
        if reference is None:
            return column(parts[0], alias) if len(parts) == 1 else node.copy()
        if len(parts) == 1:
            return self.reference(reference, scope)
        if reference.kind != "cube":
            raise PlanError(f"`{sql.text}`: a member has no columns of its own", place=sql.text, code="bad_reference")
        table = scope.aliases.get(reference.path[-1], reference.path[-1])
        tree: exp.Expr = column(parts[1], table)
        for part in parts[2:]:
            tree = exp.Dot(this=tree, expression=quoted(part))
        return tree

    def reference(self, reference: Reference, scope: Scope) -> exp.Expr:
        """What a reference stands for in a scope."""
        if reference.kind == "cube":
            return exp.Column(this=quoted(scope.aliases.get(reference.path[-1], reference.path[-1])))
        if reference.kind != "member":
            return self.special(reference)
        name = f"{reference.path[-2]}.{reference.path[-1]}"
        if reference.granularity:
            return self._time(name, reference.granularity, scope)
        return self.unkept(name, scope)

    def _time(self, name: str, granularity: str, scope: Scope) -> exp.Expr:
        dimension = self.members.dimension(name)
        hidden = self.masks.hidden(name, dimension, scope) if scope.masked else None
        if hidden is not None:
            return self.masks.time(hidden, name, granularity, scope)
        known = scope.columns.get(f"{dimension.full_name}.{granularity}")
        if known is not None:
            return again(known)
        return self.bucket(self.local(dimension, scope), dimension, granularity, scope)

    def local(self, dimension: Dimension, scope: Scope) -> exp.Expr:
        """A time dimension as the wall clock shows it, moved by the scope's shifts."""
        local = self.dialect.local_time(self.row(dimension, scope), scope.timezone)
        for shift in scope.shifts:
            if isinstance(shift, Shift) and dimension.full_name in shift.dimensions:
                local = shifted(local, shift.interval, shift.sign)
        return local

    def bucket(self, local: exp.Expr, dimension: Dimension, granularity: str, scope: Scope) -> exp.Expr:
        """The bucket of a local time, by a granularity of a dimension."""
        custom = dimension.granularity(granularity)
        if custom is None:
            return self.dialect.truncate(local, granularity)
        if custom.sql is not None:
            return self.fill(custom.sql, dimension.cube, scope)
        interval = parse_interval(custom.interval or "1 day")
        offset = parse_interval(custom.offset) if custom.offset else None
        return granularity_bucket(self.dialect, local, interval, offset, custom.origin)

    # Aggregates

    def measure(self, measure: Measure, scope: Scope) -> exp.Expr:
        """A measure aggregated over the rows of a scope, or per row when the scope is ungrouped."""
        known = scope.columns.get(measure.full_name)
        if known is not None:
            return again(known)
        if measure.case is not None:
            chosen = self.case(measure.case, measure.cube, scope)
            if isinstance(chosen, exp.Case) and isinstance(chosen.this, exp.Expr) and not scope.ungrouped:
                # One value per group, whether it is grouped by or filtered to one.
                chosen.set("this", exp.Max(this=chosen.this))
            return chosen
        if measure.type in _CALCULATED:
            calculated = self._calculated(measure, scope)
            return of_one_row(calculated) if scope.ungrouped else calculated
        if measure.type == "rank":
            if scope.ungrouped:
                return exp.Null()
            raise PlanError(f"'{measure.full_name}' ranks groups", place=measure.full_name, code="multi_stage")
        if counts_rows(measure, scope):
            conditions = [wrapped(self.fill(sql, measure.cube, scope)) for sql in measure.filters]
            return aggregate("count", _only_if(conditions, exp.Literal.number(1)) if conditions else None)
        operand = self.operand(measure, scope)
        if scope.ungrouped:
            return operand if operand is not None else exp.Literal.number(1)
        return aggregate(measure.type, operand, distinct=self.counts_distinct(measure, scope))

    def _calculated(self, measure: Measure, scope: Scope) -> exp.Expr:
        if measure.sql is None:
            raise PlanError(f"'{measure.full_name}' has no SQL", place=measure.full_name, code="no_sql")
        filled = self.fill(measure.sql, measure.cube, scope)
        conditions = [wrapped(self.fill(sql, measure.cube, scope)) for sql in measure.filters]
        if not conditions:
            return filled
        # Each aggregate of the measure's own sees only the rows that pass.
        for node in list(filled.find_all(exp.AggFunc)):
            argument = node.this
            if isinstance(argument, exp.Expr) and not isinstance(argument, exp.Star):
                node.set("this", _only_if(conditions, argument))
        return filled

    def counts_distinct(self, measure: Measure, scope: Scope) -> bool:
        """Whether a count has to look at keys because a join repeats its rows."""
        return measure.type == "count" and measure.cube in scope.multiplied

    def operand(self, measure: Measure, scope: Scope) -> exp.Expr | None:
        """What a measure aggregates of each row, NULL where its filters say no; None for COUNT(*)."""
        conditions = [wrapped(self.fill(sql, measure.cube, scope)) for sql in measure.filters]
        value: exp.Expr | None
        if measure.sql is not None:
            value = self.fill(measure.sql, measure.cube, scope)
        else:
            value = self.key(measure.cube, scope)
        if isinstance(value, exp.Star):
            value = self.key(measure.cube, scope)
        if not conditions:
            if scope.ungrouped and measure.type in _COUNTS and value is not None:
                return _only_if([is_set(wrapped(value))], exp.Literal.number(1))
            return value
        if scope.ungrouped and measure.type in _COUNTS and value is not None and measure.sql is not None:
            conditions.append(is_set(wrapped(value)))
        if value is None or (scope.ungrouped and measure.type in _COUNTS):
            value = exp.Literal.number(1)
        return _only_if(conditions, value)

    def key(self, cube: str, scope: Scope) -> exp.Expr | None:
        """The primary key of a cube's row as one value; None when there is no key."""
        keys = [self.row(dimension, scope.bare) for dimension in self.model.cubes[cube].primary_key]
        if not keys:
            return None
        if len(keys) == 1:
            return keys[0]
        total = self.dialect.text(keys[0])
        for key in keys[1:]:
            separated = exp.DPipe(this=total, expression=exp.Literal.string("|"))
            total = exp.DPipe(this=separated, expression=self.dialect.text(key))
        return total


def counts_rows(measure: Measure, scope: Scope) -> bool:
    """Whether counting a measure's keys is counting rows, so that no key has to be read: each row has one, neither does
    a join repeat it, nor is it missing where a join found nothing."""
    is_whole = scope.whole == measure.cube and measure.cube not in scope.multiplied
    return is_whole and measure.type == "count" and measure.sql is None and not scope.ungrouped


_COUNTS = ("count", "count_distinct", "count_distinct_approx")
_CALCULATED = ("number", "string", "boolean", "time", "number_agg")
_AGGREGATES: Mapping[str, type[exp.AggFunc]] = {"sum": exp.Sum, "avg": exp.Avg, "min": exp.Min, "max": exp.Max}


def aggregate(kind: str, operand: exp.Expr | None, *, distinct: bool = False) -> exp.Expr:
    """An aggregate of a type of measure over a value per row; None counts rows."""
    if operand is None:
        return exp.Count(this=exp.Star())
    if kind in _AGGREGATES:
        return _AGGREGATES[kind](this=operand)
    if kind == "count_distinct_approx":
        return exp.ApproxDistinct(this=operand)
    if kind == "count_distinct" or distinct:
        return exp.Count(this=exp.Distinct(expressions=[operand]))
    return exp.Count(this=operand)


def _free_columns(tree: exp.Expr) -> list[exp.Column]:
    """The columns that belong to the cube or are references: not those of a sub-select or a lambda's own names."""
    columns: list[exp.Column] = []
    owners: list[exp.Expr] = []
    for node in tree.walk():
        if isinstance(node, exp.Column):
            columns.append(node)
        elif isinstance(node, (exp.Query, exp.Lambda)):
            owners.append(node)
    if not owners:
        return columns
    inner = {id(node) for query in owners if isinstance(query, exp.Query) for node in query.find_all(exp.Column)}
    bound = {name.name for part in owners if isinstance(part, exp.Lambda) for name in part.expressions}
    return [node for node in columns if _is_reference(node) or (id(node) not in inner and node.name not in bound)]


def _is_reference(node: exp.Column) -> bool:
    return node.name.startswith(PLACEHOLDER) or node.table.startswith(PLACEHOLDER)


def of_one_row(tree: exp.Expr) -> exp.Expr:
    """An expression over aggregates as it is for a single row: a sum is its value, a count is 1 or 0."""
    return tree.transform(_single, copy=False)


def _single(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Filter):
        kept = _only_if([node.expression.this], of_one_row(node.this))
        if isinstance(node.this, (exp.Count, exp.ApproxDistinct, exp.CountIf)):
            kept.set("default", exp.Literal.number(0))
        return kept
    if isinstance(node, exp.WithinGroup):
        ordered: exp.Expr = node.expression.expressions[0].this
        return ordered
    if not isinstance(node, exp.AggFunc):
        return node
    value = node.this
    if isinstance(value, exp.Distinct):
        value = value.expressions[0]
    if not isinstance(node, (exp.Count, exp.ApproxDistinct, exp.CountIf)):
        return wrapped(value) if isinstance(value, exp.Expr) else exp.Null()
    if value is None or isinstance(value, exp.Star):
        return exp.Literal.number(1)
    condition = value if isinstance(node, exp.CountIf) else is_set(value)
    return exp.Case(ifs=[exp.If(this=condition, true=exp.Literal.number(1))], default=exp.Literal.number(0))


def _only_if(conditions: list[exp.Expr], value: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=conjunction([c.copy() for c in conditions]), true=value)])


def conjunction(conditions: list[exp.Expr]) -> exp.Expr:
    """All of at least one condition."""
    total = conditions[0]
    for condition in conditions[1:]:
        total = exp.And(this=total, expression=condition)
    return total


def disjunction(conditions: list[exp.Expr]) -> exp.Expr:
    """Any of at least one condition."""
    total = conditions[0]
    for condition in conditions[1:]:
        total = exp.Or(this=total, expression=condition)
    return total


def wrapped(tree: exp.Expr) -> exp.Expr:
    """A tree that may stand as an operand: in parentheses when it is an operator itself."""
    return tree if is_atom(tree) else exp.Paren(this=tree)
