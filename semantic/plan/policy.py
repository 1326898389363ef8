"""Who may see what: hidden members, access policies, row filters and masks, settled before anything is planned."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from semantic.datamodel.types import AccessPolicy, Cube, DataModel, PolicyFilter
from semantic.errors import HiddenMemberError, PlanError
from semantic.plan.members import Members
from semantic.query.types import Condition, Filter, Group, Query, SqlCondition
from semantic.sql.parameters import context_value

SecurityContext = Mapping[str, Any]
_DOCS = "https://cube.dev/docs/schema/reference/joins#setting-a-primary-key"


def admit(
    query: Query, members: Members, security_context: SecurityContext | None = None, *, visible_only: bool = True
) -> Query:
    """The query as this caller may ask it: row filters added, masked members named.

    Raises HiddenMemberError for a member that the caller may not see; with `visible_only` also for members and cubes
    that are not public. A filter may be over a member that is not public, but never over one that a policy denies.
    """
    model = members.model
    if visible_only:
        for name in selected(query):
            _check_public(name, model)
    if not members.has_policies:
        return query
    context = security_context or {}
    guarded = [model.cubes[name] for name in _cubes(query, members) if model.cubes[name].access_policy]
    _check_sub_queries(query, members, context)
    if not guarded:
        return query
    masked: set[str] = set()
    filters: list[Filter] = []
    for cube in guarded:
        granted = [policy for policy in cube.access_policy if applies(policy, context)]
        asked = [name for name in (*selected(query), *_filtered(query)) if name.split(".")[0] == cube.name]
        masked.update(_check_members(granted, asked, set(_filtered(query))))
        filters += _row_filters(cube, granted, asked, context)
    filters = list(dict.fromkeys(filters))
    return replace(query, guards=tuple(filters), masked=frozenset(masked))


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


def _cubes(query: Query, members: Members) -> tuple[str, ...]:
    """The views and cubes that a query touches: rows of a cube stay guarded, whatever leads there."""
    found: dict[str, None] = {}
    for name in (*selected(query), *_filtered(query)):
        found.setdefault(name.split(".")[0])
        for hint in members.dependencies(name).hints:
            found.update(dict.fromkeys(hint))
    return tuple(cube for cube in found if cube in members.model.cubes)


def _check_sub_queries(query: Query, members: Members, context: SecurityContext) -> None:
    """Refuse a sub_query dimension over rows that this caller may see only in part: its sub-select has no filters."""
    for name in (*selected(query), *_filtered(query)):
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
    return not granted or all(policy.row_filters and not policy.allow_all_rows for policy in granted)


# Policies


def applies(policy: AccessPolicy, context: SecurityContext) -> bool:
    """Whether a policy is for this caller: one of his groups, and every condition true."""
    groups = context.get("groups") or ()
    member_of = {groups} if isinstance(groups, str) else set(groups)
    if "*" not in policy.groups and not member_of & set(policy.groups):
        return False
    return all(bool(evaluate(condition, context)) for condition in policy.conditions)


def _check_members(granted: Iterable[AccessPolicy], asked: Iterable[str], filtered: set[str]) -> set[str]:
    """The members to mask. Raises for one that no policy lets the caller see."""
    masked = set()
    policies = list(granted)
    for name in asked:
        if any(policy.member_level is None or policy.member_level.covers(name) for policy in policies):
            continue
        masks = any(policy.member_masking is not None and policy.member_masking.covers(name) for policy in policies)
        # A filter over a masked member would tell what the mask hides.
        if not masks or name in filtered:
            raise _hidden(name)
        masked.add(name)
    return masked


def _row_filters(
    cube: Cube, granted: Iterable[AccessPolicy], asked: Iterable[str], context: SecurityContext
) -> list[Filter]:
    """Rows that any policy which grants the asked members lets through."""
    names = list(asked)
    granting = [policy for policy in granted if _grants_all(policy, names)]
    if any(policy.allow_all_rows or not policy.row_filters for policy in granting):
        return []
    alternatives: list[Filter] = []
    for policy in granting:
        filters = tuple(_filter(entry, context) for entry in policy.row_filters)
        alternatives.append(filters[0] if len(filters) == 1 else Group("and", filters))
    if not alternatives:
        message = f"No access policy of '{cube.name}' lets you ask these members together: {', '.join(names)}"
        raise HiddenMemberError(message, place=cube.name, advice="ask them separately, or ask for another group")
    return alternatives if len(alternatives) == 1 else [Group("or", tuple(alternatives))]


def _grants_all(policy: AccessPolicy, names: Iterable[str]) -> bool:
    level, masks = policy.member_level, policy.member_masking
    return level is None or all(level.covers(name) or (masks is not None and masks.covers(name)) for name in names)


def _filter(entry: PolicyFilter, context: SecurityContext) -> Filter:
    if entry.connector is not None:
        return Group(entry.connector, tuple(_filter(child, context) for child in entry.children))
    values: list[str | None] = []
    for value in entry.values:
        resolved = resolve(value, context)
        several = resolved if isinstance(resolved, (list, tuple, set, frozenset)) else (resolved,)
        values += [_text(item) for item in several]
    if not values and entry.operator not in ("set", "notSet"):
        message = f"The access policy's filter on '{entry.member}' has no values for this security context"
        raise HiddenMemberError(message, place=entry.member, advice="put the values into the token")
    return Condition(entry.member, entry.operator, tuple(values))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


# Expressions over the security context

_ROOTS = ("security_context", "securityContext", "SECURITY_CONTEXT", "user_attributes", "userAttributes")
_BRACED = re.compile(r"\{([^{}]*)\}")
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right, ast.NotIn: lambda left, right: left not in right,
}  # fmt: skip


def resolve(value: Any, context: SecurityContext) -> Any:
    """A policy's value: `{ securityContext.region }` is looked up, text around it is kept, anything else is itself."""
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\s*\{([^{}]*)\}\s*", value)
    if whole is not None:
        return _value(_parsed(whole[1]), context, strict=True)
    return _BRACED.sub(lambda match: str(_value(_parsed(match[1]), context, strict=True)), value)


