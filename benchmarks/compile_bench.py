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
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import peers, wide_model
from semantic.compiler import Compiler
from semantic.datamodel.load import load_sources
from semantic.query.parser import Parser
from semantic.query.types import Query
from tests.semantic.judge.cube import Judge, is_installed

WHOLE = "headrace"
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
    """The whole way, and the compiler alone, which is what the figures of Cube hold."""
    model = load_sources({"shop.yml": wide_model.data_model()})
    # As `headrace serve` does once it has loaded the model.
    gc.collect()
    gc.freeze()

    timings = []
    for task, (warm, queries) in wide_model.tasks().items():
        whole, alone, parser = Compiler(model), Compiler(model), Parser(model)

        def parsed(query: wide_model.Query, parser: Parser = parser) -> Query:
            return parser.query(query, now=NOW)

        for query in map(parsed, warm):
            whole.compile(query)
            alone.compile(query)
        steps = [
            _milliseconds(lambda query, compiler=whole, parsed=parsed: compiler.compile(parsed(query)), query)
            for query in queries
        ]
        timings.append(Timing(WHOLE, task, steps))
        steps = [_milliseconds(alone.compile, query) for query in map(parsed, queries)]
        timings.append(Timing(f"{WHOLE}, parsed before", task, steps))
    return timings


def _milliseconds(work: Callable[[Any], object], query: Any) -> float:
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
    base = {timing.task: timing.p50 for timing in timings if timing.engine == WHOLE}
    for timing in sorted(
        timings, key=lambda timing: (list(base).index(timing.task), not timing.engine.startswith(WHOLE))
    ):
        ratio = f"{timing.p50 / base[timing.task]:.2f}"
        table.add_row(timing.task, timing.engine, f"{timing.p50:.3f}", f"{timing.p95:.3f}", ratio)
    return table


if __name__ == "__main__":
    main()
