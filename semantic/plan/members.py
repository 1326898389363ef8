"""What each member depends on: the cubes to join, the sub-query dimensions, and the measures it is computed from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from semantic.datamodel.checks import snippets
from semantic.datamodel.types import DataModel, Dimension, Measure, Member, MultiStage, Segment, Sql
from semantic.errors import PlanError, UnknownMemberError
from semantic.plan.joins import Hint

AnyMember = Measure | Dimension | Segment
_COMPOSED = ("number", "string", "boolean", "time", "number_agg")


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What a member needs. `hints` are the join paths, own cube first; `sub_queries` full names of dimensions."""

    hints: tuple[Hint, ...]
    sub_queries: tuple[str, ...]


class Members:
    """Looks members up, through views, and remembers what they depend on."""

    def __init__(self, model: DataModel) -> None:
        self.model = model
        self._targets: dict[str, AnyMember] = {}
        self._dependencies: dict[str, Dependencies] = {}
        self._leaves: dict[str, tuple[str, ...]] = {}
        self._touched: dict[str, tuple[str, ...]] = {}
        self._made: dict[str, Measure | Dimension] = {}
        self._static: dict[str, bool] = {}
        # Names that tables and cubes have in a statement, so that nothing else may.
        self.taken = frozenset(
            name.lower() for cube in model.cubes.values() for name in (cube.name, cube.sql_table or "") if name
        )
        self.has_policies = any(cube.access_policy for cube in model.cubes.values())
        self.has_switches = any(
            one.type == "switch" for cube in model.cubes.values() for one in cube.dimensions.values()
        )

    def sub_query_measure(self, name: str) -> str:
        """The measure that a sub_query dimension is, inside its sub-select; named after the dimension."""
        dimension = self.dimension(name)
        made = f"{dimension.full_name}__value"
        if made not in self._made:
            self._made[made] = Measure(
                cube=dimension.cube,
                name=f"{dimension.name}__value",
                place=dimension.place,
                title=dimension.title,
                short_title=dimension.short_title,
                sql=dimension.sql,
                type="number",
            )
        return made

    def segment_column(self, name: str) -> str:
        """The dimension that says of a row whether a segment holds, as a rollup keeps it."""
        segment = self.target(name)
        made = f"{segment.full_name}__segment"
        if made not in self._made:
            self._made[made] = Dimension(
                cube=segment.cube,
                name=f"{segment.name}__segment",
                place=segment.place,
                title=segment.title,
                short_title=segment.short_title,
                sql=segment.sql,
                type="boolean",
            )
        return made

    def sub_query_keys(self, name: str) -> tuple[Dimension, ...]:
        """What a dimension computed from measures is computed per: its cube's key, or what a multi-stage one adds to
        the groups and the dimensions that it shows beside measures. Raises PlanError when that is nothing."""
        dimension = self.dimension(name)
        if dimension.multi_stage is not None:
            named = [self.dimension(key).full_name for key in dimension.multi_stage.add_group_by]
            keys = tuple(self.dimension(key) for key in dict.fromkeys((*named, *self._shown_beside(dimension))))
            advice = "say in add_group_by per what it is computed"
        else:
            keys = self.model.cubes[dimension.cube].primary_key
            advice = f"declare a primary_key in {dimension.cube}"
        if not keys:
            message = f"'{dimension.full_name}' is computed from measures, but per nothing"
            raise PlanError(message, place=dimension.full_name, advice=advice, code="no_primary_key")
        return keys

    def _shown_beside(self, dimension: Dimension) -> Iterator[str]:
        """The dimensions in the SQL of a multi-stage one that no aggregate of that SQL is about."""
        sql = dimension.sql
        for node in sql.tree.find_all(exp.Column) if sql is not None else ():
            reference = sql.references.get(node.name) if sql is not None else None
            if reference is None or reference.kind != "member" or reference.granularity:
                continue
            name = ".".join(reference.path[-2:])
            if not self.is_measure(name) and node.find_ancestor(exp.AggFunc) is None:
                yield self.dimension(name).full_name

    def lookup(self, name: str) -> AnyMember | None:
        """A member by its full name, of the data model or made while planning."""
        return self._made.get(name) or self.model.member(name)

    def target(self, name: str) -> AnyMember:
        """The cube member behind a name: itself, or what a view's member stands for."""
        found = self._targets.get(name)
        if found is None:
            found = self._targets[name] = self._target(name)
        return found

    def _target(self, name: str) -> AnyMember:
        member = self.lookup(name)
        if member is None:
            raise UnknownMemberError(f"'{name.partition('.')[2]}' not found for path '{name}'", place=name)
        if member.alias_of is not None:
            return self.target(member.alias_of.name)
        return member

    def measure(self, name: str) -> Measure:
        """The measure behind a name."""
        found = self.target(name)
        if not isinstance(found, Measure):
            raise UnknownMemberError(f"'{found.name}' not found for path '{name}'", place=name)
        return found

    def dimension(self, name: str) -> Dimension:
        """The dimension behind a name."""
        found = self.target(name)
        if not isinstance(found, Dimension):
            raise UnknownMemberError(f"'{found.name}' not found for path '{name}'", place=name)
        return found

    def is_measure(self, name: str) -> bool:
        return isinstance(self.target(name), Measure)

    def is_segment(self, name: str) -> bool:
        return isinstance(self.target(name), Segment)

    def dependencies(self, name: str) -> Dependencies:
        """What a member of a query needs, by its name in the query (a view's member brings the view's path)."""
        found = self._dependencies.get(name)
        if found is None:
            hints: dict[Hint, None] = {}
            subs: dict[str, None] = {}
            self._collect(name, hints, subs, 0)
            found = self._dependencies[name] = Dependencies(tuple(hints), tuple(subs))
        return found

    def _collect(self, name: str, hints: dict[Hint, None], subs: dict[str, None], depth: int) -> None:
        if depth > 100:
            raise PlanError(f"'{name}' is defined by itself", place=name, code="cycle")
        member = self.lookup(name)
        if member is None:
            raise UnknownMemberError(f"'{name.partition('.')[2]}' not found for path '{name}'", place=name)
        if member.alias_of is not None:
            hints.setdefault(member.alias_of.cubes)
            self._collect(member.alias_of.name, hints, subs, depth + 1)
            return
        if not self.model.cubes[member.cube].is_view and not any(member.cube == hint[-1] for hint in hints):
            hints.setdefault((member.cube,))
        if isinstance(member, Dimension) and member.sub_query:
            # Its measures live in a sub-select of their own: nothing of it is joined here.
            subs.setdefault(name)
            return
        if isinstance(member, Dimension) and member.type == "switch":
            # It is in no table: every row is looked at once per value.
            subs.setdefault(name)
            return
        if isinstance(member, Dimension) and member.multi_stage is not None:
            subs.setdefault(name)
            for key in (*member.multi_stage.add_group_by, *self._shown_beside(member)):
                self._collect(key, hints, subs, depth + 1)
            return
        if isinstance(member, Measure) and member.non_additive is not None:
            for needed in member.non_additive.members:
                self._collect(needed, hints, subs, depth + 1)
        for sql in snippets(member):
            for path, referred in references(sql):
                if referred:
                    if len(path) > 1:
                        hints.setdefault(path)
                    self._collect(f"{path[-1]}.{referred}", hints, subs, depth + 1)
                elif not any(path[-1] == hint[-1] for hint in hints):
                    hints.setdefault(path)

    def touched(self, name: str) -> tuple[str, ...]:
        """The members whose values a member's SQL takes up: itself, what a view's stands for, and all that these refer
        to; a count takes up the key that it counts. A sub_query dimension has a statement of its own, and ends it."""
        found = self._touched.get(name)
        if found is None:
            every: dict[str, None] = {}
            self._touch(name, every)
            found = self._touched[name] = tuple(every)
        return found

    def _touch(self, name: str, found: dict[str, None]) -> None:
        member = self.lookup(name)
        if member is None or name in found:
            return
        found[name] = None
        if member.alias_of is not None:
            self._touch(member.alias_of.name, found)
            return
        if isinstance(member, Dimension) and member.sub_query:
            return
        if isinstance(member, Measure) and member.sql is None and member.case is None:
            for key in self.model.cubes[member.cube].primary_key:
                self._touch(key.full_name, found)
        for sql in snippets(member):
            for path, referred in references(sql):
                if referred:
                    self._touch(f"{path[-1]}.{referred}", found)

    def leaves(self, name: str) -> tuple[str, ...]:
        """The measures that a measure is computed from after grouping: itself unless it only combines others."""
        found = self._leaves.get(name)
        if found is None:
            measure = self.measure(name)
            if self.is_composed(measure):
                below = (self.leaves(child) for child in self.children(measure))
                found = tuple(dict.fromkeys(leaf for leaves in below for leaf in leaves))
            else:
                found = (measure.full_name,)
            self._leaves[name] = found
        return found

    def children(self, measure: Measure) -> tuple[str, ...]:
        """The measures that a measure's own SQL refers to, as cube measures."""
        found: dict[str, None] = {}
        for sql in snippets(measure):
            for path, referred in references(sql):
                if referred and self.is_measure(f"{path[-1]}.{referred}"):
                    found.setdefault(self.target(f"{path[-1]}.{referred}").full_name)
        return tuple(found)

    def is_composed(self, measure: Measure) -> bool:
        """Whether a measure only combines other measures, so that it can be computed from their results."""
        if measure.type not in _COMPOSED or measure.sql is None or self.is_stage(measure):
            return False
        if not self.children(measure):
            return False
        tree = measure.sql.tree
        if tree.find(exp.AggFunc) is not None:
            return False
        return all(self._is_measure_reference(column, measure) for column in tree.find_all(exp.Column))

    def is_stage(self, measure: Measure) -> bool:
        """Whether a multi-stage measure needs a stage of its own: it changes the grain, or aggregates what others
        result in, and does not only combine them."""
        stage = measure.multi_stage
        if stage is None:
            return False
        return _changes_grain(stage) or (measure.type not in _COMPOSED and bool(self.children(measure)))

    def is_static(self, name: str) -> bool:
        """Whether a member's SQL depends on the data model alone: not on filters, callers, sub-queries or stages."""
        target = self.target(name)
        found = self._static.get(target.full_name)
        if found is None:
            # While it is looked at, a member that refers to itself is not.
            self._static[target.full_name] = False
            found = _is_plain(target) and all(self.is_static_sql(sql) for sql in self._snippets(target))
            self._static[target.full_name] = found
        return found

    def is_static_sql(self, sql: Sql) -> bool:
        """Whether a snippet, with all that it refers to, depends on the data model alone."""
        for reference in sql.references.values():
            if reference.kind == "member":
                if not self.is_static(".".join(reference.path[-2:])):
                    return False
            elif reference.kind == "cube_sql":
                inner = self.model.cubes[reference.path[-1]].sql
                if inner is not None and not self.is_static_sql(inner):
                    return False
            elif reference.kind != "cube":
                return False
        return True

    def _snippets(self, member: AnyMember) -> Iterator[Sql]:
        yield from snippets(member)
        if isinstance(member, Dimension):
            yield from (entry.sql for entry in member.granularities if entry.sql is not None)
        if isinstance(member, Measure) and (member.sql is None or not member.filters):
            # A count is of keys.
            yield from (sql for key in self.model.cubes[member.cube].primary_key for sql in snippets(key))

    def _is_measure_reference(self, column: exp.Expr, measure: Member) -> bool:
        if measure.sql is None:
            return False
        reference = measure.sql.references.get(column.name)
        if reference is None or reference.kind != "member":
            return reference is not None and reference.kind == "security_context"
        return self.is_measure(f"{reference.path[-2]}.{reference.path[-1]}")


def _is_plain(member: AnyMember) -> bool:
    if isinstance(member, Segment):
        return True
    special = isinstance(member, Dimension) and (member.sub_query or member.type == "switch")
    return member.multi_stage is None and not special


def _changes_grain(stage: MultiStage) -> bool:
    # Grouping by nothing is a grain, too.
    changed = (stage.reduce_by, stage.add_group_by, stage.time_shift, stage.order_by, stage.filter, stage.grain)
    return stage.group_by is not None or any(change not in (None, (), {}) for change in changed)


def references(sql: Sql) -> Iterator[tuple[Hint, str]]:
    """What a snippet refers to: the path of cubes, and the member or "" for a mention of the cube alone."""
    for reference in sql.references.values():
        if reference.kind == "cube":
            yield reference.path, ""
        elif reference.kind == "member":
            yield reference.path[:-1], reference.path[-1]
