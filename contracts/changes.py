"""Compares contracts of two revisions: what changed, whether it breaks somebody, and which version that asks for.

A change is breaking when data that was valid is valid no longer (narrowed, retyped, newly required), when what
consumers read is gone or means something else (removed, renamed, key, unit), or when a table that others read starts to
have NULLs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Any, Literal

from contracts.base import Column, Deprecation, Statement
from contracts.rules import Custom, Limit, MaxLength, NotNull, OneOf, Pattern, Relationship, Rule, Unique


class Bump(IntEnum):
    """How much a version must rise: the place of 1.0.0 that changes."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


@dataclass(frozen=True)
class Change:
    """One difference between two revisions of a contract; `columns` are named as in the older one where it had them."""

    table: str
    kind: str
    columns: tuple[str, ...]
    text: str
    bump: Bump

    @property
    def is_breaking(self) -> bool:
        """Whether somebody who relied on the older revision is let down."""
        return self.bump is Bump.MAJOR

    @property
    def message(self) -> str:
        """`core.events.rate retyped: was FLOAT64, is STRING`"""
        return f"{'.'.join((self.table, *self.columns[:1]))} {self.kind}: {self.text}"


@dataclass(frozen=True)
class Fault:
    """A change that its contract's version does not admit, or (breaking) no deprecation announced, and what to do."""

    rule: Literal["version", "breaking"]
    change: Change
    text: str


Revision = Mapping[str, Statement]
"""The contracts of a revision, by layer.table."""


def revision(statements: Iterable[Statement]) -> Revision:
    """Statements by table."""
    return {statement.terms.name: statement for statement in statements}


def compare(before: Revision, after: Revision) -> tuple[Change, ...]:
    """Every difference, table by table, in the order of their names."""
    changes: list[Change] = []
    for table in sorted({*before, *after}):
        if table not in after:
            changes.append(Change(table, "removed", (), "the table has no contract any more", Bump.MAJOR))
        elif table not in before:
            changes.append(Change(table, "added", (), "a new table", Bump.NONE))
        else:
            changes += _compare(before[table], after[table])
    return tuple(changes)


def faults(before: Revision, after: Revision, changes: Sequence[Change], today: date) -> tuple[Fault, ...]:
    """What keeps the changes from being admitted: too small a version, or a break without a deprecation."""
    found: list[Fault] = []
    for table in dict.fromkeys(change.table for change in changes):
        own = [change for change in changes if change.table == table]
        if table in before and table in after:
            found += _version_faults(before[table], after[table], own)
        found += [
            fault for change in own if change.is_breaking for fault in _deprecation_faults(before, after, change, today)
        ]
    return tuple(found)


def required_version(version: str, bump: Bump) -> str:
    """The least version after a change: ("1.4.2", MINOR) -> "1.5.0"."""
    parts = _parts(version)
    if bump is Bump.NONE:
        return version
    place = 3 - bump
    raised = [*parts[:place], parts[place] + 1, 0, 0]
    return ".".join(str(part) for part in raised[:3])


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _version_faults(before: Statement, after: Statement, changes: Sequence[Change]) -> Iterator[Fault]:
    old, new = before.terms.version, after.terms.version
    weightiest = max(changes, key=lambda change: change.bump)
    least = required_version(old, weightiest.bump)
    if _parts(new) < _parts(least):
        yield Fault(
            "version",
            weightiest,
            f"{weightiest.message}; a {weightiest.bump.name.lower()} change since {old}: "
            f"version {new} must be at least {least}",
        )


def _deprecation_faults(before: Revision, after: Revision, change: Change, today: date) -> Iterator[Fault]:
    """A break must have been announced: by a deprecation that has run out, or by `retired` in the newer contract."""
    old, new = before[change.table], after.get(change.table)
    announced = _announcements(old, new, change)
    if not announced:
        what = f'retired={{"{change.columns[0]}": ' if change.columns else "deprecated="
        yield Fault(
            "breaking",
            change,
            f"{change.message}; announce it: `deprecated=Deprecation(...)` until its date, or, in the new version, "
            f"`{what}Deprecation(removed_on, use){'}' * bool(change.columns)}`",
        )
    elif change.kind == "removed" and min(announced, key=lambda one: one.removed_on).removed_on > today:
        ends = min(one.removed_on for one in announced)
        yield Fault("breaking", change, f"{change.message}; it was promised until {ends}: keep it till then")


