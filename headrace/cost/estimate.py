"""The bytes that BigQuery would read for a query: the columns that it needs, in the partitions that its filters leave.

Clustering is not counted: BigQuery itself says only after a query what it has saved.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer import optimize
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from headrace.cost.pricing import billed_bytes
from headrace.cost.statistics import Statistics, TableSize
from headrace.errors import HeadraceError

_RULES = (qualify, pushdown_predicates, pushdown_projections)


class CostError(HeadraceError):
    """A cost cannot be estimated, or is over the budget."""


class Unmeasured(CostError):
    """A table that a query reads is not there yet."""


@dataclass(frozen=True)
class Scan:
    """One table in a query: the bytes of the columns and partitions that are read."""

    table: str
    columns: frozenset[str]
    since: dt.date | None
    until: dt.date | None
    bytes: int


@dataclass(frozen=True)
class Estimate:
    """What a query reads. A table that is mentioned twice in it is read, and billed, once."""

    scans: tuple[Scan, ...]

    @property
    def read(self) -> int:
        return sum(scan.bytes for scan in self.scans)

    @property
    def billed(self) -> int:
        return billed_bytes(scan.bytes for scan in self.scans)


def estimate(
    query: exp.Query, statistics: Statistics, views: Mapping[str, exp.Query] | None = None, *, is_pruned: bool = True
) -> Estimate:
    """Estimate a query in BigQuery's dialect over tables called `layer.table`; `views` are read through to their own.

    Without `is_pruned` its conditions leave no partition out.
    Raises Unmeasured for a table of which nothing is known, CostError.
    """
    tree = _expanded(query, views or {})
    known = {_name(table) for table in tree.find_all(exp.Table) if table.db}
    missing = sorted(known - set(statistics))
    if missing:
        raise Unmeasured(f"nothing is known of {', '.join(missing)}: build it first")
    try:
        lean = optimize(tree, schema=_schema(statistics, known), dialect="bigquery", rules=_RULES)
    except SqlglotError as error:
        raise CostError(f"the query cannot be estimated: {error}") from error
    reads = list(_scans(lean))
    if not is_pruned:
        reads = [replace(one, conditions=()) for one in reads]
    return Estimate(tuple(_united(statistics, reads)))


def tables_of(query: exp.Query, views: Mapping[str, exp.Query]) -> frozenset[str]:
    """The tables that a query reads, also through views."""
    return frozenset(_name(table) for table in _expanded(query, views).find_all(exp.Table) if table.db)


@dataclass(frozen=True)
class _Read:
    table: str
    columns: frozenset[str]
    conditions: tuple[exp.Expr, ...]


def _scans(tree: exp.Expr) -> Iterator[_Read]:
    for scope in traverse_scope(tree):
        where = scope.expression.args.get("where")
        conditions = tuple(_conjuncts(where.this)) if where else ()
        for alias, source in scope.sources.items():
            if not isinstance(source, exp.Table) or not source.db:
                continue
            columns = frozenset(column.name.lower() for column in scope.columns if column.table == alias)
            own = tuple(part for part in conditions if {one.table for one in part.find_all(exp.Column)} == {alias})
            yield _Read(_name(source), columns, own)


def _united(statistics: Statistics, reads: list[_Read]) -> Iterator[Scan]:
    """One scan a table: all columns that any mention needs, in all partitions that any of them needs."""
    for name in dict.fromkeys(one.table for one in reads):
        table = statistics[name]
        mentions = [one for one in reads if one.table == name]
        spans = [_span(table, one.conditions) for one in mentions]
        since, until = _least([one[0] for one in spans]), _most([one[1] for one in spans])
        columns = frozenset().union(*(one.columns for one in mentions))
        yield Scan(name, columns, since, until, table.bytes_of(columns, since, until))


def _span(table: TableSize, conditions: tuple[exp.Expr, ...]) -> tuple[dt.date | None, dt.date | None]:
    """The days that conditions on the bare partition column leave; constants are computed by DuckDB."""
    since: dt.date | None = None
    until: dt.date | None = None
    for part in conditions:
        for column, operator, value in _comparisons(part):
            time = _constant_time(value) if column.name.lower() == table.partitioned_by else None
            if time is None:
                continue
            # a bound that is not reached, at midnight, leaves the whole day out
            day = (time - dt.timedelta(microseconds=operator is exp.LT)).date()
            if operator in (exp.GT, exp.GTE, exp.EQ):
                since = day if since is None else max(since, day)
            if operator in (exp.LT, exp.LTE, exp.EQ):
                until = day if until is None else min(until, day)
    return since, until


_FLIPPED: Mapping[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE, exp.EQ: exp.EQ,
}  # fmt: skip


def _comparisons(part: exp.Expr) -> Iterator[tuple[exp.Column, type[exp.Expr], exp.Expr]]:
    if isinstance(part, exp.Paren):
        yield from _comparisons(part.this)
    elif isinstance(part, exp.Between) and isinstance(part.this, exp.Column):
        yield part.this, exp.GTE, part.args["low"]
        yield part.this, exp.LTE, part.args["high"]
    elif type(part) in _FLIPPED:
        if isinstance(part.this, exp.Column):
            yield part.this, type(part), part.expression
        elif isinstance(part.expression, exp.Column):
            yield part.expression, _FLIPPED[type(part)], part.this


def _constant_time(value: exp.Expr) -> dt.datetime | None:
    """The UTC time that an expression without columns is, as DuckDB computes it."""
    if value.find(exp.Column, exp.Query, exp.Parameter, exp.Placeholder) is not None:
        return None
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            row = connection.execute(f"SELECT CAST({value.sql('duckdb')} AS TIMESTAMP)").fetchone()
        except duckdb.Error:
            return None  # no time at all: it prunes nothing
    found: Any = row[0] if row else None
    return found if isinstance(found, dt.datetime) else None


def _expanded(tree: exp.Query, views: Mapping[str, exp.Query]) -> exp.Query:
    """A copy of the query, with each view's own query in place of its name, and tables called `layer.table`."""
    tree = tree.copy()
    while True:
        for table in tree.find_all(exp.Table):
            table.set("catalog", None)
        found = [table for table in tree.find_all(exp.Table) if table.db and _name(table) in views]
        if not found:
            return tree
        for table in found:
            table.replace(views[_name(table)].copy().subquery(table.alias_or_name, copy=False))


def _schema(statistics: Statistics, names: set[str]) -> MappingSchema:
    schema = MappingSchema(dialect="bigquery")
    for name in names:
        schema.add_table(name, dict.fromkeys(statistics[name].columns, "STRING"), match_depth=False)
    return schema


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    node = node.unnest()
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    else:
        yield node


def _name(table: exp.Table) -> str:
    return f"{table.db}.{table.name}"


def _least(days: list[dt.date | None]) -> dt.date | None:
    return None if None in days else min(day for day in days if day is not None)


def _most(days: list[dt.date | None]) -> dt.date | None:
    return None if None in days else max(day for day in days if day is not None)
