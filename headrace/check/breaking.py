"""The project against an older revision: what changed, what that breaks, and which measures it reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from contracts.base import Contract
from contracts.changes import Change, Revision, compare, faults, revision
from headrace.check.findings import Finding
from headrace.check.members import Columns, bare_column
from headrace.check.places import Place, place_of
from headrace.lineage.build import members
from headrace.lineage.graph import Graph
from semantic.datamodel.types import DataModel, Dimension, Measure, Member


@dataclass(frozen=True)
class Lineage:
    """The lineage of both revisions, each built only when a break asks for it."""

    newer: Callable[[], Graph]
    older: Callable[[], Graph]

    def measures_reached(self, columns: Sequence[str]) -> tuple[str, ...]:
        """What the columns reach now; for those that are gone, what they reached in the older revision."""
        newer = self.newer()
        gone = [column for column in columns if column not in newer.nodes]
        names = newer.measures_reached(column for column in columns if column in newer.nodes)
        return tuple(sorted({*names, *(self.older().measures_reached(gone) if gone else ())}))


def check_changes(
    contracts: Sequence[type[Contract]], before: Revision, lineage: Lineage, *, root: Path, today: date
) -> Iterator[Finding]:
    """A finding per change: error when it is not admitted, else a note."""
    after = revision(contract.statement() for contract in contracts)
    changes = compare(before, after)
    places = {contract.terms().name: contract for contract in contracts}
    reaches = _reaches(changes, before, lineage)
    refused = faults(before, after, changes, today)
    for fault in refused:
        place = _place(places, fault.change, root)
        reach = reaches.get(fault.change, ())
        yield Finding(fault.rule, "error", _subject(fault.change), fault.text, *place, reach=reach)
    told = {fault.change for fault in refused}
    for change in changes:
        if change not in told:
            place = _place(places, change, root)
            rule = "breaking" if change.is_breaking else "version"
            kind = "breaking, and announced" if change.is_breaking else f"a {change.bump.name.lower()} change"
            message = f"{change.message} ({kind})" if change.bump else change.message
            yield Finding(rule, "note", _subject(change), message, *place, reach=reaches.get(change, ()))


def check_retired(contracts: Sequence[type[Contract]], *, root: Path, today: date) -> Iterator[Finding]:
    """Deprecated columns whose date has passed and that are still there."""
    for contract in contracts:
        for column in contract.columns():
            if column.deprecated and column.deprecated.removed_on <= today:
                message = (
                    f"{contract.terms().name}.{column.name} was to go on {column.deprecated.removed_on}; remove it, "
                    "or move the date"
                )
                place = place_of(contract, root, column.name)
                yield Finding("retired-past", "warning", f"{contract.terms().name}.{column.name}", message, *place)


def check_public_members(old: DataModel, new: DataModel, *, folder: str) -> Iterator[Finding]:
    """Public members of views that are gone or of another type, unless `meta.deprecated` announced it before."""
    for view in (cube for cube in old.cubes.values() if cube.is_view and cube.public):
        for member in members(view):
            if not member.public or member.meta.get("deprecated"):
                continue
            now = new.member(member.full_name)
            if now is None or not (now.public and new.cubes[view.name].public):
                change = "removed: it is gone" if now is None else "removed: it is private now"
            elif _type_of(now) != _type_of(member):
                change = f"retyped: was {_type_of(member)}, is {_type_of(now)}"
            else:
                continue
            message = f"{member.full_name} {change}; announce it in a revision before: `meta: {{deprecated: ...}}`"
            place = now.place if now else member.place
            reach = (member.full_name,) if isinstance(member, Measure) else ()
            yield Finding("breaking", "error", member.full_name, message, f"{folder}/{place.file}", place.line, reach)


def _type_of(member: Member) -> str:
    if isinstance(member, Measure):
        return "time" if member.type == "time" else "text" if member.type == "string" else "measure"
    return member.type if isinstance(member, Dimension) else "segment"


def check_descriptions(
    old: DataModel, new: DataModel, before: Revision, columns: Columns, *, folder: str
) -> Iterator[Finding]:
    """Members that kept their description while that of their column changed."""
    known = {table: {one.name: one for one in statement.columns} for table, statement in before.items()}
    for cube in new.cubes.values():
        for member in members(cube):
            earlier = old.member(member.full_name)
            was = bare_column(old, old.cubes[cube.name], earlier, known) if earlier else None
            now = bare_column(new, cube, member, columns)
            if not (was and now and earlier) or was.description == now.description:
                continue
            if earlier.description == member.description and member.description:
                message = (
                    f"{member.full_name} is still described as {member.description!r}, but its column {now.name} "
                    f"is now {now.description!r}"
                )
                place = (f"{folder}/{member.place.file}", member.place.line)
                yield Finding("member-stale", "warning", member.full_name, message, *place)


def _reaches(changes: Sequence[Change], before: Revision, lineage: Lineage) -> Mapping[Change, tuple[str, ...]]:
    reaches = {}
    for change in changes:
        if change.is_breaking:
            columns = change.columns or tuple(column.name for column in before[change.table].columns)
            reaches[change] = lineage.measures_reached([f"{change.table}.{column}" for column in columns])
    return reaches


def _place(contracts: Mapping[str, type[Contract]], change: Change, root: Path) -> Place:
    if change.table not in contracts:
        return Place("contracts", 1)
    return place_of(contracts[change.table], root, change.columns[0] if change.columns else None)


def _subject(change: Change) -> str:
    return ".".join((change.table, *change.columns[:1]))
