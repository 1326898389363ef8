"""The signal `loaded`: a day is built when the ledger shows that its sources have arrived."""

from __future__ import annotations

from sqlglot import exp, parse_one
from sqlmesh import DatetimeRanges, ExecutionContext, signal
from sqlmesh.core.snapshot import Snapshot


@signal()
def loaded(
    batch: DatetimeRanges,
    context: ExecutionContext,
    snapshot: Snapshot,
    grace_hours: exp.Literal,
    patience_days: exp.Literal,
) -> bool | DatetimeRanges:
    """The intervals up to which the raw tables of the model are complete, or up to which the models are that it reads.

    The rule is `sqlmesh_project/readiness.py`. A restatement waits for nobody, but makes no days that nothing has
    arrived of. Days that come along because of the lookback wait for a new one: every run asks for them while a day is
    missing. Where there is no ledger, others fill the raw tables, and there is nothing to wait for.
    """
    from datetime import timedelta  # SQLMesh keeps a signal by its source, without the imports of its module's head

    from sqlmesh_project.readiness import (
        EVIDENCE,
        LEDGER,
        Evidence,
        followed_until,
        is_built,
        raw_tables,
        readiness,
        ready_until,
    )

    if not context.engine_adapter.table_exists(LEDGER):
        return True
    tables = raw_tables(snapshot, context.snapshots, is_through_tables=bool(context.is_restatement))
    if tables:
        found = [Evidence(*row) for row in context.engine_adapter.fetchall(parse_one(EVIDENCE, dialect="bigquery"))]
        grace, patience = timedelta(hours=int(grace_hours.this)), timedelta(days=int(patience_days.this))
        ready = readiness(found, tables, grace, patience)
        until = ready_until(ready, is_restatement=bool(context.is_restatement))
    elif (until := followed_until(context, snapshot)) is None:
        return True
    arrived = [interval for interval in batch if until is not None and interval[1] <= until]
    if arrived and not context.is_restatement and is_built(context, arrived[-1][1]):
        return []
    return arrived
