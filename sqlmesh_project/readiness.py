"""Up to when the ledger shows the raw tables of a model to be complete, and what the model waits for.

The ledger tells of rows that came, not of rows that are missing. What is taken for complete:

- A table is complete up to its latest row, and never further than the moment when that row was read.
- Up to the end of the latest row's day, when the row was read a grace after that day had ended: an export that was made
  since has the whole day, though its last event may be of 23:40 and the next day's file of never.
- All tables of a database are complete up to where one of them is: they are read together, and some rarely get rows.

A model is ready up to the first of its tables. A table that has fallen behind the furthest by more than a patience is
not waited for, or a source that has ended would hold all the others for ever; neither is one that was never loaded or
has no time column.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlmesh import ExecutionContext
    from sqlmesh.core.snapshot import Snapshot

LEDGER = "raw.loads"
EVIDENCE = f"""
SELECT
  table_name,
  source,
  NOT cursor_after IS NULL AS is_database,
  CAST(max_event_at AS DATE) AS latest_on,
  MAX(max_event_at) AS latest_at,
  MAX(started_at) AS read_at
FROM {LEDGER}
WHERE status = 'loaded' AND NOT max_event_at IS NULL
GROUP BY table_name, source, is_database, latest_on
"""
"""Rows of `Evidence`, in BigQuery's dialect; it means the same in DuckDB's."""


@dataclass(frozen=True)
class Evidence:
    """What the batches of a table show that end on the same day; times are UTC."""

    table: str
    """Without its schema."""
    source: str
    is_database: bool
    latest_on: date
    latest_at: datetime
    read_at: datetime

    def complete_until(self, grace: timedelta) -> datetime:
        """The table has everything that happened before this."""
        day_end = datetime.combine(self.latest_on, time.min, UTC) + timedelta(days=1)
        return day_end if self.read_at >= day_end + grace else min(self.latest_at, self.read_at)


@dataclass(frozen=True)
class Reach:
    """A table, up to when it is complete, and whether others wait for it; they do not when it has fallen behind."""

    table: str
    until: datetime
    is_awaited: bool


@dataclass(frozen=True)
class Readiness:
    """How far each table of a model reaches, the least first; tables that tell nothing are left out."""

    reaches: tuple[Reach, ...]

    @property
    def until(self) -> datetime | None:
        """The model's intervals are ready that end at or before this; None: nothing has arrived."""
        return min((one.until for one in self.reaches if one.is_awaited), default=None)

    @property
    def arrived_until(self) -> datetime | None:
        """The end of the day that the furthest table reaches into: what nobody has anything of lies after it."""
        furthest = max((one.until for one in self.reaches), default=None)
        if furthest is None:
            return None
        begin = datetime.combine(furthest.date(), time.min, UTC)
        return begin if begin == furthest else begin + timedelta(days=1)


def readiness(found: Iterable[Evidence], tables: Collection[str], grace: timedelta, patience: timedelta) -> Readiness:
    """How far `tables` reach, by what the ledger shows of them."""
    evidence = [one for one in found if one.table in tables]
    databases: dict[str, datetime] = {}
    files: dict[str, datetime] = {}
    for one in evidence:
        reached, key = (databases, one.source) if one.is_database else (files, one.table)
        until = one.complete_until(grace)
        reached[key] = max(until, reached.get(key, until))
    known = {
        one.table: max(
            until for until in (files.get(one.table), databases.get(one.source) if one.is_database else None) if until
        )
        for one in evidence
    }
    furthest = max(known.values(), default=None)
    reaches = [
        Reach(table, until, furthest is not None and furthest - until <= patience) for table, until in known.items()
    ]
    return Readiness(tuple(sorted(reaches, key=lambda one: (one.until, one.table))))


_WAITS: ContextVar[bool] = ContextVar("waits", default=True)


@contextmanager
def waiting_for_nobody() -> Iterator[None]:
    """Within, models are ready as far as any of their tables has come; signals are asked in the caller's thread."""
    before = _WAITS.set(False)
    try:
        yield
    finally:
        _WAITS.reset(before)


def ready_until(ready: Readiness, *, is_restatement: bool) -> datetime | None:
    """Up to when a model may be built: a restatement is asked for and waits for nobody."""
    return ready.until if _WAITS.get() and not is_restatement else ready.arrived_until


def raw_tables(model: Snapshot, models: Mapping[str, Snapshot], *, is_through_tables: bool = False) -> tuple[str, ...]:
    """The raw tables that a model reads itself or through views, without their schema, sorted.

    What it reads through tables of other models is theirs to wait for, and left out unless `is_through_tables`.
    """
    found = set()
    for parent in (models[one.name] for one in model.parents if one.name in models):
        if parent.is_external:
            found.add(parent.name.split(".")[-1].strip('"'))
        elif parent.is_view or is_through_tables:
            found.update(raw_tables(parent, models, is_through_tables=is_through_tables))
    return tuple(sorted(found))


def followed_until(context: ExecutionContext, model: Snapshot) -> datetime | None:
    """Up to when the incremental models that a model reads are built, or will be by this run; None: it follows nobody.

    An upper bound: SQLMesh holds back what one of them holds back.
    """
    parents = [context.snapshots[one.name] for one in model.parents if one.name in context.snapshots]
    built = [
        max((end for _, end in _intervals(context, one)), default=0)
        for one in parents
        if one.is_model and one.is_incremental_by_time_range
    ]
    planned = max((end for _, end in context.parent_intervals or ()), default=0)
    return datetime.fromtimestamp(max(planned, min(built)) / 1000, UTC) if built else None


def is_built(context: ExecutionContext, until: datetime) -> bool:
    """Whether every model has all intervals up to `until` already."""
    return all(
        max((end for _, end in _intervals(context, one)), default=0) >= until.timestamp() * 1000
        for one in context.snapshots.values()
        if one.is_model and not one.is_symbolic
    )


def _intervals(context: ExecutionContext, model: Snapshot) -> list[tuple[int, int]]:
    """The intervals of the table that stands for a model in the environment at work, in milliseconds.

    For a forward-only model that did not change this is production's table, though nothing is ever promoted into it.
    """
    index = context.deployability_index
    return model.intervals if index is None or index.is_representative(model) else model.dev_intervals
