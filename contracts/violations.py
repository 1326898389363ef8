"""Row violations as Ibis expressions: which rows of a table as read keep its contract, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir

from contracts.base import Column, Contract
from contracts.casts import cast
from contracts.errors import ShapeError
from contracts.rules import Custom, NotNull, RowRule

REASONS, RULES = "reasons", "rules"
"""Columns that `split` adds to rejected rows."""
AS_READ = "as read: "
"""Before a column's name in `judge`: the value as it was read, as text."""

_MALFORMED = "malformed: "
_SHOWN_CHARACTERS = 80


class Split(NamedTuple):
    """The two halves of a table; each row of it is in exactly one."""

    accepted: ir.Table
    rejected: ir.Table


@dataclass(frozen=True)
class Violation:
    """A condition that is true for the rows that break a rule, and the sentence that says so."""

    rule: str
    is_broken: ir.BooleanValue
    reason: Any


def split(contract: type[Contract], table: ir.Table) -> Split:
    """Rows that keep the contract, in its types, and rows that do not, as they were read, with `reasons` and `rules`.

    `table` holds the columns of the contract (those that loading adds are not needed) as text or as near types, and any
    others, which both halves keep. Rules of severity warn reject nothing. `reasons` are sentences such as "rate gt: -1
    must be greater than 0" (without the value where the column is personal or secret), `rules` are names: "rate.gt".
    Raises ShapeError when columns are missing that are not optional.
    """
    columns = source_columns(contract, table)
    typed = _typed(columns, table)
    violations = _violations(contract, columns, typed)
    is_broken = ibis.or_(*(one.is_broken for one in violations))
    names = [column.name for column in columns]
    others = [name for name in table.columns if name not in names]
    accepted = typed.filter(~is_broken).select(*names, *others)
    as_read = {column.name: typed[AS_READ + column.name] for column in columns if column.name in table.columns}
    rejected = typed.filter(is_broken).select(
        **as_read,
        **{name: typed[name] for name in others},
        **{REASONS: _collect([(one.is_broken, one.reason) for one in violations])},
        **{RULES: _collect([(one.is_broken, ibis.literal(one.rule)) for one in violations])},
    )
    return Split(accepted, rejected)


def judge(contract: type[Contract], table: ir.Table) -> ir.Table:
    """Both halves of `split` in one table, so that a big input is read once.

    The contract's columns in its types, the others as they are, `reasons` and `rules` (NULL where the row keeps the
    contract), and every column of the contract that was read once more as text, under AS_READ + its name.
    """
    columns = source_columns(contract, table)
    typed = _typed(columns, table)
    violations = _violations(contract, columns, typed)
    is_broken = ibis.or_(*(one.is_broken for one in violations))
    reasons: Any = _collect([(one.is_broken, one.reason) for one in violations])
    rules: Any = _collect([(one.is_broken, ibis.literal(one.rule)) for one in violations])
    names = [name for name in typed.columns if not name.startswith(_MALFORMED)]
    return typed.select(
        *names, **{REASONS: ibis.ifelse(is_broken, reasons, None), RULES: ibis.ifelse(is_broken, rules, None)}
    )


def source_columns(contract: type[Contract], table: ir.Table) -> tuple[Column, ...]:
    """The contract's columns that a file or source must have; ShapeError names those it lacks."""
    columns = tuple(column for column in contract.columns() if not column.is_metadata)
    missing = [column.name for column in columns if not column.optional and column.name not in table.columns]
    if missing:
        raise ShapeError(
            f"{contract.terms().name} {contract.terms().version}: missing column{'s' * (len(missing) > 1)} "
            f"{', '.join(missing)}; the table has {', '.join(table.columns)}"
        )
    return columns


def _typed(columns: tuple[Column, ...], table: ir.Table) -> ir.Table:
    """The table with each column typed, as read, and whether its cast failed."""
    selected: dict[str, Any] = {name: table[name] for name in table.columns}
    for column in columns:
        if column.name not in table.columns:
            selected[column.name] = ibis.null(column.dtype)
            continue
        value, is_malformed = cast(table[column.name], column)
        selected[column.name] = value
        selected[_MALFORMED + column.name] = is_malformed
        selected[AS_READ + column.name] = table[column.name].cast("string")
    return table.select(**selected)


def _violations(contract: type[Contract], columns: tuple[Column, ...], typed: ir.Table) -> list[Violation]:
    by_name = {column.name: column for column in columns}
    violations = [
        Violation(
            f"{column.name}.type", typed[_MALFORMED + column.name], _reason(column, "type", _not_a(column), typed)
        )
        for column in columns
        if _MALFORMED + column.name in typed.columns
    ]
    for rule in contract.row_rules():
        if rule.severity == "error" and set(rule.columns) <= set(by_name):
            violations.append(_violation(rule, by_name, typed))
    return violations


def _violation(rule: RowRule, columns: dict[str, Column], typed: ir.Table) -> Violation:
    is_broken: Any = ~rule.holds(typed)
    if isinstance(rule, Custom):
        return Violation(rule.name, is_broken.fill_null(False), ibis.literal(f"{rule.name}: {rule.text}"))
    column = columns[rule.column]
    if isinstance(rule, NotNull):
        # a value that could not be cast is malformed, and not missing as well
        if _MALFORMED + column.name in typed.columns:
            is_broken = is_broken & ~typed[_MALFORMED + column.name]
        return Violation(f"{column.name}.not_null", is_broken, ibis.literal(f"{column.name} not_null: {rule.text}"))
    return Violation(
        f"{column.name}.{rule.name}", is_broken.fill_null(False), _reason(column, rule.name, rule.text, typed)
    )


def _not_a(column: Column) -> str:
    return f"is not {column.type.sql_name}"


def _reason(column: Column, rule: str, text: str, typed: ir.Table) -> Any:
    """`rate gt: -0.5 must be greater than 0`, or without the value where it is personal."""
    start = f"{column.name} {rule}: "
    if column.sensitivity in ("personal", "secret") or AS_READ + column.name not in typed.columns:
        return ibis.literal(f"{start}a value {text}")
    value: Any = typed[AS_READ + column.name]
    return ibis.literal(start) + value.substr(0, _SHOWN_CHARACTERS) + ibis.literal(f" {text}")


def _collect(broken: list[tuple[ir.BooleanValue, Any]]) -> ir.Value:
    """The texts whose condition is true, as an array."""
    texts = [ibis.ifelse(condition, text, ibis.null("string")) for condition, text in broken]
    collected: Any = ibis.array(texts)
    result: ir.Value = collected.filter(lambda text: text.notnull())
    return result
