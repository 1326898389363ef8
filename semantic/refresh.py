"""When the table of a rollup is made again, and which part of it: its refresh key and its partitions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlglot import exp

from semantic.compiler import Compiler
from semantic.datamodel.columns import table_column
from semantic.datamodel.intervals import Interval, is_interval, parse_interval
from semantic.datamodel.types import PreAggregation
from semantic.partition_keys import PartitionKey, Span, partition_key, placed_sql
from semantic.plan.build import alias_of
from semantic.plan.composed import rollup_tree
from semantic.plan.rollups import ROLLS_UP_TO
from semantic.query.dates import add, truncate
from semantic.query.types import DateRange

FOREVER = datetime(9999, 1, 1)  # noqa: DTZ001 - naive UTC, as all spans


@dataclass(frozen=True, slots=True)
class RefreshKey:
    """How old an author lets a rollup be: `every` () for not at all, or as long as the value of `sql` stays, or that of
    `by_partition` for each partition. With `incremental` only the partitions are made again whose `update_window` after
    their end was not over yet."""

    every: Interval = ()
    sql: str = ""
    by_partition: PartitionKey | None = None
    incremental: bool = False
    update_window: Interval = ()

    @property
    def is_asked(self) -> bool:
        """Whether the value of SQL decides."""
        return bool(self.sql) or self.by_partition is not None


@dataclass(frozen=True, slots=True)
class Partitions:
    """How the table of a rollup is taken apart: by units of the time in `column`. `source` is the table column, as
    (`schema.table`, column), of which this time is the bucket; None where it is computed."""

    unit: str
    column: str
    source: tuple[str, str] | None

    def covering(self, spans: Iterable[Span]) -> tuple[Span, ...]:
        """The whole partitions that spans touch, joined where they follow one another."""
        found: list[Span] = []
        for start, end in sorted((truncate(start, self.unit), self._next(end)) for start, end in spans if start < end):
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(found[-1][1], end))
            else:
                found.append((start, end))
        return tuple(found)

    def between(self, first: datetime, last: datetime) -> tuple[Span, ...]:
        """Every partition from that of one time to that of another."""
        found: list[Span] = []
        start = truncate(first, self.unit)
        while start <= last:
            found.append((start, add(start, 1, self.unit)))
            start = found[-1][1]
        return tuple(found)

    def _next(self, end: datetime) -> datetime:
        """The first end of a partition that is not before a time."""
        if end >= FOREVER:
            return FOREVER
        return add(truncate(end - timedelta(microseconds=1), self.unit), 1, self.unit)


def refresh_key(compiler: Compiler, entry: PreAggregation, parts: Partitions | None) -> RefreshKey:
    """What a pre-aggregation says of its refreshing. A cron line, and SQL that is none or has other references in it
    than FILTER_PARAMS of the time that tells partitions apart, say nothing here."""
    said = entry.options.get("refresh_key") or {}
    every, window, sql = (str(said.get(name) or "") for name in ("every", "update_window", "sql"))
    return RefreshKey(
        every=parse_interval(every) if is_interval(every) else (),
        sql=placed_sql(sql, compiler) if sql and "{" not in sql else "",
        by_partition=partition_key(sql, entry.time_dimensions[0].dimension, compiler)
        if "{" in sql and parts is not None and parts.source is not None
        else None,
        incremental=bool(said.get("incremental")),
        update_window=parse_interval(window) if is_interval(window) else (),
    )


def partitions(compiler: Compiler, entry: PreAggregation, tree: exp.Expr) -> Partitions | None:
    """How a rollup, which is built by `tree`, is partitioned: None where it is not, and where one partition may need
    rows of another."""
    unit = entry.partition_granularity
    if unit is None or entry.type != "rollup" or len(entry.time_dimensions) != 1:
        return None
    (time,) = entry.time_dimensions
    if unit not in ROLLS_UP_TO.get(time.granularity, ()) or tree.find(exp.Window) is not None:
        return None
    return Partitions(unit, f"{alias_of(time.dimension)}_{time.granularity}", _source(compiler, entry, tree))


def _source(compiler: Compiler, entry: PreAggregation, tree: exp.Expr) -> tuple[str, str] | None:
    """The table column that decides alone about the partition that a row is in: of the table that the joins begin at,
    which is read for nothing else."""
    dimension = compiler.planner.members.dimension(entry.time_dimensions[0].dimension)
    cube = compiler.model.cubes[dimension.cube]
    column = table_column(cube, dimension)
    if not column or cube.sql_table is None or rollup_tree(compiler.planner, entry).root != cube.name:
        return None
    table = exp.to_table(compiler.tables(cube.sql_table) if compiler.tables else cube.sql_table)
    read = [(one.db, one.name) for one in tree.find_all(exp.Table)]
    return (f"{table.db or 'main'}.{table.name}", column) if read.count((table.db, table.name)) == 1 else None


def later(moment: datetime, interval: Interval) -> datetime:
    """A time an interval later."""
    for count, unit in interval:
        moment = add(moment, count, unit)
    return moment


def earlier(moment: datetime, interval: Interval) -> datetime:
    """A time an interval earlier."""
    return later(moment, tuple((-count, unit) for count, unit in interval))


def as_range(span: Span) -> DateRange:
    """A span as queries have it: both ends inside, to the millisecond."""
    return DateRange(span[0], span[1] - timedelta(milliseconds=1))
