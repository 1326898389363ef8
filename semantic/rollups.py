"""Rollups as tables of the warehouse: what builds each, what it reads, and which of those built may still be read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from semantic.compiler import Compiler, resolver
from semantic.datamodel.intervals import Interval, is_interval, parse_interval
from semantic.datamodel.types import DataModel, PreAggregation
from semantic.errors import PlanError, SemanticError
from semantic.plan.composed import Built, full_name
from semantic.query.dates import add
from semantic.sql.literals import with_literals

SCHEMA = "rollups"
"""The schema of production's rollups; other environments suffix it as they do the layers."""
BUILDABLE = ("rollup", "original_sql")
"""The types that have a table of their own; joined and united rollups are read from the tables of their parts."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """How the table of a pre-aggregation is made: its name without the schema, the SELECT with all values written out,
    and the tables that it reads, as `schema.table`. `every` is how long its refresh key leaves it alone: () for ever.
    """

    name: str
    table: str
    sql: str
    reads: tuple[str, ...]
    every: Interval

    @property
    def definition(self) -> str:
        """The same for the same SQL: what is in the table is of this definition or of another."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a table that was built. `states` gives of each table that it read the state it was in; a build of
    the models that has begun since makes it outdated, whatever the states say."""

    name: str
    table: str
    definition: str
    states: Mapping[str, str]
    rows: int
    built_at: datetime
    is_outdated: bool


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
    every = str((entry.options.get("refresh_key") or {}).get("every", ""))
    return Blueprint(
        name=name,
        table=name.replace(".", "__"),
        sql=tree.sql(compiler.dialect, pretty=True),
        reads=tuple(sorted(_tables(tree, name))),
        every=parse_interval(every) if is_interval(every) else (),
    )


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


def fault(plan: Blueprint, record: Record | None, states: Mapping[str, str]) -> str:
    """What is wrong with a table that was built, "" when it holds what its query would give now. `states` are those of
    the tables now."""
    if record is None:
        return "has not been built"
    if record.definition != plan.definition:
        return "was built from another definition: run `headrace rollups build`"
    if record.is_outdated:
        return "is older than the last build of the models: run `headrace rollups build`"
    changed = [one for one in plan.reads if states.get(one) is None or states[one] != record.states.get(one)]
    return f"is older than {', '.join(changed)}: run `headrace rollups build`" if changed else ""


def is_due(plan: Blueprint, record: Record | None, states: Mapping[str, str], now: datetime) -> bool:
    """Whether a table is to be built again: it may not be read any more, or its refresh key's time is over."""
    if record is None or fault(plan, record, states):
        return True
    due = record.built_at
    for count, unit in plan.every:
        due = add(due, count, unit)
    return bool(plan.every) and now >= due


def in_stock(
    model: DataModel,
    dialect: str,
    places: Mapping[str, str],
    schema: str,
    records: Mapping[str, Record],
    states: Callable[[Sequence[str]], Mapping[str, str]],
) -> Built:
    """The rollups that may be read, and what is wrong with the others. `states` tells those of tables now."""
    compiler = Compiler(model, dialect=dialect, tables=resolver(places), visible_only=False)
    found: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for entry in declared(model):
        name = full_name(entry)
        try:
            plan = blueprint(compiler, entry)
        except SemanticError as error:
            reasons[name] = f"cannot be built: {error}"
            continue
        wrong = fault(plan, records.get(name), states(plan.reads))
        if wrong:
            reasons[name] = wrong
        else:
            found[name] = f"{schema}.{plan.table}"
    return Built(found, reasons)
