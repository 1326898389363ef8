"""What an access policy says of its caller: conditions and values over the security context."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from semantic.datamodel.types import AccessPolicy, PolicyFilter
from semantic.errors import HiddenMemberError, PlanError
from semantic.query.types import Condition, Filter, Group
from semantic.sql.parameters import context_value

SecurityContext = Mapping[str, Any]


def applies(policy: AccessPolicy, context: SecurityContext) -> bool:
    """Whether a policy is for this caller: one of his groups, and every condition true."""
    groups = context.get("groups") or ()
    member_of = {groups} if isinstance(groups, str) else set(groups)
    if "*" not in policy.groups and not member_of & set(policy.groups):
        return False
    return all(bool(evaluate(condition, context)) for condition in policy.conditions)


def resolved(entry: PolicyFilter, context: SecurityContext) -> Filter:
    """A policy's filter with the values that it has for this caller."""
    if entry.connector is not None:
        return Group(entry.connector, tuple(resolved(child, context) for child in entry.children))
    values: list[str | None] = []
    for value in entry.values:
        found = resolve(value, context)
        several = found if isinstance(found, (list, tuple, set, frozenset)) else (found,)
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
