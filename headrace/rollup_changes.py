"""What a build of the models means for rollups: nobody reads them while it runs, and then only what it computed is
stale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from headrace.config import Settings
from headrace.errors import BuildError
from headrace.rollup_records import RECORDS, Place, Stored, asking, create_records, parts, place_sql, write_record
from headrace.rollups import plans_of
from headrace.warehouse import PRODUCTION, open_warehouse
from semantic.errors import SemanticError
from semantic.partition_keys import Span
from semantic.rollups import SCHEMA, Blueprint, Record

if TYPE_CHECKING:
    from sqlmesh.core.snapshot import Snapshot


@dataclass(frozen=True)
class Computed:
    """What SQLMesh has computed of a model: of its tables the rows whose `column` lies in the span; "" for all rows."""

    tables: frozenset[Place]
    column: str
    span: Span


OnComputed = Callable[[Computed], None]


def computed(snapshot: Snapshot, interval: tuple[Any, Any]) -> Computed:
    """What an evaluation of a model over an interval (milliseconds of UTC, the end outside) has changed."""
    names = {snapshot.table_name(is_deployable=flag) for flag in (True, False)}
    places = frozenset((table.db.lower(), table.name.lower()) for table in map(exp.to_table, names))
    start, end = (datetime.fromtimestamp(int(one) / 1000, UTC).replace(tzinfo=None) for one in interval)
    time = snapshot.model.time_column if snapshot.is_incremental_by_time_range else None
    return Computed(places, time.column.name if time else "", (start, end))


@dataclass(frozen=True)
class Before:
    """A rollup that was fresh but for its stale spans when a build of the models began: what stood behind the tables
    that it was made of, and how many rows were in them."""

    schema: str
    record: Record
    shapes: Mapping[str, str]
    rows: Mapping[Place, int | None]


def outdate_rollups(settings: Settings) -> tuple[Before, ...]:
    """Let nobody read a rollup until it is built again, or `narrow_rollups` knows better: a build of the models is
    about to change what they were made of."""
    before: list[Before] = []
    with open_warehouse(settings, read_only=False) as backend:
        found = backend.con.execute(
            f"SELECT schema_name FROM duckdb_tables() WHERE table_name = '{RECORDS}' AND starts_with(schema_name, ?)",
            [SCHEMA],
        ).fetchall()
        for (schema,) in found:
            stored = Stored.read(asking(backend.con), schema)
            for record in stored.records.values():
                if not record.is_outdated and record.states and stored.states(tuple(record.states)) == record.states:
                    shapes = {table: stored.shape(table) for table in record.states}
                    rows = {place: count for table in shapes for place, count in stored.sources(table).items()}
                    before.append(Before(schema, record, shapes, rows))
            backend.con.execute(f"UPDATE {place_sql(schema, RECORDS)} SET is_outdated = true")
    return tuple(before)


def narrow_rollups(settings: Settings, before: Sequence[Before], changes: Sequence[Computed]) -> None:
    """After a build of the models has ended well: leave outdated only what it has changed. Rollups that it did not
    touch are fresh again, of partitioned ones the spans are stale that it has computed."""
    if not before:
        return
    with open_warehouse(settings, read_only=False) as backend:
        for schema in sorted({one.schema for one in before}):
            environment = PRODUCTION if schema == SCHEMA else schema.removeprefix(f"{SCHEMA}__")
            try:
                plans = {plan.name: plan for plan in plans_of(settings, backend.con, environment)[1]}
            except (BuildError, SemanticError):
                # A broken data model: its rollups stay outdated until somebody builds them, and is told.
                continue
            stored = Stored.read(asking(backend.con), schema)
            create_records(backend.con, schema)
            for one in before:
                plan = plans.get(one.record.name)
                stale = _stale(plan, one, stored, changes) if plan and one.schema == schema else None
                if stale is not None:
                    states = stored.states(tuple(one.record.states))
                    record = replace(one.record, states=states, stale=(*one.record.stale, *stale))
                    write_record(backend.con, schema, record)


def _is_told_apart(plan: Blueprint, table: str, column: str) -> bool:
    """Whether rows of a table with other times in a column are in other partitions of a rollup."""
    if plan.partitions is None or plan.partitions.source is None or not column:
        return False
    source, time = plan.partitions.source
    return parts(source) == parts(table) and time == column


def _stale(plan: Blueprint, before: Before, stored: Stored, changes: Sequence[Computed]) -> tuple[Span, ...] | None:
    """The spans of a rollup that a build has changed; None where that may be anything."""
    if plan.definition != before.record.definition:
        return None
    found: list[Span] = []
    for table, shape in before.shapes.items():
        if stored.shape(table) != shape:
            return None
        for place, rows in stored.sources(table).items():
            own = [change for change in changes if place in change.tables]
            if not own and before.rows.get(place) != rows:
                return None
            if own and not (stored.is_plain(table) and all(_is_told_apart(plan, table, one.column) for one in own)):
                return None
            found += [change.span for change in own]
    return plan.partitions.covering(found) if plan.partitions else ()
