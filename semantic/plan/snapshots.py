"""Measures that do not add up over time: of each bucket of a query they take the rows of one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from semantic.datamodel.types import NonAdditive
from semantic.plan.members import Members
from semantic.plan.types import Group, Keys, Rows, Snapshot

Choice = tuple[str, str, tuple[str, ...]]
"""The time, `min` or `max`, and the groupings: measures that agree on it are computed together."""

# Rows that come twice do not change these.
INDIFFERENT = ("min", "max", "count_distinct", "count_distinct_approx")


def by_choice(leaves: Iterable[str], members: Members) -> Mapping[Choice, list[str]]:
    """The measures that do not add up over time, by the choice that they make."""
    found: dict[Choice, list[str]] = {}
    for leaf in leaves:
        said = members.measure(leaf).non_additive
        if said is not None:
            found.setdefault((said.dimension, said.choice, said.groupings), []).append(leaf)
    return found


def base_groups(said: NonAdditive, groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """What is known of each row: the query's groups, the moment, and what it is chosen for each value of."""
    moment = Group("moment", said.dimension, said.dimension, inner=True)
    values = (Group(f"within_{n}", name, name, inner=True) for n, name in enumerate(said.groupings, start=1))
    return (*groups, moment, *values)


def snapshot(said: NonAdditive, base: Rows | Keys, groups: tuple[Group, ...], members: Members) -> Snapshot:
    """The part over a base that has `base_groups`."""
    moment, groupings = base.groups[len(groups)], base.groups[len(groups) + 1 :]
    buckets = tuple(group for group in groups if _is_bucket(group, said, members))
    return Snapshot(replace(base, raw=True), base.measures, said.choice, moment, (*buckets, *groupings), groups)


def _is_bucket(group: Group, said: NonAdditive, members: Members) -> bool:
    """Whether a moment is chosen within each value of a group: of the very time, or of a calendar's."""
    of_calendar = members.model.cubes[group.target.partition(".")[0]].calendar
    return group.target == said.dimension or (of_calendar and group.granularity is not None)
