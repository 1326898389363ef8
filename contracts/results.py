"""Checks whole environments, and keeps what was found in the table `contracts.results`."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.sql import SQLBackend

from contracts.base import LAYERS, Terms
from contracts.checks import RuleResult, check_table
from contracts.registry import all_contracts

SCHEMA, TABLE = "contracts", "results"
COLUMNS = ibis.schema(
    {
        "result_id": "string",
        "run_id": "string",
        "checked_at": "timestamp('UTC')",
        "environment": "string",
        "layer": "string",
        "table_name": "string",
        "contract_version": "string",
        "rule": "string",
        "column_name": "string",
        "severity": "string",
        "rows_checked": "int64",
        "rows_failing": "int64",
        "is_passed": "boolean",
        "sample": "string",
        "message": "string",
    }
)
"""One row per rule and run."""

Tables = Mapping[tuple[str, str], tuple[str, str]]
"""(layer, table) -> (schema, table)"""


@dataclass(frozen=True)
class Report:
    """The results of one run over an environment."""

    environment: str
    checked_at: datetime
    results: tuple[RuleResult, ...]
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def errors(self) -> tuple[RuleResult, ...]:
        """Failed rules of severity error."""
        return tuple(one for one in self.results if not one.is_passed and one.severity == "error")

    @property
    def warnings(self) -> tuple[RuleResult, ...]:
        """Failed rules of severity warn."""
        return tuple(one for one in self.results if not one.is_passed and one.severity == "warn")

    @property
    def is_ok(self) -> bool:
        """Whether no rule of severity error failed."""
        return not self.errors


def check_environment(
    backend: SQLBackend,
    *,
    environment: str = "prod",
    now: datetime,
    layers: Sequence[str] = LAYERS,
    tables: Tables | None = None,
    on_table: Callable[[str], None] | None = None,
) -> Report:
    """Check every table of the layers that has a contract; `on_table` hears of each before it is checked.

    `tables` says where they are; without it, an environment's own view is taken where there is one, else production's.
    A raw table that does not exist was never loaded, and is left out; elsewhere its absence is a failed rule `table`.
    """
    places = tables if tables is not None else find_tables(backend, environment)
    related = _related(backend, places)
    results: list[RuleResult] = []
    for contract in all_contracts():
        terms = contract.terms()
        if terms.layer not in layers:
            continue
        if on_table:
            on_table(terms.name)
        table = related(terms.layer, terms.table)
        if table is not None:
            results += check_table(contract, table, now=now, related=related)
        elif terms.layer != "raw":
            results.append(_absent(terms, environment))
    return Report(environment, now, tuple(results))


def find_tables(backend: SQLBackend, environment: str = "prod") -> Tables:
    """Where the tables of each layer are: the environment's own schema first, else production's."""
    places: dict[tuple[str, str], tuple[str, str]] = {}
    for layer in LAYERS:
        for schema in (layer, f"{layer}__{environment.lower()}"):
            places |= {(layer, table): (schema, table) for table in _tables_in(backend, schema)}
    return places


def _tables_in(backend: SQLBackend, schema: str) -> list[str]:
    """The tables of a schema, none where there is no such schema."""
    with warnings.catch_warnings():
        # Ibis 12 lists schemas by a call that DuckDB 1.5 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        return list(backend.list_tables(database=schema)) if schema in backend.list_databases() else []


def write_results(backend: SQLBackend, report: Report) -> None:
    """Append a run to `contracts.results`, which is created when it is not there."""
    if TABLE not in _tables_in(backend, SCHEMA):
        backend.create_database(SCHEMA, force=True)
        backend.create_table(TABLE, schema=COLUMNS, database=SCHEMA)
    rows = [_row(report, place, result) for place, result in enumerate(report.results)]
    if rows:
        backend.insert(TABLE, pa.Table.from_pylist(rows, schema=COLUMNS.to_pyarrow()), database=SCHEMA)


def _row(report: Report, place: int, result: RuleResult) -> dict[str, object]:
    return {
        "result_id": f"{report.run_id}-{place}",
        "run_id": report.run_id,
        "checked_at": report.checked_at,
        "environment": report.environment,
        "layer": result.layer,
        "table_name": result.table,
        "contract_version": result.version,
        "rule": result.rule,
        "column_name": ", ".join(result.columns) or None,
        "severity": result.severity,
        "rows_checked": result.rows_checked,
        "rows_failing": result.rows_failing,
        "is_passed": result.is_passed,
        "sample": result.sample,
        "message": result.message,
    }


def _related(backend: SQLBackend, places: Tables) -> Callable[[str, str], ir.Table | None]:
    @cache
    def related(layer: str, table: str) -> ir.Table | None:
        place = places.get((layer, table))
        return backend.table(place[1], database=place[0]) if place else None

    return related


def _absent(terms: Terms, environment: str) -> RuleResult:
    text = f"the table does not exist in environment {environment}; build it, or remove its contract"
    return RuleResult(terms.layer, terms.table, terms.version, "table", (), "error", 0, 1, text)