def _announcements(old: Statement, new: Statement | None, change: Change) -> list[Deprecation]:
    if not change.columns:
        return [old.terms.deprecated] if old.terms.deprecated else []
    found = [column.deprecated for column in old.columns if column.name in change.columns and column.deprecated]
    if new:
        found += [deprecation for name, deprecation in new.terms.retired if name in change.columns]
    return found


def _compare(before: Statement, after: Statement) -> Iterator[Change]:
    table = before.terms.name
    yield from _compare_terms(before, after)
    old = {column.name: column for column in before.columns}
    new = {column.name: column for column in after.columns}
    renamed = _renamed(old, new)
    for name, column in old.items():
        if name in new:
            yield from _compare_columns(table, column, new[name], is_read=before.terms.layer != "raw")
        elif name in renamed:
            yield Change(table, "renamed", (name,), f"is now {renamed[name]}", Bump.MAJOR)
        else:
            yield Change(table, "removed", (name,), "the column is gone", Bump.MAJOR)
    for name, column in new.items():
        if name not in old and name not in renamed.values():
            yield _added(table, before.terms.layer, column)
    yield from _compare_rules(table, before, after, {name for name in old if name in new})


def _added(table: str, layer: str, column: Column) -> Change:
    if layer == "raw" and not column.optional:
        return Change(table, "required", (column.name,), "a new column that every file must have", Bump.MAJOR)
    return Change(table, "added", (column.name,), "a new column", Bump.MINOR)


def _renamed(old: Mapping[str, Column], new: Mapping[str, Column]) -> dict[str, str]:
    """Columns that went and came back under another name: same type and description, and only one such."""
    gone = [column for name, column in old.items() if name not in new]
    come = [column for name, column in new.items() if name not in old]
    renamed: dict[str, str] = {}
    for column in gone:
        alike = [one for one in come if (one.type, one.description) == (column.type, column.description)]
        if len(alike) == 1 and alike[0].name not in renamed.values():
            renamed[column.name] = alike[0].name
    return renamed


def _compare_terms(before: Statement, after: Statement) -> Iterator[Change]:
    old, new = before.terms, after.terms
    if old.key != new.key:
        yield Change(old.name, "key", old.key, f"was {', '.join(old.key)}, is {', '.join(new.key)}", Bump.MAJOR)
    if _grain(old.description) != _grain(new.description):
        yield Change(old.name, "described", (), f"the grain now reads: {_grain(new.description)}", Bump.MINOR)
    elif old.description != new.description:
        yield Change(old.name, "described", (), "the description changed", Bump.PATCH)
    if old.owner != new.owner:
        yield Change(old.name, "owner", (), f"was {old.owner}, is {new.owner}", Bump.PATCH)
    if new.deprecated and old.deprecated != new.deprecated:
        yield Change(
            old.name, "deprecated", (), f"goes on {new.deprecated.removed_on}: {new.deprecated.use}", Bump.MINOR
        )
    if (old.freshness, old.rows) != (new.freshness, new.rows):
        yield Change(old.name, "expected", (), "freshness or row limits changed", Bump.MINOR)


def _grain(description: str) -> str:
    return description.split(".")[0]


