"""A compiled query explained: its plan as a tree, the joins, what they multiply, rollups, SQL, and lineage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from semantic.compiler import CompiledQuery, Compiler
from semantic.datamodel.checks import snippets
from semantic.datamodel.templates import PLACEHOLDER
from semantic.datamodel.types import Measure
from semantic.plan.defaults import with_defaults
from semantic.plan.joins import JoinTree
from semantic.plan.rollups import candidates
from semantic.plan.shape import bind
from semantic.plan.types import Keys, Part, Plan, Rows, Snapshot, Windowed
from semantic.query.types import Query
from semantic.sql.expressions import Scope, counts_rows


@dataclass(frozen=True, slots=True)
class Step:
    """A node of the plan's tree: what is done, and what it is done to."""

    title: str
    details: tuple[str, ...] = ()
    children: tuple[Step, ...] = ()

    def lines(self, indent: int = 0) -> Iterator[str]:
        """The tree as indented text."""
        yield "  " * indent + self.title
        for detail in self.details:
            yield "  " * (indent + 1) + "- " + detail
        for child in self.children:
            yield from child.lines(indent + 1)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that decided about the SQL of a query.

    `rollups` gives each candidate the reason against it, "" for the one that is used. `lineage` gives each column of
    the result the table columns that it is computed from, as `cube.column`. `row_counts` are the counts of keys for
    which rows are counted instead, since no key is NULL.
    """

    compiled: CompiledQuery
    plan: Step
    join_paths: tuple[str, ...]
    multiplied: tuple[str, ...]
    rollups: Mapping[str, str]
    lineage: Mapping[str, tuple[str, ...]]
    row_counts: tuple[str, ...] = ()

    def text(self) -> str:
        """All of it, to be read on a terminal."""
        sections = [
            "Plan", *self.plan.lines(1),
            "Joins", *([f"  {path}" for path in self.join_paths] or ["  nothing"]),
            "Multiplied by joins", *([f"  {cube}" for cube in self.multiplied] or ["  nothing"]),
            "Counted without reading keys", *([f"  {name}" for name in self.row_counts] or ["  nothing"]),
            "Pre-aggregations", *([f"  {name}: {why or 'used'}" for name, why in self.rollups.items()] or ["  none"]),
            "Lineage", *(f"  {key} <- {', '.join(names) or 'constants'}" for key, names in self.lineage.items()),
            "SQL", self.compiled.sql,
        ]  # fmt: skip
        return "\n".join(sections)


def explain(compiler: Compiler, query: Query, *, security_context: Mapping[str, Any] | None = None) -> Explanation:
    """Explain a query as this compiler would compile it. Raises QueryError as compiling does."""
    compiled = compiler.compile(query, security_context=security_context)
    asked = with_defaults(query, compiler.model)
    shape, _ = bind(compiler.admit(asked, security_context=security_context), compiler.model)
    plan = compiler.planner.plan(shape)
    used = compiled.used_pre_aggregations
    bases = () if used else tuple(_bases(plan))
    trees = [base.tree for base in bases]
    return Explanation(
        compiled=compiled,
        plan=_rollup_step(plan, used[0]) if used else _plan_step(plan),
        join_paths=tuple(dict.fromkeys(_path(tree) for tree in trees)),
        multiplied=tuple(sorted({cube for tree in trees for cube in tree.multiplied})),
        rollups={found.name: found.reason for found in candidates(compiler.planner, plan, compiler.built)},
        lineage={column.key: lineage(compiler, column.member) for column in compiled.columns},
        row_counts=tuple(dict.fromkeys(name for base in bases for name in _row_counts(compiler, plan, base))),
    )


def _bases(plan: Plan) -> Iterator[Rows | Keys]:
    """What reads tables: the parts themselves, and those under windows, moments and stages."""
    for part in plan.parts:
        base = part.base if isinstance(part, (Windowed, Snapshot)) else part
        if isinstance(base, (Rows, Keys)):
            yield base
        else:
            yield from _bases(base.inputs)


def _row_counts(compiler: Compiler, plan: Plan, base: Rows | Keys) -> Iterator[str]:
    if isinstance(base, Keys) or base.raw or base.tree.root not in compiler.whole:
        return
    scope = Scope(multiplied=base.tree.multiplied, ungrouped=plan.shape.ungrouped, whole=base.tree.root)
    yield from (name for name in base.measures if counts_rows(compiler.planner.members.measure(name), scope))


def _path(tree: JoinTree) -> str:
    steps = (f"{join.source} -> {join.target} ({join.relationship})" for join in tree.joins)
    return "; ".join(steps) or tree.root


def _plan_step(plan: Plan) -> Step:
    groups = ", ".join(group.key for group in plan.groups) or "nothing: one row"
    how = "unite on" if plan.union else "join on" if len(plan.parts) > 1 else "group by"
    details = ["rows as they are, not grouped"] if plan.shape.ungrouped else [f"{how} {groups}"]
    if plan.having:
        details.append(f"keep {'rows' if plan.shape.ungrouped else 'groups'} by their measures")
    if plan.fill is not None:
        details.append(f"fill {plan.fill.time.key} where nothing was found")
    if plan.shape.limit is not None:
        details.append(f"at most {plan.shape.limit} rows")
    parts = (replace(p, raw=True) if plan.shape.ungrouped and isinstance(p, Rows) else p for p in plan.parts)
    return Step("result", tuple(details), tuple(_part_step(part) for part in parts))


def _rollup_step(plan: Plan, name: str) -> Step:
    whole = _plan_step(plan)
    values = ", ".join(value.target for value in plan.values) or "none"
    return Step(whole.title, whole.details, (Step(f"read the pre-aggregation {name}", (f"measures: {values}",)),))


def _part_step(part: Part) -> Step:
    if isinstance(part, (Rows, Keys)):
        done = "take" if part.raw else "aggregate"
        measures = f"measures: {', '.join(part.measures) or 'none'}"
        if isinstance(part, Rows):
            return Step(f"{done} joined rows from {part.tree.root}", (measures,))
        details = (measures, f"joins repeat the rows of {part.cube}")
        return Step(f"{done} {part.cube} once per distinct key", details)
    if isinstance(part, Windowed):
        window = part.window
        span = f"to date by {window.granularity}" if window.type == "to_date" else (
            f"trailing {window.trailing or 'nothing'}, leading {window.leading or 'nothing'}"
        )  # fmt: skip
        return Step(f"roll {part.measure} over a window", (span,), (_part_step(part.base),))
    if isinstance(part, Snapshot):
        return _snapshot_step(part)
    within = ", ".join(group.key for group in part.partition) or "everything"
    return Step(f"{part.kind} {part.measure} in a stage of its own", (f"within {within}",), (_plan_step(part.inputs),))


def _snapshot_step(part: Snapshot) -> Step:
    which = "last" if part.choice == "max" else "first"
    within = ", ".join(group.key for group in part.within) or "everything"
    title = f"take {', '.join(part.measures)} at the {which} {part.moment.target}"
    return Step(title, (f"one moment within {within}",), (_part_step(part.base),))


def lineage(compiler: Compiler, name: str, above: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The table columns that a member is computed from, as `cube.column`."""
    member = compiler.planner.members.target(name)
    if member.full_name in above:
        return ()
    found: dict[str, None] = {}
    said = member.non_additive if isinstance(member, Measure) else None
    for needed in said.members if said else ():
        found.update(dict.fromkeys(lineage(compiler, needed, above | {member.full_name})))
    for sql in snippets(member):
        for node in sql.tree.find_all(exp.Column):
            owner = sql.references.get(node.table) if node.table else None
            if owner is not None and owner.kind == "cube":
                found.setdefault(f"{owner.path[-1]}.{node.name}")
            elif not node.name.startswith(PLACEHOLDER) and not node.table:
                found.setdefault(f"{member.cube}.{node.name}")
        for reference in sql.references.values():
            if reference.kind == "member":
                inner = f"{reference.path[-2]}.{reference.path[-1]}"
                found.update(dict.fromkeys(lineage(compiler, inner, above | {member.full_name})))
    if not found and getattr(member, "type", "") == "count":
        for key in compiler.model.cubes[member.cube].primary_key:
            found.update(dict.fromkeys(lineage(compiler, key.full_name, above | {member.full_name})))
    return tuple(found)
