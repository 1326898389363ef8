"""Checks a typed table against its contract: every rule, among them uniqueness, relationships, freshness and volume.

All row rules, the number of rows and the newest value are one aggregation; a unique key and a relationship are one
query each. Only a rule that fails costs another query, for its examples.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import ibis.expr.types as ir

from contracts.base import Contract
from contracts.rules import Recent, Relationship, RowRule, Rule, Severity, Unique, Volume
from contracts.types import comparable

Related = Callable[[str, str], ir.Table | None]
"""Gives a table by layer and name, or None where it does not exist."""

EXAMPLES = 3


@dataclass(frozen=True)
class RuleResult:
    """What one rule found in one table. `rows_failing` is 1 for rules on the table as a whole when they fail."""

    layer: str
    table: str
    version: str
    rule: str
    columns: tuple[str, ...]
    severity: Severity
    rows_checked: int
    rows_failing: int
    text: str
    sample: str | None = None

    @property
    def is_passed(self) -> bool:
        """Whether the rule holds."""
        return self.rows_failing == 0

    @property
    def message(self) -> str:
        """One line that names table, column, rule, count and example."""
        column = f".{','.join(self.columns)}" if self.columns else ""
        start = f"{self.layer}.{self.table}{column} {self.rule}: {self.text}"
        if self.rule in ("column", "type", "table"):
            return start
        if self.rule in (Recent.kind, Volume.kind):
            return f"{start}, but has {self.sample}"
        example = f", for example {self.sample}" if self.sample else ""
        return f"{start}: {self.rows_failing:,} of {self.rows_checked:,} rows{example}"


def check_table(
    contract: type[Contract], table: ir.Table, *, now: datetime, related: Related
) -> tuple[RuleResult, ...]:
    """Every rule of the contract on the table, which is bound to a backend.

    A column that is missing or of another type is a failed rule `column` or `type`, and the rules on it are left out.
    """
    wrong_columns = _shape_results(contract, table)
    unusable = {name for result in wrong_columns for name in result.columns}
    rules = [rule for rule in contract.rules() if not unusable & set(rule.columns)]
    subject = _Subject(contract, table, _figures(table, rules), now, related)
    return (
        *wrong_columns,
        *(_result(subject, rule, *_judge(subject, rule, place)) for place, rule in enumerate(rules)),
    )


@dataclass(frozen=True)
class _Subject:
    """What is checked, with the figures of the one aggregation."""

    contract: type[Contract]
    table: ir.Table
    figures: dict[str, Any]
    now: datetime
    related: Related

    @property
    def rows(self) -> int:
        return int(self.figures["rows"])


def _result(subject: _Subject, rule: Rule, failing: int, sample: str | None) -> RuleResult:
    terms, rows = subject.contract.terms(), subject.rows
    return RuleResult(
        terms.layer,
        terms.table,
        terms.version,
        rule.name,
        rule.columns,
        rule.severity,
        rows,
        failing,
        rule.text,
        sample,
    )


def _shape_results(contract: type[Contract], table: ir.Table) -> list[RuleResult]:
    terms, schema = contract.terms(), table.schema()
    results = []
    for column in contract.columns():
        found = schema.get(column.name)
        if found is None and column.optional:
            continue
        if found is None:
            rule, text = "column", f"is missing; the table has {', '.join(schema.names)}"
        elif comparable(found) != comparable(column.dtype):
            rule, text = (
                "type",
                f"must be {column.type.sql_name} ({comparable(column.dtype)}), but is {comparable(found)}",
            )
        else:
            continue
        results.append(RuleResult(terms.layer, terms.table, terms.version, rule, (column.name,), "error", 0, 1, text))
    return results


def _figures(table: ir.Table, rules: list[Rule]) -> dict[str, Any]:
    """`rows`, the number of rows that break each row rule and the newest value of each freshness rule, by place."""
    measures: dict[str, Any] = {"rows": table.count()}
    for place, rule in enumerate(rules):
        if isinstance(rule, RowRule):
            measures[str(place)] = table.count(where=~rule.holds(table))
        elif isinstance(rule, Recent):
            newest: Any = table[rule.columns[0]]
            measures[str(place)] = newest.max()
    figures: dict[str, Any] = table.aggregate(**measures).to_pyarrow().to_pylist()[0]
    return figures


def _judge(subject: _Subject, rule: Rule, place: int) -> tuple[int, str | None]:
    """How many rows break the rule, and examples of them as JSON text."""
    table, rows, figure = subject.table, subject.rows, subject.figures.get(str(place))
    if isinstance(rule, RowRule):
        return _with_sample(subject, rule, int(figure or 0), lambda: table.filter(~rule.holds(table)))
    if isinstance(rule, Unique):
        repeated = repetitions(table, rule.columns)
        repeats: Any = repeated["rows"]
        failing = int((repeats.sum() - repeated.count()).to_pyarrow().as_py() or 0)
        return _with_sample(subject, rule, failing, lambda: repeated)
    if isinstance(rule, Relationship):
        return _judge_relationship(subject, rule)
    if isinstance(rule, Recent):
        return int(is_stale(figure, subject.now, rule.limit)), json.dumps({rule.columns[0]: figure}, default=str)
    if isinstance(rule, Volume):
        too_many = rule.at_most is not None and rows > rule.at_most
        return int(rows < rule.at_least or too_many), json.dumps({"rows": rows})
    raise AssertionError(f"rule {rule.name} has no check")


def _with_sample(subject: _Subject, rule: Rule, failing: int, broken: Callable[[], ir.Table]) -> tuple[int, str | None]:
    return failing, _sample(subject.contract, broken(), rule.columns) if failing else None


def repetitions(table: ir.Table, columns: Iterable[str]) -> ir.Table:
    """The values of the columns that stand in several rows, with their number as `rows`; NULLs are not compared."""
    names = list(columns)
    present = table.filter(*[table[name].notnull() for name in names])
    counted = present.group_by(names).aggregate(rows=present.count())
    return counted.filter(counted["rows"] > 1)


def orphans(table: ir.Table, column: str, target: ir.Table, target_column: str) -> ir.Table:
    """The rows whose value stands in no row of the target."""
    present = table.filter(table[column].notnull())
    return present.anti_join(target, present[column] == target[target_column])


def is_stale(newest: Any, now: datetime, limit: timedelta) -> bool:
    """Whether the newest value (a date, a timestamp or None) is older than the limit; no value at all is stale."""
    if newest is None:
        return True
    if isinstance(newest, date) and not isinstance(newest, datetime):
        newest = datetime.combine(newest, time.max, UTC)
    if newest.tzinfo is None:
        newest = newest.replace(tzinfo=UTC)
    return bool(now - newest > limit)


def _judge_relationship(subject: _Subject, rule: Relationship) -> tuple[int, str | None]:
    target = subject.related(rule.target.layer, rule.target.table)
    if target is None:
        return subject.rows, json.dumps({"missing table": f"{rule.target.layer}.{rule.target.table}"})
    column, found = rule.columns[0], rule.target.column
    # the key alone is looked up: wide rows would only be carried through the join to be counted
    failing = orphans(subject.table.select(column), column, target.select(found), found).count().to_pyarrow().as_py()
    return _with_sample(subject, rule, int(failing), lambda: orphans(subject.table, column, target, found))


def _sample(contract: type[Contract], failing: ir.Table, columns: tuple[str, ...]) -> str:
    """Key and concerned columns of some failing rows, as JSON; personal and secret values are not shown."""
    names = [name for name in dict.fromkeys((*contract.terms().key, *columns)) if name in failing.columns]
    hidden = {one.name for one in contract.columns() if one.sensitivity in ("personal", "secret")}
    rows = failing.select(names).limit(EXAMPLES).to_pyarrow().to_pylist()
    shown = [{name: f"({name} is not shown)" if name in hidden else row[name] for name in names} for row in rows]
    return json.dumps(shown[0] if len(shown) == 1 else shown, default=str, ensure_ascii=False)