def _compare_columns(table: str, old: Column, new: Column, *, is_read: bool) -> Iterator[Change]:
    at = (old.name,)
    if old.type is not new.type:
        yield Change(table, "retyped", at, f"was {old.type.sql_name}, is {new.type.sql_name}", Bump.MAJOR)
    if old.nullable and not new.nullable:
        yield Change(table, "required", at, "may not be NULL any more", Bump.MINOR if is_read else Bump.MAJOR)
    if new.nullable and not old.nullable:
        yield Change(table, "nullable", at, "may be NULL now", Bump.MAJOR if is_read else Bump.MINOR)
    if old.optional and not new.optional:
        yield Change(table, "required", at, "files must have it now", Bump.MAJOR)
    if new.optional and not old.optional:
        yield Change(table, "optional", at, "files may lack it now", Bump.MINOR)
    if old.unit != new.unit:
        yield Change(
            table, "unit", at, f"was {old.unit or 'not stated'}, is {new.unit or 'not stated'}", _unit_bump(old)
        )
    if new.deprecated and old.deprecated != new.deprecated:
        yield Change(table, "deprecated", at, f"goes on {new.deprecated.removed_on}: {new.deprecated.use}", Bump.MINOR)
    if old.sensitivity != new.sensitivity:
        yield Change(table, "sensitivity", at, f"was {old.sensitivity}, is {new.sensitivity}", Bump.MINOR)
    if old.description != new.description:
        yield Change(table, "described", at, "the description changed", Bump.PATCH)


def _unit_bump(old: Column) -> Bump:
    # to state the unit of what had none tells more and changes nothing
    return Bump.MAJOR if old.unit else Bump.MINOR


def _compare_rules(table: str, before: Statement, after: Statement, shared: set[str]) -> Iterator[Change]:
    """Rules on columns that both revisions have; keys and nullability are told elsewhere."""
    old = {_rule_key(rule): rule for rule in _limits(before, shared)}
    new = {_rule_key(rule): rule for rule in _limits(after, shared)}
    for key, rule in new.items():
        yield from _compare_rule(table, old.get(key), rule)
    for key, rule in old.items():
        if key not in new:
            yield Change(table, "widened", rule.columns, f"{rule.name} is gone: {rule.text}", Bump.MINOR)


def _limits(statement: Statement, shared: set[str]) -> list[Rule]:
    keys = (statement.terms.key,)
    return [
        rule
        for rule in statement.rules
        if rule.columns
        and (set(rule.columns) <= shared or isinstance(rule, Custom))
        and isinstance(rule, (Limit, OneOf, Pattern, MaxLength, Relationship, Custom, Unique))
        and not (isinstance(rule, Unique) and rule.columns in keys)
        and not isinstance(rule, NotNull)
    ]


def _rule_key(rule: Rule) -> tuple[Any, ...]:
    return (rule.name,) if isinstance(rule, Custom) else (rule.name, rule.columns)


def _compare_rule(table: str, old: Rule | None, new: Rule) -> Iterator[Change]:
    at = new.columns
    if old is None:
        bump = Bump.MAJOR if new.severity == "error" else Bump.MINOR
        yield Change(table, "narrowed", at, f"{new.name} is new: {new.text}", bump)
        return
    if old.severity != new.severity:
        bump = Bump.MAJOR if new.severity == "error" else Bump.MINOR
        yield Change(
            table, "narrowed" if bump is Bump.MAJOR else "widened", at, f"{new.name} is now {new.severity}", bump
        )
    direction = _direction(old, new)
    if direction:
        is_narrower = direction == "narrowed" and new.severity == "error"
        yield Change(
            table, direction, at, f"{new.name} {old.text}, now {new.text}", Bump.MAJOR if is_narrower else Bump.MINOR
        )


def _direction(old: Rule, new: Rule) -> str | None:
    """Whether a limit was narrowed or widened; what cannot be told is taken for narrowed."""
    if isinstance(old, Limit) and isinstance(new, Limit):
        low, high = (old.bound, new.bound) if old.comparison in ("ge", "gt") else (new.bound, old.bound)
        return None if low == high else "narrowed" if low < high else "widened"  # type: ignore[operator]
    if isinstance(old, OneOf) and isinstance(new, OneOf):
        if set(old.values) == set(new.values):
            return None
        return "widened" if set(old.values) <= set(new.values) else "narrowed"
    if isinstance(old, MaxLength) and isinstance(new, MaxLength):
        return None if old.length == new.length else "narrowed" if new.length < old.length else "widened"
    if isinstance(old, Custom) and isinstance(new, Custom):
        return None if old.sql == new.sql else "narrowed"
    return None if old.text == new.text else "narrowed"
