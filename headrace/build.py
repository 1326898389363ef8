"""`headrace build`: ingest everything new, bring the models up to date, check the contracts, count the rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from ibis.backends.sql import SQLBackend
from sqlglot import exp

from contracts.results import Report, Tables, check_environment, find_tables, write_results
from headrace.arrivals import Arrivals, find_arrivals, remember_build
from headrace.bigquery.shipping import ship_landed
from headrace.config import Settings
from headrace.models import apply_models
from headrace.rollup_changes import Computed, narrow_rollups, outdate_rollups
from headrace.rollups import build_rollups
from headrace.terminal import Terminal
from headrace.waiting import Reads, remember_reads
from headrace.warehouse import LAYERS, PRODUCTION, open_gateway, open_reader, open_warehouse
from ingestion.batch import BatchResult, IngestReport
from ingestion.declaration import known_sources, load_source
from ingestion.ledger import create_ledger
from ingestion.load import ingest
from ingestion.replay import replay
from ingestion.tables import ensure_table
from semantic.rollups import Record

Place = tuple[str, str]


def build(settings: Settings, *, environment: str, restate: bool, terminal: Terminal) -> bool:
    """Run the whole chain; whether every file was loaded and every contract holds.

    A failed file or contract is told of and does not stop the rest; a model that fails raises BuildError, and
    nothing that reads it is computed.
    """
    ensure_raw_tables(settings)
    loaded = _ingest_all(settings, terminal)
    ship_landed(settings, terminal)
    arrivals = _arrivals(settings, environment)
    _tell_late(arrivals, restate, terminal)
    span = arrivals.restated() if restate else arrivals.span
    if settings.bigquery is not None:
        from headrace.cost.report import hold_budget

        hold_budget(settings, environment, terminal)
    rollups = outdate_rollups(settings)
    changes: list[Computed] = []
    on_computed = changes.append if settings.bigquery is None else None
    reads = apply_models(settings, environment, span, arrivals.tables, terminal, on_computed)
    narrow_rollups(settings, rollups, changes)
    report = _check(settings, environment, terminal)
    _remember(settings, environment, arrivals, reads, is_restated=restate or not arrivals.late)
    if settings.semantic.rollups and settings.bigquery is None:
        show_rollups(build_rollups(settings, environment), terminal)
    _summarize(settings, environment, terminal)
    return loaded and report.is_ok


def ensure_raw_tables(settings: Settings) -> None:
    """Make the raw tables that are missing: models read all of them, also those of sources that were never ingested."""
    with open_warehouse(settings, read_only=False) as backend:
        create_ledger(backend.con)
        for source in known_sources():
            for table in load_source(source).tables.values():
                ensure_table(backend.con, table)


def ingest_source(settings: Settings, source: str, path: Path | str, terminal: Terminal) -> IngestReport:
    """Load what is new at `path`, telling each file as it is done. Raises IngestionError, WarehouseBusy."""
    with terminal.progress() as progress:
        task = progress.add_task(f"ingesting {source}", total=None)

        def on_batch(result: BatchResult) -> None:
            progress.update(task, advance=1, description=f"ingesting {source}: {result.file}")

        report = ingest(settings, source, path, on_batch=on_batch)
    show_report(report, terminal)
    return report


def _ingest_all(settings: Settings, terminal: Terminal) -> bool:
    done = True
    for source, path in settings.sources.items():
        if path.exists():
            done &= not ingest_source(settings, source, path, terminal).failures
        else:
            terminal.warn(f"source {source}: there is nothing at {path}; `headrace sample` writes sample data")
    return done


def replay_lake(settings: Settings, source: str | None, terminal: Terminal) -> None:
    """Rebuild the raw tables of a source, or of all, from the lake. Raises LakeError, WarehouseBusy."""
    with terminal.progress() as progress:
        task = progress.add_task("replaying the lake", total=None)
        reports = replay(settings, source=source, on_batch=lambda _: progress.update(task, advance=1))
    for report in reports:
        show_report(report, terminal)
    ensure_raw_tables(settings)
    ship_landed(settings, terminal, anew=True)


def show_rollups(built: Sequence[Record], terminal: Terminal) -> None:
    """Tell which rollups were built."""
    if not built:
        terminal.say("all rollups are fresh")
        return
    terminal.table("Rollups", ("rollup", "rows"), [(one.name, one.rows) for one in built])


def show_report(report: IngestReport, terminal: Terminal) -> None:
    """Tell what became of each file, and of what to be warned."""
    new = [result for result in report.results if result.status == "loaded"]
    known = sum(result.status == "known" for result in report.results)
    if new:
        columns = ("file", "table", "read", "loaded", "quarantined", "duplicate")
        terminal.table(f"Loaded from {report.source}", columns, [_counts(result) for result in new])
    if known:
        terminal.say(f"{report.source}: {known} files hold nothing new")
    for result in report.failures:
        terminal.fail(result.message)
    for warning in (*report.warnings, *(text for result in report.results for text in result.warnings)):
        terminal.warn(warning)
    if quarantined := report.counts.rows_quarantined:
        terminal.say(
            f"{quarantined:,} rows are in quarantine, with their reasons: tables `quarantine.{report.source}__*`"
        )


def _counts(result: BatchResult) -> tuple[object, ...]:
    counts = result.counts
    return (
        result.file,
        f"raw.{result.table}",
        counts.rows_read,
        counts.rows_loaded,
        counts.rows_quarantined,
        counts.rows_duplicate,
    )


def _arrivals(settings: Settings, environment: str) -> Arrivals:
    with open_warehouse(settings, read_only=False) as backend:
        return find_arrivals(
            backend.con, environment, int(str(settings.variables["lookback_days"])), gateway=settings.gateway
        )


def _tell_late(arrivals: Arrivals, restate: bool, terminal: Terminal) -> None:
    for late in () if restate else arrivals.late:
        terminal.warn(
            f"{late.rows:,} rows of {late.table} came later than the lookback ({late.span.start} to {late.span.end}) "
            "and were left out of the models: `headrace build --restate` brings them in"
        )


def _remember(
    settings: Settings,
    environment: str,
    arrivals: Arrivals,
    reads: Reads,
    *,
    is_restated: bool,
) -> None:
    with open_warehouse(settings, read_only=False) as backend:
        remember_build(backend.con, environment, arrivals.through, is_restated=is_restated, gateway=settings.gateway)
        remember_reads(backend.con, reads)


def _check(settings: Settings, environment: str, terminal: Terminal) -> Report:
    now = datetime.now(UTC)
    with open_gateway(settings, read_only=False) as backend, terminal.progress() as progress:
        task = progress.add_task("checking contracts", total=None)
        report = check_environment(
            backend,
            environment=environment,
            now=now,
            tables=_loaded_tables(backend, environment),
            on_table=lambda table: progress.update(task, advance=1, description=f"checking {table}"),
        )
        write_results(backend, report)
    for result in report.warnings:
        terminal.warn(str(result.message))
    for result in report.errors:
        terminal.fail(str(result.message))
    return report


def _loaded_tables(backend: SQLBackend, environment: str) -> Tables:
    """All tables but the raw ones that nothing was ever loaded into: a source that is not in use breaks no contract."""
    loads = backend.table("loads", database="raw")
    loaded = set(loads.filter(loads.status == "loaded").table_name.to_pyarrow().to_pylist())
    places = find_tables(backend, environment)
    return {key: place for key, place in places.items() if key[0] != "raw" or key[1] in loaded}


def _summarize(settings: Settings, environment: str, terminal: Terminal) -> None:
    with open_gateway(settings, read_only=True) as backend:
        places = {("raw", table): ("raw", table) for table in backend.list_tables(database="raw")}
    reader = open_reader(settings)
    places |= reader.tables(environment)
    order = ("raw", *LAYERS)
    ordered = [place for _, place in sorted(places.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))]
    counted = reader.fetch(_count_query(ordered).sql(reader.dialect), (), lambda _: nullcontext())
    reader.close()
    counts = dict(zip(counted["name"].to_pylist(), counted["row_count"].to_pylist(), strict=True))
    name = "the warehouse" if environment == PRODUCTION else f"environment {environment}"
    terminal.table(f"Tables of {name}", ("table", "rows"), [(one, counts[one]) for one in map(".".join, ordered)])


def _count_query(places: Sequence[Place]) -> exp.Query:
    """The rows of all tables in one statement: `name`, `row_count`."""
    counts = [
        exp.select(
            exp.Literal.string(f"{schema}.{table}").as_("name"), exp.Count(this=exp.Star()).as_("row_count")
        ).from_(exp.table_(table, db=schema, quoted=True))
        for schema, table in places
    ]
    return exp.union(*counts, distinct=False) if len(counts) > 1 else counts[0]