def evaluate(condition: str, context: SecurityContext) -> Any:
    """A condition's value; what the security context lacks is None."""
    if condition.strip().lower() in ("true", "false"):
        return condition.strip().lower() == "true"
    whole = re.fullmatch(r"\s*\{(.*)\}\s*", condition, re.DOTALL)
    try:
        return _value(_parsed(whole[1] if whole else condition), context, strict=False)
    except TypeError:
        # Values of the token that cannot be compared so do not meet the condition.
        return False


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        raise _not_understood(text) from None


def _not_understood(text: str) -> PlanError:
    advice = "use names, literals, comparisons, and, or, not"
    return PlanError(f"`{text}` of an access policy is not understood", place=text, advice=advice, code="policy")


def _value(node: ast.expr, context: SecurityContext, *, strict: bool) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return [_value(item, context, strict=strict) for item in node.elts]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _value(node.operand, context, strict=strict)
    if isinstance(node, ast.BoolOp):
        found = (_value(item, context, strict=strict) for item in node.values)
        return all(found) if isinstance(node.op, ast.And) else any(found)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left = _value(node.left, context, strict=strict)
        right = _value(node.comparators[0], context, strict=strict)
        return _COMPARE[type(node.ops[0])](left, right)
    return _looked_up(node, context, strict=strict)


def _looked_up(node: ast.expr, context: SecurityContext, *, strict: bool) -> Any:
    keys: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            keys.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            keys.append(str(node.slice.value))
            node = node.value
        else:
            break
    if not isinstance(node, ast.Name) or (node.id not in _ROOTS and node.id not in ("true", "false", "null")):
        raise _not_understood(ast.unparse(node))
    if node.id in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[node.id]
    path = tuple(reversed(keys))
    if strict:
        return context_value(path, context)
    value: Any = context
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
