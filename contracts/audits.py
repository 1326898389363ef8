"""A contract as one query for its violations: what models are audited with before an environment sees them.

Freshness and volume are not among them: an audit sees the interval of a run, not the table.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

import ibis
import ibis.expr.types as ir

from contracts.base import Contract
from contracts.checks import orphans, repetitions
from contracts.rules import Relationship, RowRule, Rule, Severity, Unique

THIS_TABLE = "this_table"
"""Name of the audited table in what `violations_query` gives."""


def violations_query(
    contract: type[Contract], *, severity: Severity, targets: Collection[tuple[str, str]] = ()
) -> ir.Table:
    """The violations of that severity, with `rules` naming what is broken: "user_id.not_null rate.gt ".

    One row per row that breaks row rules, per repeated value of a key, per row that points nowhere. The table is an
    unbound one, THIS_TABLE; relationships are judged to the tables (layer, table) among `targets`.
    """
    table = ibis.table({column.name: column.dtype for column in contract.columns()}, name=THIS_TABLE)
    rules = [rule for rule in contract.rules() if rule.severity == severity]
    row_rules = [rule for rule in rules if isinstance(rule, RowRule)]
    found = [_broken_rows(table, row_rules)] if row_rules else []
    for rule in rules:
        if isinstance(rule, Unique):
            found.append(repetitions(table, rule.columns).select(rules=ibis.literal(_name(rule))))
        if isinstance(rule, Relationship) and (rule.target.layer, rule.target.table) in targets:
            found.append(_lost_rows(table, rule))
    if not found:
        return table.select(rules=ibis.literal("")).filter(False)
    return ibis.union(*found) if len(found) > 1 else found[0]


def violations_sql(
    contract: type[Contract],
    *,
    severity: Severity,
    targets: Collection[tuple[str, str]] = (),
    dialect: str = "bigquery",
) -> str:
    """`violations_query` as SQL, by default in the dialect of the models."""
    return _sql(contract, severity, frozenset(targets), dialect)


@cache
def _sql(contract: type[Contract], severity: Severity, targets: frozenset[tuple[str, str]], dialect: str) -> str:
    # a plan asks for the same audit many times: per interval, and again for its errors
    return str(ibis.to_sql(violations_query(contract, severity=severity, targets=targets), dialect=dialect))


def _broken_rows(table: ir.Table, rules: list[RowRule]) -> ir.Table:
    broken: list[Any] = [~rule.holds(table) for rule in rules]
    names: Any = ibis.literal("")
    for rule, is_broken in zip(rules, broken, strict=True):
        names = names + ibis.ifelse(is_broken, f"{_name(rule)} ", "")
    return table.filter(ibis.or_(*broken)).select(rules=names)


def _lost_rows(table: ir.Table, rule: Relationship) -> ir.Table:
    column, target = rule.columns[0], rule.target
    known = ibis.table({target.column: table[column].type()}, name=target.table, database=target.layer)
    return orphans(table, column, known, target.column).select(rules=ibis.literal(_name(rule)))


def _name(rule: Rule) -> str:
    return f"{','.join(rule.columns)}.{rule.name}"
