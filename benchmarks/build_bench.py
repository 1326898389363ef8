"""Building all models through SQLMesh beside bare DuckDB that runs the same rendered queries, in one run.

    python -m benchmarks build
    python benchmarks/build_bench.py --events 10000000
    python benchmarks/build_bench.py --days 90

Events of a shop fill a year. Both sides compute every model on two threads with the same limit of memory, and write
them to a file. SQLMesh audits the models besides, which the bare side does not: it builds once without audits, and once
with them. Then one more day of events arrives, and is built in a new process with the days that the models look back,
audits and all. Seconds of the processor stand beside those of the clock. The peaks of memory are those of the processes
that build, with all the events and with a quarter of them. Ends with 1 where the build without audits takes over 1.3
times the bare time, the day over 15 % of the whole build, or the peak grows with the events.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from unittest.mock import patch

import duckdb
import yaml
from rich.console import Console
from rich.table import Table
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.model import Model
from sqlmesh.core.snapshot import SnapshotEvaluator

from benchmarks.events_table import connect
from headrace.config import find_root
from headrace.models import RARE_COLLECTIONS
from sqlmesh_project.external import EXTERNAL_MODELS
from sqlmesh_project.readiness import waiting_for_nobody

BUILD_LIMIT, DAY_LIMIT, GROWTH_LIMIT = 1.3, 0.15, 1.25
MEMORY = "2GB"
BEGIN = date(2025, 5, 1)
PER_USER = 100
TYPES = {"STRING": "VARCHAR", "INT64": "BIGINT", "FLOAT64": "DOUBLE", "BOOL": "BOOLEAN", "TIMESTAMP": "TIMESTAMPTZ"}
NAMES = "['page_view', 'page_view', 'product_view', 'product_view', 'add_to_cart', 'checkout', 'purchase']"
EVENTS = """
INSERT INTO raw.commerce__events BY NAME
SELECT printf('%016x', hash(i)) AS event_id, 'u' || hash(i + 1) % {users} AS user_id,
    TIMESTAMPTZ '{day} 00:00:00+00' + to_seconds((hash(i + 2) % {seconds})::BIGINT) AS event_time,
    {names}[1 + (hash(i + 3) % 7)::BIGINT] AS event_name, ['US', 'EU', 'AUS'][1 + (hash(i + 4) % 3)::BIGINT] AS region,
    '/p/' || hash(i + 5) % 50 AS page, ['desktop', 'mobile'][1 + (hash(i + 6) % 2)::BIGINT] AS device,
    'b1' AS _batch_id, 'f' AS _source_file, i AS _row_number, TIMESTAMPTZ '2025-08-01 00:00:00+00' AS _loaded_at
FROM range({first}, {last}) AS numbers (i)
"""

Figures = dict[str, float]


@dataclass(frozen=True)
class Load:
    """How many events happen evenly over how many days."""

    events: int
    days: int

    @property
    def end(self) -> date:
        """The day after the last; the one that comes later."""
        return BEGIN + timedelta(days=self.days)


@contextmanager
def warehouse(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file as the gateway opens it, on two threads with the limit of memory."""
    with connect(str(folder / "warehouse.duckdb"), threads=2) as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        yield connection


def fill(folder: Path, load: Load) -> Figures:
    """Empty raw tables, and the events of a shop."""
    with warehouse(folder) as connection:
        connection.execute("CREATE SCHEMA raw")
        for table in yaml.safe_load(EXTERNAL_MODELS.read_text(encoding="utf-8")):
            columns = (f'"{name}" {TYPES.get(type_, type_)}' for name, type_ in table["columns"].items())
            connection.execute(f"CREATE TABLE {table['name']} ({', '.join(columns)})")
        _add_events(connection, load.events, 0, load.events, BEGIN, load.days)
    return {}


