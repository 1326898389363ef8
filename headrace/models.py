"""SQLMesh at work for `headrace build`: a plan, a run, and the restatement of what new data touched."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from headrace.audit_failures import audit_findings
from headrace.config import Settings
from headrace.errors import BuildError
from headrace.left_out import left_out
from headrace.rollup_changes import OnComputed
from headrace.terminal import Terminal
from headrace.waiting import Reads, find_reads
from headrace.warehouse import PRODUCTION
from sqlmesh_project.readiness import waiting_for_nobody

if TYPE_CHECKING:
    from sqlmesh import Context
    from sqlmesh.core.plan import Plan

RARE_COLLECTIONS = (200_000, 20, 100)
"""SQLMesh copies trees of SQL by the million, none of them garbage: looking for it takes a quarter of the time."""


@dataclass(frozen=True)
class Span:
    """Days to compute again, both inclusive."""

    start: date
    end: date

    def __or__(self, other: Span) -> Span:
        return Span(min(self.start, other.start), max(self.end, other.end))


def apply_models(
    settings: Settings,
    environment: str,
    arrived: Span | None,
    tables: Iterable[str],
    terminal: Terminal,
    on_computed: OnComputed | None = None,
) -> Reads:
    """Bring an environment up to date: changed models and missing days first, then the days of `arrived`.

    `tables` are the raw tables that `arrived` is about; everything downstream of them is computed again over it, in one
    restatement, unless the days that were missing have just been computed and looked back as far. `on_computed` hears
    of all that was computed. Days are built as far as any source has come: who asks for a build wants what there is.
    Returns what the models read. Style and unit tests are for `make lint` and `make test`. Raises WarehouseError where
    BigQuery refuses, and BuildError with the reason of each model that failed; nothing that reads it is computed.
    """
    with _failures_told(settings), _context(settings, terminal, on_computed) as context, waiting_for_nobody():
        plan = _build_plan(context, environment)
        is_first = environment == PRODUCTION and plan.context_diff.is_new_environment
        context.apply(plan)
        for text in left_out(context, datetime.now(UTC).date()):
            terminal.warn(text)
        if is_first:
            return find_reads(context)
        before = _built(context, tables)
        if environment == PRODUCTION:
            context.run(environment, skip_janitor=True)
        if arrived is not None and not was_read(arrived, before, _built(context, tables), _lookback(settings)):
            _restate(context, environment, arrived, tables)
        return find_reads(context)


def _failures_told(settings: Settings) -> AbstractContextManager[None]:
    if settings.bigquery is None:
        return nullcontext()
    from headrace.bigquery.failures import told

    return told(settings.bigquery)


def _build_plan(context: Context, environment: str) -> Plan:
    from sqlmesh.utils.errors import NoChangesPlanError

    try:
        return context.plan_builder(environment, skip_tests=True, skip_linter=True, include_unmodified=False).build()
    except NoChangesPlanError as error:
        raise BuildError(
            f"environment {environment} would be the same as {PRODUCTION}: change a model first, then build it"
        ) from error


@dataclass(frozen=True)
class Built:
    """How far a model is built, and whether it is built day by day."""

    until: datetime
    is_incremental: bool


def _built(context: Context, tables: Iterable[str]) -> dict[str, Built]:
    """How far each model below raw tables is built; views apart, which are what they read."""
    downstream = {name for table in tables for name in context.dag.downstream(_fqn(context, table))}
    found = {name: snapshot for name, snapshot in context.snapshots.items() if name in downstream}
    return {
        name: Built(
            datetime.fromtimestamp(max((end for _, end in snapshot.intervals), default=0) / 1000, UTC),
            snapshot.is_incremental_by_time_range,
        )
        for name, snapshot in found.items()
        if snapshot.is_model and not snapshot.is_symbolic and not snapshot.is_view
    }


def _fqn(context: Context, table: str) -> str:
    return context.get_model(table, raise_if_missing=True).fqn


def was_read(span: Span, before: Mapping[str, Built], after: Mapping[str, Built], lookback: timedelta) -> bool:
    """Whether a run has brought `span` in already: every model has gone on, and those that are built day by day have
    looked back as far as its first day."""
    begin = datetime.combine(span.start, time.min, UTC)
    return all(
        after[name].until > built.until and (not built.is_incremental or begin >= built.until - lookback)
        for name, built in before.items()
    )


def _lookback(settings: Settings) -> timedelta:
    return timedelta(days=int(str(settings.variables["lookback_days"])))


def _restate(context: Context, environment: str, span: Span, tables: Iterable[str]) -> None:
    """Compute `span` again, and the days that its events reach.

    A model that looks back over L days has rows that were opened up to L days before the event that changes them (a
    conversion, an answer), and a session may cross the midnight after.
    """
    reach = timedelta(days=max((model.lookback for model in context.models.values()), default=0))
    context.plan(
        environment,
        restate_models=sorted(tables),
        start=(span.start - reach).isoformat(),
        end=min(span.end + timedelta(days=1), datetime.now(UTC).date() - timedelta(days=1)).isoformat(),
        auto_apply=True,
        no_prompts=True,
        skip_tests=True,
        skip_linter=True,
    )


@contextmanager
def _context(settings: Settings, terminal: Terminal, on_computed: OnComputed | None) -> Iterator[Context]:
    """SQLMesh's context with our progress display, closed at the end so that others may open the warehouse."""
    from sqlmesh import Context
    from sqlmesh.core.console import set_console
    from sqlmesh.utils.errors import SQLMeshError

    from headrace.sqlmesh_console import ProgressConsole

    gc.set_threshold(*RARE_COLLECTIONS)
    with warnings.catch_warnings(), terminal.progress() as progress:
        warnings.simplefilter("ignore")
        console = ProgressConsole(progress, on_computed)
        set_console(console)
        context = Context(paths=str(settings.project))
        try:
            yield context
        except (SQLMeshError, RuntimeError) as error:
            found = (
                f"{place}: {text}"
                for place, audit in console.audits
                for text in audit_findings(audit, context.engine_adapter.fetchall)
            )
            reasons = ("the models could not be built:", *found, *console.failures, str(error))
            raise BuildError("\n".join(reasons)) from error
        finally:
            context.close()
