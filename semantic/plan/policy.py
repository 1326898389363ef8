"""Who may see what: hidden members, access policies, row filters and masks, settled before anything is planned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from semantic.datamodel.types import AccessPolicy, Cube, DataModel
from semantic.errors import HiddenMemberError, PlanError
from semantic.plan.build import Planner
from semantic.plan.callers import SecurityContext, applies, resolved
from semantic.plan.implied import is_implied
from semantic.plan.members import Members, references
from semantic.query.filter_dates import dated
from semantic.query.parse import zone_of
from semantic.query.types import Condition, Filter, Group, Query, SqlCondition

_DOCS = "https://cube.dev/docs/schema/reference/joins#setting-a-primary-key"


def admit(
    query: Query, planner: Planner, security_context: SecurityContext | None = None, *, visible_only: bool = True
) -> Query:
    """The query as this caller may ask it: row filters added, masked members named.

    A policy has to grant every member whose value the query takes up, also those that others are computed from; cubes
    that a view leads to are open to who may ask the view, but for their rows and masks.

    Raises HiddenMemberError for a member that the caller may not see; with `visible_only` also for members and cubes
    that are not public. A filter may be over a member that is not public, but never over one that a policy denies.
    """
    members = planner.members
    if visible_only:
        for name in selected(query):
            _check_public(name, members.model)
    if not members.has_policies:
        return query
    context = security_context or {}
    asked = (*selected(query), *_filtered(query))
    _check_sub_queries(asked, members, context)
    touched, cubes = _touched(query, asked, planner)
    through = _through_views(asked, members)
    guarded = [
        _Guarded(cube, tuple(policy for policy in cube.access_policy if applies(policy, context)), cube.name in through)
        for cube in (members.model.cubes[name] for name in cubes)
        if cube.access_policy
    ]
    masks: dict[str, Filter | None] = {}
    filters: list[Filter] = []
    for one in guarded:
        names = [name for name in touched if name.split(".")[0] == one.cube.name]
        filters += one.row_filters(names, asked, context)
        masks |= one.masks(names, context)
    zone, now = zone_of(query.timezone), query.now or datetime.now(UTC)
    masks = {name: where and dated(where, zone, now) for name, where in masks.items()}
    return _masked(replace(query, guards=_combined([dated(one, zone, now) for one in filters])), masks, members)


def _masked(query: Query, masks: Mapping[str, Filter | None], members: Members) -> Query:
    """The query with its masked members, but for those that its own filters leave only rows of on which they show."""
    shown = {name: where for name, where in masks.items() if where is not None}
    plain = {name for name, where in shown.items() if is_implied(where, query.filters)}
    conditions = tuple(
        (name, where)
        for name, where in shown.items()
        if name not in plain and _is_of_groups(name, where, query, members, masks)
    )
    return replace(query, masked=frozenset(masks) - plain, shown_where=conditions)


def selected(query: Query) -> tuple[str, ...]:
    """The members whose values a query returns, and its segments."""
    times = (time.dimension for time in query.time_dimensions)
    return (*query.measures, *query.dimensions, *times, *query.segments)


def _filtered(query: Query) -> tuple[str, ...]:
    return tuple(name for entry in query.filters for name in _members(entry))


def _members(entry: Filter) -> tuple[str, ...]:
    if isinstance(entry, Condition):
        return (entry.member,)
    if isinstance(entry, SqlCondition):
        return entry.members
    return tuple(name for child in entry.children for name in _members(child))


def _hidden(name: str) -> HiddenMemberError:
    message = (
        f"You requested hidden member: '{name}'. Please make it visible using `public: true`. Please note primaryKey "
        f"fields are `public: false` by default: {_DOCS}."
    )
    return HiddenMemberError(message, place=name, advice="ask a public view that includes it")


def _check_public(name: str, model: DataModel) -> None:
    member = model.member(name)
    if member is None or not member.public or not model.cubes[member.cube].public:
        raise _hidden(name)


# What a query touches


def _touched(query: Query, asked: Iterable[str], planner: Planner) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The members whose values a query takes up, those that its joins compare among them; and the cubes and views:
    rows of a cube stay guarded, whatever leads there."""
    members = planner.members
    found = dict.fromkeys(name for one in asked for name in members.touched(one))
    cubes = dict.fromkeys(name.split(".")[0] for name in found)
    hints = planner.hints_of(asked, query.join_hints)
    cubes |= dict.fromkeys(cube for hint in hints for cube in hint)
    try:
        tree = planner.tree(hints)
    except PlanError:
        # Several facts, each over joins of its own; or no query at all, which planning will say.
        return tuple(found), tuple(cube for cube in cubes if cube in members.model.cubes)
    for join in tree.joins:
        for path, member in references(join.sql):
            if member:
                found |= dict.fromkeys(members.touched(f"{path[-1]}.{member}"))
    cubes |= dict.fromkeys((*tree.cubes, *(name.split(".")[0] for name in found)))
    return tuple(found), tuple(cube for cube in cubes if cube in members.model.cubes)


