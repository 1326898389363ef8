"""Rules that need the whole data model: what members refer to, keys of joined cubes, cycles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sqlglot import exp

from semantic.datamodel.types import Case, Cube, Dimension, Measure, Member, NonAdditive, PreAggregation, Sql
from semantic.errors import Problem

Check = Callable[[Mapping[str, Cube]], Iterator[Problem]]

# What a join may multiply; such a measure can only be computed when the rows of its cube have a key.
_MULTIPLIED = ("sum", "avg", "count", "number")
_CALCULATED = ("number", "string", "boolean", "time", "number_agg", "rank")


def check_keys(cubes: Mapping[str, Cube]) -> Iterator[Problem]:
    """Both cubes of a join need a primary key when they have measures that the join may multiply."""
    reported: set[str] = set()
    for cube in cubes.values():
        for join in cube.joins:
            for side in (cube, cubes.get(join.target)):
                if side is None or side.primary_key or side.name in reported:
                    continue
                if any(measure.type in _MULTIPLIED for measure in side.measures.values()):
                    reported.add(side.name)
                    message = (f"primary key for '{side.name}' is required when join is defined in order to make "
                               "aggregates work properly")  # fmt: skip
                    yield Problem(side.place.file, side.place.line, f"cubes.{side.name}", "primary_key", message)


def check_names(cubes: Mapping[str, Cube]) -> Iterator[Problem]:
    """A name means one thing in a cube: not a measure and a dimension at once."""
    for cube in cubes.values():
        for name, dimension in cube.dimensions.items():
            other = cube.measures.get(name) or cube.segments.get(name)
            if other is not None:
                message = f"`{name}` is both a dimension and another member"
                yield _problem(other, dimension.full_name, "duplicate_member", message)
        for name, segment in cube.segments.items():
            if name in cube.measures:
                yield _problem(segment, segment.full_name, "duplicate_member", f"`{name}` is both segment and measure")


def check_kinds(cubes: Mapping[str, Cube]) -> Iterator[Problem]:
    """Rows cannot depend on aggregates: a dimension or a filter may not use a measure (but for sub_query)."""
    for cube in cubes.values():
        members: list[Member] = [*cube.dimensions.values(), *cube.segments.values()]
        for member in members:
            if isinstance(member, Dimension) and (member.sub_query or member.multi_stage):
                continue
            for sql in snippets(member):
                yield from _measures_in(cubes, member, sql)
        for measure in cube.measures.values():
            for sql in measure.filters:
                yield from _measures_in(cubes, measure, sql)


def _measures_in(cubes: Mapping[str, Cube], member: Member, sql: Sql) -> Iterator[Problem]:
    for owner, name in mentioned(sql):
        if owner in cubes and name in cubes[owner].measures:
            message = f"uses the measure {owner}.{name}, which exists only after grouping; declare `sub_query: true`"
            if isinstance(member, Measure):
                message = f"filters by the measure {owner}.{name}, which exists only after grouping"
            yield Problem(sql.place.file, sql.place.line, member.full_name, "measure_in_row", message)


def check_non_additive(cubes: Mapping[str, Cube]) -> Iterator[Problem]:
    """What does not add up over time aggregates rows by a time of its own cube, and others use it only as it is."""
    for cube in cubes.values():
        for measure in cube.measures.values():
            if measure.non_additive is not None and measure.alias_of is None:
                yield from _check_non_additive(cube, measure, measure.non_additive)
            if _mixes(cubes, measure):
                message = "mixes a measure that has a non_additive_dimension with aggregates or columns of its own"
                advice = "; give these a measure, and combine measures only"
                yield _problem(measure, measure.full_name, "non_additive_dimension", message + advice)


def _check_non_additive(cube: Cube, measure: Measure, said: NonAdditive) -> Iterator[Problem]:
    wrong = []
    if cube.is_view or measure.type in _CALCULATED or measure.case or measure.multi_stage or measure.rolling_window:
        wrong.append(f"is only for measures of cubes that aggregate rows themselves, not for type {measure.type} here")
    for name in dict.fromkeys(said.members):
        owner, _, short = name.partition(".")
        found = cube.dimensions.get(short) if owner == cube.name else None
        if found is None or found.sub_query or found.multi_stage or found.type == "switch":
            wrong.append(f"`{name}` is not a dimension of the rows of {cube.name}")
        elif name == said.dimension and found.type != "time":
            wrong.append(f"`{name}` is of type {found.type}, and has to be a time")
    for message in wrong:
        prop = f"{measure.full_name}.meta.non_additive_dimension"
        yield Problem(said.place.file, said.place.line, prop, "non_additive_dimension", message)


def _mixes(cubes: Mapping[str, Cube], measure: Measure) -> bool:
    """Whether a measure that rests on a non-additive one cannot be computed from its results."""
    if measure.multi_stage or not any(_rests_on_one(cubes, name, frozenset()) for name in _referred(measure)):
        return False
    if measure.sql is None or measure.type not in _CALCULATED or measure.sql.tree.find(exp.AggFunc):
        return True
    references = (measure.sql.references.get(column.name) for column in measure.sql.tree.find_all(exp.Column))
    measures = {(cube.name, name) for cube in cubes.values() for name in cube.measures}
    return any(
        found is None or (found.kind == "member" and member_of(found.path) not in measures) for found in references
    )


def _referred(measure: Measure) -> set[tuple[str, str]]:
    return {name for sql in snippets(measure) for name in mentioned(sql)}


def _rests_on_one(cubes: Mapping[str, Cube], name: tuple[str, str], above: frozenset[tuple[str, str]]) -> bool:
    measure = cubes[name[0]].measures.get(name[1]) if name[0] in cubes else None
    if measure is None or name in above:
        return False
    inner = above | {name}
    return measure.non_additive is not None or any(_rests_on_one(cubes, other, inner) for other in _referred(measure))


def check_cycles(cubes: Mapping[str, Cube]) -> Iterator[Problem]:
    """A member may not be defined by itself."""
    done: set[str] = set()

    def visit(member: Member, above: tuple[str, ...]) -> Iterator[Problem]:
        if member.full_name in above:
            chain = " -> ".join((*above[above.index(member.full_name) :], member.full_name))
            yield _problem(member, member.full_name, "cycle", f"is defined by itself: {chain}")
            return
        if member.full_name in done:
            return
        if len(above) > 100:
            yield _problem(member, member.full_name, "cycle", "is defined over more than 100 other members")
            return
        for sql in snippets(member):
            for owner, name in mentioned(sql):
                found = cubes[owner].member(name) if owner in cubes else None
                if found is not None:
                    yield from visit(found, (*above, member.full_name))
        done.add(member.full_name)

    for cube in cubes.values():
        for member in (*cube.dimensions.values(), *cube.measures.values(), *cube.segments.values()):
            yield from visit(member, ())


def check_pre_aggregations(cubes: Mapping[str, Cube]) -> Iterator[Problem]:
    """What a pre-aggregation lists must be of the right kind, and its rollups must exist."""
    known = {f"{cube.name}.{p.name}" for cube in cubes.values() for p in cube.pre_aggregations}
    for cube in cubes.values():
        for rollup in cube.pre_aggregations:
            yield from _check_rollup(cubes, rollup)
            for name in rollup.rollups:
                if name not in known:
                    yield _rollup_problem(rollup, "unknown_rollup", f"there is no pre-aggregation `{name}`")


def _check_rollup(cubes: Mapping[str, Cube], rollup: PreAggregation) -> Iterator[Problem]:
    times = tuple(time.dimension for time in rollup.time_dimensions)
    lists: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("measures", rollup.measures),
        ("dimensions", (*rollup.dimensions, *times)),
        ("segments", rollup.segments),
    )
    for kind, names in lists:
        for name in names:
            owner, _, member = name.partition(".")
            found = cubes[owner].member(member.split(".")[0]) if owner in cubes else None
            if found is not None and member.split(".")[0] not in getattr(cubes[owner], kind):
                yield _rollup_problem(rollup, "member_kind", f"`{name}` is not one of the {kind}")


def _rollup_problem(rollup: PreAggregation, rule: str, message: str) -> Problem:
    return Problem(rollup.place.file, rollup.place.line, f"cubes.{rollup.cube}.{rollup.name}", rule, message)


def _problem(member: Member, prop: str, rule: str, message: str) -> Problem:
    return Problem(member.place.file, member.place.line, prop, rule, message)


def snippets(member: Member) -> Iterator[Sql]:
    """Every snippet that a member's value depends on."""
    if member.sql is not None:
        yield member.sql
    if isinstance(member, Measure):
        yield from member.filters
        yield from (sql for sql, _ in (member.multi_stage.order_by if member.multi_stage else ()))
    if isinstance(member, Dimension):
        yield from (sql for sql in (member.latitude, member.longitude) if sql is not None)
    if isinstance(member, (Dimension, Measure)) and member.case is not None:
        yield from case_snippets(member.case)


def case_snippets(case: Case) -> Iterator[Sql]:
    """Every snippet of a case."""
    if case.switch is not None:
        yield case.switch
    for branch in case.when:
        yield from (sql for sql in (branch.condition, branch.result) if isinstance(sql, Sql))
    if isinstance(case.otherwise, Sql):
        yield case.otherwise


def mentioned(sql: Sql) -> Iterator[tuple[str, str]]:
    """The members that a snippet names, as (cube, member)."""
    for reference in sql.references.values():
        if reference.kind == "member":
            yield member_of(reference.path)


def member_of(path: tuple[str, ...]) -> tuple[str, str]:
    """The cube and the member of a path without a granularity."""
    return path[-2], path[-1]


CHECKS: tuple[Check, ...] = (
    check_keys,
    check_names,
    check_kinds,
    check_non_additive,
    check_cycles,
    check_pre_aggregations,
)
