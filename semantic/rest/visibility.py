"""Which members `/meta` shows to a caller."""

from __future__ import annotations

from collections.abc import Mapping

from semantic.datamodel.types import AccessPolicy, DataModel, Member
from semantic.rest.meta import Visible

EVERYBODY = "*"


def visible_to(model: DataModel, context: Mapping[str, object]) -> Visible:
    """A test for members: public, and granted by an access policy of one of the caller's groups where there is one."""
    groups = {EVERYBODY, *_groups(context)}

    def visible(member: Member) -> bool:
        policies = model.cubes[member.cube].access_policy
        granting = [one for one in policies if groups & set(one.groups)]
        return member.public and (not policies or any(_grants(one, member) for one in granting))

    return visible


def _groups(context: Mapping[str, object]) -> list[str]:
    groups = context.get("groups")
    return [str(one) for one in groups] if isinstance(groups, list | tuple) else []


def _grants(policy: AccessPolicy, member: Member) -> bool:
    selections = [one for one in (policy.member_level, policy.member_masking) if one is not None]
    return not selections or any(one.covers(member.full_name) for one in selections)