def add_day(folder: Path, load: Load) -> Figures:
    """One more day, with as many events as each before it."""
    with warehouse(folder) as connection:
        _add_events(connection, load.events, load.events, load.events + load.events // load.days, load.end, 1)
    return {}


def _add_events(
    connection: duckdb.DuckDBPyConnection, events: int, first: int, last: int, day: date, days: int
) -> None:
    users = max(events // PER_USER, 1)
    connection.execute(EVENTS.format(first=first, last=last, day=day, seconds=days * 86400, users=users, names=NAMES))


def build(_: Path, load: Load) -> Figures:
    """The first plan: all days of all models, and their audits."""
    now, skipped = str(load.end), {"skip_tests": True, "skip_linter": True}
    return _timed(lambda context: context.plan("prod", execution_time=now, auto_apply=True, no_prompts=True, **skipped))


def build_unaudited(folder: Path, load: Load) -> Figures:
    """The first plan without the audits."""
    with patch.object(SnapshotEvaluator, "audit", lambda *_, **__: []):
        return build(folder, load)


def build_day(_: Path, load: Load) -> Figures:
    """The run that the new day is due in."""
    day, now = str(load.end), str(load.end + timedelta(days=1))
    return _timed(lambda context: context.run("prod", end=day, execution_time=now, skip_janitor=True))


def _timed(work: Callable[[Context], object]) -> Figures:
    """Seconds of work with the models."""
    context = _project()
    context.engine_adapter.execute(f"SET threads = 2; SET memory_limit = '{MEMORY}'")
    with waiting_for_nobody(), _clocked() as figures:
        work(context)
    context.close()
    return figures


@contextmanager
def _clocked() -> Iterator[Figures]:
    """Fills in, at its end, the seconds of the clock and of the processor."""
    figures: Figures = {}
    begin, used = time.perf_counter(), time.process_time()
    yield figures
    figures |= {"seconds": time.perf_counter() - begin, "cpu": time.process_time() - used}


def _project() -> Context:
    """The models on the warehouse in the data folder, as `headrace build` loads them."""
    gc.set_threshold(*RARE_COLLECTIONS)
    set_console(NoopConsole())
    return Context(paths=[find_root() / "sqlmesh_project"])


def bare(folder: Path, load: Load) -> Figures:
    """Seconds of the rendered queries alone, in the models' order."""
    context = _project()
    models = [context.models[name] for name in context.dag.sorted if name in context.models]
    statements = [_statement(model, load) for model in models if not model.kind.is_external]
    context.close()
    with warehouse(folder) as connection:
        connection.execute("CREATE SCHEMA staging; CREATE SCHEMA core; CREATE SCHEMA marts")
        with _clocked() as figures:
            for statement in statements:
                connection.execute(statement)
        return figures


def _statement(model: Model, load: Load) -> str:
    """Makes the table or view of a model. An incremental one may read itself: it is there, empty, before."""
    last = str(load.end - timedelta(days=1))
    query = model.render_query_or_raise(start=str(BEGIN), end=last).sql("duckdb", comments=False)
    if not model.kind.is_incremental_by_time_range:
        return f"CREATE {'VIEW' if model.kind.is_view else 'TABLE'} {model.name} AS {query}"
    types = model.columns_to_types or {}
    columns = ", ".join(f'"{name}" {type_.sql("duckdb")}' for name, type_ in types.items())
    return f"CREATE TABLE {model.name} ({columns}); INSERT INTO {model.name} BY NAME {query}"


STAGES = {one.__name__: one for one in (fill, build, build_unaudited, add_day, build_day, bare)}


def run_stage(name: str, folder: Path, load: Load) -> Figures:
    """A stage in this process, with the most that it held, in megabytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figures = STAGES[name](folder, load)
    return {**figures, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


PYTHON = (sys.executable, "-W", "ignore")


def in_process(name: str, folder: Path, load: Load) -> Figures:
    done = subprocess.run(
        [*PYTHON, __file__, "--stage", name, "--events", str(load.events), "--days", str(load.days)],
        env={**os.environ, "HEADRACE_DATA": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure(load: Load, *stages: str) -> dict[str, Figures]:
    """Figures of stages one after another on a warehouse of their own, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return {name: in_process(name, Path(folder), load) for name in ("fill", *stages)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    load = Load(asked.events, asked.days)
    if asked.stage:
        print(json.dumps(run_stage(asked.stage, Path(os.environ["HEADRACE_DATA"]), load)))
        return 0
    alone = measure(load, "bare")["bare"]
    unaudited = measure(load, "build_unaudited")["build_unaudited"]
    small = measure(Load(load.events // 4, load.days), "build")["build"]
    ours = measure(load, "build", "add_day", "build_day")
    title = f"{load.events:,} events of {load.days} days, 2 threads, {MEMORY}"
    return report(title, {"bare": alone, "unaudited": unaudited, "small": small, **ours})


def report(title: str, figures: dict[str, Figures]) -> int:
    """Prints the ratios; 1 where one is over its limit."""
    table = Table("what", "s", "CPU s", "ratio", "limit", title=title)
    seconds = {name: one["seconds"] for name, one in figures.items() if "seconds" in one}
    rows = (
        ("bare DuckDB", "bare", None, None),
        ("full build without audits, to bare DuckDB", "unaudited", seconds["unaudited"] / seconds["bare"], BUILD_LIMIT),
        ("full build", "build", None, None),
        ("one day, to the full build", "build_day", seconds["build_day"] / seconds["build"], DAY_LIMIT),
    )
    for what, name, ratio, limit in rows:
        shown = ("", "") if ratio is None else (f"{ratio:.2f}", f"{limit}")
        table.add_row(what, f"{seconds[name]:.1f}", f"{figures[name]['cpu']:.1f}", *shown)
    full, small = figures["build"]["peak"], figures["small"]["peak"]
    console = Console()
    console.print(table)
    console.print(
        f"peak of memory: {full:,.0f} MB, with a quarter of the events {small:,.0f} MB,"
        f" ratio {full / small:.2f}, limit {GROWTH_LIMIT}"
    )
    ratios = [(ratio, limit) for _, _, ratio, limit in rows if ratio is not None and limit is not None]
    return int(any(ratio > limit for ratio, limit in [*ratios, (full / small, GROWTH_LIMIT)]))


if __name__ == "__main__":
    sys.exit(main())
