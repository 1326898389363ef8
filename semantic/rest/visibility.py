"""Which members `/meta` shows to a caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from semantic.datamodel.types import AccessPolicy, DataModel, Member
from semantic.plan.callers import applies
from semantic.rest.meta import Visible


def visible_to(model: DataModel, context: Mapping[str, Any]) -> Visible:
    """A test for members: public, and granted by an access policy that is for the caller, where the cube has any."""

    def visible(member: Member) -> bool:
        policies = model.cubes[member.cube].access_policy
        granting = [one for one in policies if applies(one, context)]
        return member.public and (not policies or any(_grants(one, member) for one in granting))

    return visible


def _grants(policy: AccessPolicy, member: Member) -> bool:
    selections = [one for one in (policy.member_level, policy.member_masking) if one is not None]
    return not selections or any(one.covers(member.full_name) for one in selections)
