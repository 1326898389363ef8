"""Writes a sample of any of the sources."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from ingestion.errors import IngestionError, UnknownSource
from ingestion.sample.commerce import write_commerce
from ingestion.sample.consent import write_consent
from ingestion.sample.files import Written
from ingestion.sample.intake import write_intake
from ingestion.sample.plan import Plan
from ingestion.sample.population import forget, population
from ingestion.sample.rewards import write_rewards
from ingestion.sample.web_funnel import write_web_funnel

Writer = Callable[[duckdb.DuckDBPyConnection, Plan, Path], list[Written]]

WRITERS: Mapping[str, Writer] = {
    "consent": write_consent,
    "web_funnel": write_web_funnel,
    "rewards": write_rewards,
    "intake": write_intake,
    "commerce": write_commerce,
}
LAST_DAY = date(2025, 6, 30)
"""A past day on every clock, and always the same."""


@dataclass(frozen=True)
class SourceReport:
    """What was written for a source."""

    name: str
    folder: Path
    written: tuple[Written, ...]

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.written)


@dataclass(frozen=True)
class SampleReport:
    """What was written, and the truths that were hidden in it."""

    sources: tuple[SourceReport, ...]
    truths: Mapping[str, str]

    def rows(self) -> list[tuple[str, str, int]]:
        """Source, file and rows of each file, for a table."""
        return [(source.name, one.name(source.folder), one.rows) for source in self.sources for one in source.written]


def write_sample(
    folder: Path,
    *,
    scale: float = 1,
    days: int = 120,
    late: float = 0.01,
    dirty: float = 0.005,
    seed: int = 7,
    end: date = LAST_DAY,
    sources: Sequence[str] | None = None,
) -> SampleReport:
    """Write a sample of each source into `<folder>/<source>`, in place of what was there.

    Scale 1 is some 300,000 rows over all sources, and rows grow with it; `late` and `dirty` are shares of rows. Equal
    arguments give equal files. Raises UnknownSource, and IngestionError for sizes that cannot be.
    """
    wanted = tuple(WRITERS) if sources is None else tuple(sources)
    unknown = sorted(set(wanted) - set(WRITERS))
    if unknown:
        raise UnknownSource(f"no sample of source {', '.join(unknown)}; there are: {', '.join(WRITERS)}")
    if scale <= 0 or days < 1 or not 0 <= late < 1 or not 0 <= dirty < 1:
        raise IngestionError("a sample needs scale > 0, days >= 1, and shares of late and dirty rows from 0 to below 1")
    plan = Plan(scale, days, late, dirty, seed, end)
    with population(plan) as connection:
        reports = tuple(_write(connection, plan, name, folder / name) for name in wanted)
    return SampleReport(reports, plan.truths)


def _write(connection: duckdb.DuckDBPyConnection, plan: Plan, name: str, folder: Path) -> SourceReport:
    shutil.rmtree(folder, ignore_errors=True)
    written = WRITERS[name](connection, plan, folder)
    forget(connection)
    return SourceReport(name, folder, tuple(written))
