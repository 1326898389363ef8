"""Compile time of semantic queries over 80 measures: ours, real Cube's, and (where they install) two other compilers'.

Every engine compiles in a process of its own, in the same run; figures are milliseconds a query. Ours is the whole
way from the request to SQL: parsing and checking it, the plan, the text.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import peers, wide_model
from semantic.compiler import Compiler
from semantic.datamodel.load import load_sources
from semantic.query.parse import parse_query
from tests.semantic.judge.cube import Judge, is_installed

NOW = datetime(2025, 6, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one engine on one task."""

    engine: str
    task: str
    milliseconds: Sequence[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.milliseconds)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.milliseconds, n=20)[-1]


def ours() -> list[Timing]:
    model = load_sources({"shop.yml": wide_model.data_model()})
    timings = []
    for task, (warm, queries) in wide_model.tasks().items():
        compiler = Compiler(model)

        def compile_one(query: wide_model.Query, compiler: Compiler = compiler) -> None:
            compiler.compile(parse_query(query, model, now=NOW))

        for query in warm:
            compile_one(query)
        timings.append(Timing("headrace", task, [_milliseconds(compile_one, query) for query in queries]))
    return timings


def _milliseconds(work: Callable[[wide_model.Query], None], query: wide_model.Query) -> float:
    gc.collect(0)
    start = time.perf_counter()
    work(query)
    return (time.perf_counter() - start) * 1000


def cubes() -> list[Timing]:
    with Judge() as judge:
        judge.open("shop", {"shop.yml": wide_model.data_model()})
        return [
            Timing("Cube 1.7.43", task, [second * 1000 for second in judge.time("shop", queries, warm=warm)])
            for task, (warm, queries) in wide_model.tasks().items()
        ]


def main() -> None:
    console = Console()
    timings = ours()
    if is_installed():
        timings += cubes()
    else:
        console.print("Cube is left out: `make test` installs it (npm ci in tests/semantic/judge)")
    for peer in peers.PEERS:
        measured = peers.measure(peer)
        if isinstance(measured, str):
            console.print(f"{peer.name} is left out: {measured}")
        else:
            timings += [Timing(peer.name, task, figures) for task, figures in measured.items()]
    console.print(_table(timings))


def _table(timings: Sequence[Timing]) -> Table:
    table = Table("task", "engine", title="Compiling one query over 80 measures")
    for name in ("p50 ms", "p95 ms", "p50 / ours"):
        table.add_column(name, justify="right")
    base = {timing.task: timing.p50 for timing in timings if timing.engine == "headrace"}
    for timing in sorted(timings, key=lambda timing: (list(base).index(timing.task), timing.engine != "headrace")):
        ratio = f"{timing.p50 / base[timing.task]:.2f}"
        table.add_row(timing.task, timing.engine, f"{timing.p50:.3f}", f"{timing.p95:.3f}", ratio)
    return table


if __name__ == "__main__":
    main()
