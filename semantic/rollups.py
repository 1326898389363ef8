"""Rollups as tables of the warehouse: what builds each, what it reads, and which of those built may still be read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlglot import exp

from semantic.compiler import Compiler, resolver
from semantic.datamodel.intervals import Interval
from semantic.datamodel.types import DataModel, PreAggregation
from semantic.errors import PlanError, SemanticError
from semantic.partition_keys import Span, changed_starts
from semantic.plan.composed import Built, full_name
from semantic.refresh import (
    FOREVER,
    Partitions,
    RefreshKey,
    as_range,
    earlier,
    later,
    partitions,
    refresh_key,
)
from semantic.sql.literals import with_literals

SCHEMA = "rollups"
"""The schema of production's rollups; other environments suffix it as they do the layers."""
BUILDABLE = ("rollup", "original_sql")
"""The types that have a table of their own; joined and united rollups are read from the tables of their parts."""
KEY_HOLDS: Interval = ((10, "second"),)
"""How long the value of a refresh key's SQL is taken for the same, where `every` does not say: as long as in Cube."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """How the table of a pre-aggregation is made: its name without the schema, the SELECT with all values written out,
    and the tables that it reads, as `schema.table`; when it is made again, and in which parts."""

    name: str
    table: str
    sql: str
    reads: tuple[str, ...]
    refresh: RefreshKey
    partitions: Partitions | None

    @property
    def definition(self) -> str:
        """The same for the same SQL: what is in the table is of this definition or of another."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a table that was built.

    `states` gives of each table that it read the state it was in, {} where nobody knows what of them it holds. A build
    of the models that has begun since makes it outdated, whatever the states say; one that is over leaves the `stale`
    spans in which it has changed what the table was made of. `key` is the value of the refresh key's SQL.
    """

    name: str
    table: str
    definition: str
    states: Mapping[str, str]
    rows: int
    built_at: datetime
    is_outdated: bool
    stale: tuple[Span, ...] = ()
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """How things are now: the states of the tables that a rollup reads, and the value of its refresh key's SQL."""

    at: datetime
    states: Mapping[str, str]
    key: str | None = None


Stock = Callable[[DataModel, Mapping[str, str]], Built]
"""Knows which rollups of a data model may be read now; the places are those of the environment's tables."""


def nothing_in_stock(reason: str) -> Stock:
    """No rollup is read, for one reason."""
    nothing = Built(otherwise=reason)
    return lambda *_: nothing


def declared(model: DataModel) -> Iterator[PreAggregation]:
    """The pre-aggregations of a data model that have a table of their own."""
    for cube in model.cubes.values():
        yield from (entry for entry in cube.pre_aggregations if entry.type in BUILDABLE)


def blueprint(compiler: Compiler, entry: PreAggregation) -> Blueprint:
    """How a pre-aggregation is built. Raises SemanticError where it cannot be."""
    name = full_name(entry)
    tree = with_literals(compiler.rollup(name))
    parts = partitions(compiler, entry, tree)
    return Blueprint(
        name=name,
        table=name.replace(".", "__"),
        sql=tree.sql(compiler.dialect, pretty=True),
        reads=tuple(sorted(_tables(tree, name))),
        refresh=refresh_key(compiler, entry, parts),
        partitions=parts,
    )


def part_sql(compiler: Compiler, plan: Blueprint, span: Span) -> str:
    """The SELECT of the rows of some partitions."""
    return with_literals(compiler.rollup(plan.name, as_range(span))).sql(compiler.dialect, pretty=True)


_CHANGING = (exp.CurrentDate, exp.CurrentDatetime, exp.CurrentTime, exp.CurrentTimestamp, exp.Localtime,
             exp.Localtimestamp, exp.Rand, exp.Uuid)  # fmt: skip
_CHANGING_NAMES = frozenset(["now", "today", "random", "uuid", "get_current_timestamp", "transaction_timestamp"])


def _tables(tree: exp.Expr, name: str) -> Iterator[str]:
    """The tables that a SELECT reads. Raises PlanError where these do not tell when its rows change."""
    for node in tree.find_all(*_CHANGING, exp.Anonymous):
        if not isinstance(node, exp.Anonymous) or node.name.lower() in _CHANGING_NAMES:
            message = f"'{name}' looks at {node.sql('duckdb')}, which is another tomorrow while its table stays"
            raise PlanError(message, place=name, advice="compute that in a model", code="rollup_clock")
    local = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            message = f"'{name}' reads {table.sql('duckdb')}, which is no table of the warehouse"
            raise PlanError(message, place=name, advice="load it by a model", code="rollup_source")
        if table.db or table.name not in local:
            yield f"{table.db or 'main'}.{table.name}"


