"""What it costs to build the models: the first time, each run of the schedule, and a year of runs."""

from __future__ import annotations

import datetime as dt
import gc
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from contracts import all_contracts
from headrace.config import Settings
from headrace.cost.meter import Meter
from headrace.errors import ProjectError
from headrace.models import RARE_COLLECTIONS

if TYPE_CHECKING:
    from sqlmesh.core.model import Model

_YEAR_SECONDS = 365 * 86_400


@dataclass(frozen=True)
class ModelCost:
    """Bytes billed for one model, and those that its first build reads.

    `run` is one run of its schedule, with the intervals that it looks back to.
    """

    name: str
    kind: str
    read: int
    full: int
    run: int
    runs_per_year: int
    run_read: int = 0
    """Of the bytes of a run those that are read, before minimums."""

    @property
    def year(self) -> int:
        return self.run * self.runs_per_year


def load_models(settings: Settings) -> Mapping[str, Model]:
    """The models by `layer.table`. Raises ProjectError with SQLMesh's reason."""
    from sqlmesh import Context
    from sqlmesh.core.console import NoopConsole, set_console
    from sqlmesh.utils.errors import SQLMeshError

    from headrace.sqlmesh_config import sqlmesh_config

    set_console(NoopConsole())
    gc.set_threshold(*RARE_COLLECTIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            context = Context(paths=str(settings.project), config=sqlmesh_config(settings, in_memory=True))
        except SQLMeshError as error:
            raise ProjectError(f"the models in {settings.project} cannot be read: {error}") from error
    return {table_name(model): model for model in context.models.values()}


def table_name(model: Model) -> str:
    return f"{model.fully_qualified_table.db}.{model.fully_qualified_table.name}"


class Views(Mapping[str, exp.Query]):
    """The queries of models that are views, rendered when they are asked for: to read one is to read what it reads."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = {name: model for name, model in models.items() if model.kind.is_view and model.is_sql}
        self._rendered: dict[str, exp.Query] = {}

    def __getitem__(self, name: str) -> exp.Query:
        if name not in self._rendered:
            self._rendered[name] = _query(self._models[name], None, None)
        return self._rendered[name]

    def __contains__(self, name: object) -> bool:
        return name in self._models

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)


def partitions(models: Mapping[str, Model]) -> Mapping[str, str]:
    """The time column that a table's partitions follow."""
    return {name: model.time_column.column.name for name, model in models.items() if model.time_column}


def model_costs(models: Mapping[str, Model], meter: Meter, latest: dt.date) -> Sequence[ModelCost]:
    """The cost of each model that is a table, `latest` being the last day that has data. Raises CostError."""
    tables = [(name, model) for name, model in models.items() if model.is_sql and not _is_free(model)]
    return [_cost(name, model, meter, latest) for name, model in sorted(tables)]


def _is_free(model: Model) -> bool:
    return model.kind.is_view or model.kind.is_external or model.kind.is_seed or model.kind.is_embedded


def _cost(name: str, model: Model, meter: Meter, latest: dt.date) -> ModelCost:
    if model.time_column:
        first = latest - dt.timedelta(days=model.lookback)
        days = _query(model, first, latest)
        whole = meter.bill_of_all_days(days, lambda: _query(model, None, latest))
        # the first build moves its rows from the table that it computes them into
        full = whole.billed + meter.bill(_replaced(name, model, None, None)).billed
        runs = [meter.bill(days), meter.bill(_replaced(name, model, first, latest))]
    else:
        whole = meter.bill(_query(model, None, latest))
        full, runs = whole.billed, [whole]
        if model.kind.is_incremental or model.kind.is_scd_type_2:
            runs.append(meter.bill(_replaced(name, model, None, None)))
    run, run_read = sum(bill.billed for bill in runs), sum(bill.read for bill in runs)
    return ModelCost(name, model.kind.name.value, whole.read, full, run, _runs_per_year(model), run_read)


def audit_costs(models: Mapping[str, Model], meter: Meter, latest: dt.date) -> ModelCost:
    """The audits of all models together: each is a query over the days that were computed, at most of all columns."""
    audited = [(name, model) for name, model in models.items() if model.audits and model.columns_to_types]
    read = full = run = year = run_read = 0
    for name, model in audited:
        first = latest - dt.timedelta(days=model.lookback) if model.time_column else None
        whole = meter.bill(_replaced(name, model, None, None))
        days = meter.bill(_replaced(name, model, first, latest)) if first else whole
        read += whole.read * len(model.audits)
        full += whole.billed * len(model.audits)
        run += days.billed * len(model.audits)
        run_read += days.read * len(model.audits)
        year += days.billed * len(model.audits) * _runs_per_year(model)
    return ModelCost("audits", "AUDIT", read, full, run, round(year / run) if run else 0, run_read)


def check_costs(tables: Iterable[str], meter: Meter, runs_per_year: int) -> ModelCost:
    """The checks of contracts after a build: a query a table, of the columns that its rules are about, in all days."""
    bills = []
    for contract in all_contracts():
        place = f"{contract.terms().layer}.{contract.terms().table}"
        columns = sorted({column for rule in contract.rules() for column in rule.columns})
        if place in tables and columns:
            bills.append(meter.bill(exp.select(*map(exp.column, columns)).from_(place)))
    billed, read = sum(bill.billed for bill in bills), sum(bill.read for bill in bills)
    return ModelCost("contract checks", "CHECK", read, billed, billed, runs_per_year, read)


def _runs_per_year(model: Model) -> int:
    """How often its schedule runs, from the next ten times."""
    moment = begun = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    for _ in range(10):
        moment = model.cron_next(moment)
    return round(_YEAR_SECONDS * 10 / (moment - begun).total_seconds())


def _replaced(name: str, model: Model, first: dt.date | None, last: dt.date | None) -> exp.Query:
    """What a DELETE or MERGE reads of the table that it changes: "t = the sum of bytes for all columns in the table",
    "t' = the total size of all partitions being updated" (DML syntax, On-demand query size calculation)."""
    query = exp.select(*(exp.column(column) for column in model.columns_to_types_or_raise)).from_(name)
    if model.time_column and first and last:
        time = exp.column(model.time_column.column.name)
        query = query.where(time >= _literal(first), time < _literal(last + dt.timedelta(days=1)))
    return query


def _literal(day: dt.date) -> exp.Expr:
    return exp.cast(exp.Literal.string(f"{day} 00:00:00+00:00"), "TIMESTAMPTZ")


def _query(model: Model, first: dt.date | None, last: dt.date | None) -> exp.Query:
    """The model's query over whole days; without a first one, over all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        query = model.render_query_or_raise(
            start=first or dt.date(1970, 1, 1), end=last or dt.date(2999, 1, 1), execution_time=last, optimize=False
        )
    return query.copy()
