"""What a query costs before it runs: estimated from the sizes of columns, or by BigQuery's own dry run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlglot import exp

from headrace.cost.estimate import Estimate, estimate
from headrace.cost.pricing import billed_bytes
from headrace.cost.statistics import Statistics


@dataclass(frozen=True)
class Bill:
    """Bytes that a query reads, and those that are billed for it; `tables` has what is read of each, where known."""

    read: int
    billed: int
    tables: Mapping[str, int]


class Meter(Protocol):
    """What a query in BigQuery's dialect would cost; tables are called `layer.table`."""

    @property
    def source(self) -> str: ...

    def bill(self, query: exp.Query) -> Bill: ...

    def bill_of_all_days(self, run: exp.Query, whole: Callable[[], exp.Query]) -> Bill:
        """The bill of a query over all days; `run` is the same query over some."""
        ...


class Estimated:
    """From the sizes of the tables' columns, day by day. Raises CostError for a table that was not measured."""

    source = "estimate"

    def __init__(self, statistics: Statistics, views: Mapping[str, exp.Query]) -> None:
        self._statistics = statistics
        self._views = views

    def bill(self, query: exp.Query) -> Bill:
        return _bill(estimate(query, self._statistics, self._views))

    def bill_of_all_days(self, run: exp.Query, whole: Callable[[], exp.Query]) -> Bill:  # noqa: ARG002
        """The same columns in all partitions: the query need not be read again, which takes the longest."""
        return _bill(estimate(run, self._statistics, self._views, is_pruned=False))


def _bill(found: Estimate) -> Bill:
    return Bill(found.read, found.billed, {scan.table: scan.bytes for scan in found.scans})


class DryRunner(Protocol):
    """Who can ask BigQuery; `headrace.bigquery.reader.BigQueryReader` is the real one."""

    def bytes_processed(self, sql: str) -> int: ...


class DryRun:
    """BigQuery's own word, which costs nothing. `places` says where tables are: `core.events` -> `core__dev.events`."""

    source = "dry run"

    def __init__(self, runner: DryRunner, places: Mapping[str, str]) -> None:
        self._runner = runner
        self._places = places

    def bill_of_all_days(self, run: exp.Query, whole: Callable[[], exp.Query]) -> Bill:  # noqa: ARG002
        return self.bill(whole())

    def bill(self, query: exp.Query) -> Bill:
        placed = query.copy()
        names = set()
        for table in placed.find_all(exp.Table):
            if table.db:
                name = f"{table.db}.{table.name}"
                names.add(name)
                schema, _, own = self._places.get(name, name).partition(".")
                table.set("this", exp.to_identifier(own, quoted=True))
                table.set("db", exp.to_identifier(schema, quoted=True))
                table.set("catalog", None)
        read = self._runner.bytes_processed(placed.sql("bigquery"))
        # which table how much of it is read from is not said: the minimum is asked for each
        return Bill(read, max(billed_bytes([read]), billed_bytes([1] * len(names)) if read else 0), {})