def blueprints(compiler: Compiler) -> tuple[Blueprint, ...]:
    """All that can be built, in the order of writing. Raises SemanticError for the first that cannot be, and where two
    would have the same table."""
    found: dict[str, Blueprint] = {}
    for entry in declared(compiler.model):
        made = blueprint(compiler, entry)
        other = found.setdefault(made.table.lower(), made)
        if other is not made:
            message = f"'{made.name}' and '{other.name}' would both be the table {made.table}"
            raise PlanError(message, place=made.name, advice="rename one of them", code="rollup_table")
    return tuple(found.values())


def fault(plan: Blueprint, record: Record | None, present: Present) -> str:
    """What is wrong with a table that was built, "" when it may be read: it holds what its query would give now, or is
    no older than its author's refresh key lets it be."""
    if record is None:
        return "has not been built"
    if record.definition != plan.definition:
        return f"was built from another definition: {_ADVICE}"
    if plan.refresh.is_asked:
        is_same = present.key is not None and present.key == record.key
        return "" if is_same else f"was built for another value of its refresh key: {_ADVICE}"
    if plan.refresh.every and present.at < good_until(plan, record):
        return ""
    if record.is_outdated:
        return f"is older than the last build of the models: {_ADVICE}"
    if record.stale:
        shown = ", ".join(f"{start:%Y-%m-%d} to {end:%Y-%m-%d}" for start, end in record.stale)
        return f"is older than the last build of the models, which computed {shown}: {_ADVICE}"
    changed = _changed(plan, record, present.states)
    return f"is older than {', '.join(changed)}: {_ADVICE}" if changed else ""


_ADVICE = "run `headrace rollups build`"


def good_until(plan: Blueprint, record: Record) -> datetime:
    """Up to when the `every` of a refresh key lets a table be read, whatever has changed."""
    return later(record.built_at, plan.refresh.every)


def _changed(plan: Blueprint, record: Record, states: Mapping[str, str]) -> list[str]:
    return [one for one in plan.reads if states.get(one) is None or states[one] != record.states.get(one)]


def is_current(plan: Blueprint, record: Record, present: Present) -> bool:
    """Whether a table is known to hold what its query would give now, but for its stale spans."""
    same = record.definition == plan.definition and not record.is_outdated
    return same and not _changed(plan, record, present.states)


def is_due(plan: Blueprint, record: Record | None, present: Present) -> bool:
    """Whether a table is to be built again: it may not be read any more, or its refresh key's time is over."""
    if record is None or fault(plan, record, present):
        return True
    return bool(plan.refresh.every and not plan.refresh.is_asked) and present.at >= good_until(plan, record)


def due_spans(plan: Blueprint, record: Record | None, present: Present) -> tuple[Span, ...] | None:
    """The partitions of a due table that are built again; None for all of it."""
    refresh, parts = plan.refresh, plan.partitions
    if record is None or parts is None or record.definition != plan.definition or refresh.sql:
        return None
    if refresh.by_partition is not None:
        if record.key is None:
            return None
        starts = changed_starts(record.key, present.key)
        return parts.covering((start, start + timedelta(microseconds=1)) for start in starts)
    if record.stale and is_current(plan, record, present):
        return parts.covering(record.stale)
    if not (refresh.every and refresh.incremental):
        return None
    begun = earlier(record.built_at, refresh.update_window).astimezone(UTC).replace(tzinfo=None)
    return parts.covering([*record.stale, (begun, FOREVER)])


def in_stock(
    model: DataModel,
    dialect: str,
    places: Mapping[str, str],
    schema: str,
    records: Mapping[str, Record],
    present: Callable[[Blueprint], Present],
) -> tuple[Built, datetime | None]:
    """The rollups that may be read, and what is wrong with the others; and when a refresh key has to be looked at
    again. `present` tells how things are with a rollup now."""
    compiler = Compiler(model, dialect=dialect, tables=resolver(places), visible_only=False)
    found: dict[str, str] = {}
    reasons: dict[str, str] = {}
    times: list[datetime] = []
    for entry in declared(model):
        name = full_name(entry)
        try:
            plan = blueprint(compiler, entry)
        except SemanticError as error:
            reasons[name] = f"cannot be built: {error}"
            continue
        now, record = present(plan), records.get(name)
        wrong = fault(plan, record, now)
        if wrong:
            reasons[name] = wrong
        else:
            found[name] = f"{schema}.{plan.table}"
        if plan.refresh.is_asked:
            times.append(later(now.at, plan.refresh.every or KEY_HOLDS))
        elif record is not None and plan.refresh.every:
            times += [at for at in (good_until(plan, record),) if at > now.at]
    return Built(found, reasons), min(times, default=None)