def _through_views(asked: Iterable[str], members: Members) -> set[str]:
    """The cubes on the paths of the views that a query asks."""
    found: set[str] = set()
    for view in {name.split(".")[0] for name in asked}:
        cube = members.model.cubes[view]
        for member in (*cube.dimensions.values(), *cube.measures.values(), *cube.segments.values()):
            found.update(member.alias_of.cubes if member.alias_of is not None else ())
    return found


def _check_sub_queries(asked: Iterable[str], members: Members, context: SecurityContext) -> None:
    """Refuse a sub_query dimension over rows that this caller may see only in part: its sub-select has no filters."""
    for name in asked:
        for sub in members.dependencies(name).sub_queries:
            measure = members.sub_query_measure(sub)
            own = members.dimension(sub).cube
            for hint in members.dependencies(measure).hints:
                for cube in hint:
                    if cube != own and _is_limited(members.model.cubes[cube], context):
                        message = f"'{name}' sums up rows of '{cube}' that an access policy hides from you in part"
                        raise HiddenMemberError(message, place=name, advice="ask the measure itself instead")


def _is_limited(cube: Cube, context: SecurityContext) -> bool:
    if not cube.access_policy:
        return False
    granted = [policy for policy in cube.access_policy if applies(policy, context)]
    return not granted or all(map(_limits_rows, granted))


# Policies


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A cube or view with the policies that are for the caller. `through_view`: a view that is asked leads there."""

    cube: Cube
    policies: tuple[AccessPolicy, ...]
    through_view: bool

    def granting(self, name: str) -> list[AccessPolicy]:
        """The policies that let the caller see a member, masked or not."""
        return [p for p in self.policies if self.through_view or _shows(p, name) or _masks(p, name)]

    def row_filters(self, names: Iterable[str], asked: Iterable[str], context: SecurityContext) -> Iterator[Filter]:
        """For each member the rows of any policy that grants it; a query sees the rows that all its members leave.

        Raises HiddenMemberError for a member that no policy grants.
        """
        found: dict[Filter, None] = {}
        granting = {name: self.granting(name) for name in names} or {"": list(self.policies)}
        for name in (*(name for name in asked if name in granting), *granting):
            if not granting[name]:
                raise _hidden(name) if name in asked else self._denied(name)
        for policies in granting.values():
            if all(map(_limits_rows, policies)):
                found.setdefault(_either([_rows(policy, context) for policy in policies]))
        yield from found

    def _denied(self, name: str) -> HiddenMemberError:
        what = f"'{name}', which the query needs" if name else f"rows of '{self.cube.name}'"
        message = f"No access policy of '{self.cube.name}' lets you see {what}"
        advice = "include it in the member_level of a policy, or let a view include what is computed from it"
        return HiddenMemberError(message, place=name or self.cube.name, advice=advice)

    def masks(self, names: Iterable[str], context: SecurityContext) -> Iterator[tuple[str, Filter | None]]:
        """The members that no policy shows as they are on all rows and one masks, each with the rows on which a policy
        shows it (None: on none)."""
        for name in names:
            granting = self.granting(name)
            showing = [policy for policy in granting if _shows(policy, name)]
            if all(map(_limits_rows, showing)) and any(_masks(policy, name) for policy in granting):
                yield name, _either([_rows(policy, context) for policy in showing]) if showing else None


def _shows(policy: AccessPolicy, name: str) -> bool:
    return policy.member_level is None or policy.member_level.covers(name)


def _masks(policy: AccessPolicy, name: str) -> bool:
    return policy.member_masking is not None and policy.member_masking.covers(name)


def _limits_rows(policy: AccessPolicy) -> bool:
    return bool(policy.row_filters) and not policy.allow_all_rows


def _rows(policy: AccessPolicy, context: SecurityContext) -> Filter:
    return _every([resolved(entry, context) for entry in policy.row_filters])


def _every(filters: list[Filter]) -> Filter:
    return filters[0] if len(filters) == 1 else Group("and", tuple(filters))


def _either(filters: list[Filter]) -> Filter:
    return filters[0] if len(filters) == 1 else Group("or", tuple(filters))


def _combined(filters: list[Filter]) -> tuple[Filter, ...]:
    unique = list(dict.fromkeys(filters))
    return (_every(unique),) if unique else ()


def _is_of_groups(name: str, where: Filter, query: Query, members: Members, masks: Iterable[str]) -> bool:
    """Whether a masked member can be shown on some rows: a measure has one value for all rows of its group, so that
    only what the groups are by can decide."""
    if not members.is_measure(name) or query.ungrouped:
        return True
    groups = {members.target(dimension).full_name for dimension in query.dimensions}
    return {members.target(one).full_name for one in _members(where)} <= groups - set(masks)
