"""`headrace cost`: what the models and single queries cost on BigQuery, and whether a run keeps the budget."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from rich.markup import escape
from sqlglot import exp

from headrace.config import Settings
from headrace.cost.estimate import CostError, Unmeasured, tables_of
from headrace.cost.meter import Bill, DryRun, Estimated, Meter
from headrace.cost.models import ModelCost, Views, audit_costs, check_costs, load_models, model_costs, partitions
from headrace.cost.pricing import usd
from headrace.cost.statistics import measure
from headrace.errors import HeadraceError, WarehouseError
from headrace.never_null import on_bigquery
from headrace.terminal import Terminal
from headrace.warehouse import open_reader
from semantic.datamodel.load import load_data_model
from semantic.engine import Engine
from semantic.sql.literals import with_literals
from semantic.sqlapi.planner import plan_sql

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlmesh.core.model import Model

    from headrace.warehouse import Dialect, Places, Reader, Watch


@dataclass(frozen=True)
class PlanCost:
    """What building an environment's models costs, by model; `source` says how it is known."""

    models: Sequence[ModelCost]
    source: str
    price_per_tib: float

    @property
    def run_usd(self) -> float:
        return usd(sum(one.run for one in self.models), self.price_per_tib)

    @property
    def full_usd(self) -> float:
        return usd(sum(one.full for one in self.models), self.price_per_tib)

    @property
    def year_usd(self) -> float:
        return usd(sum(one.year for one in self.models), self.price_per_tib)


@dataclass(frozen=True)
class QueryCost:
    """What a query costs; `bills` are those of the compiled queries in it."""

    bills: Sequence[Bill]
    source: str
    price_per_tib: float

    @property
    def usd(self) -> float:
        return usd(sum(one.billed for one in self.bills), self.price_per_tib)


def plan_cost(settings: Settings, environment: str) -> PlanCost:
    """The cost of each model. Raises CostError where there is no data yet, ProjectError, WarehouseError."""
    with _places(settings, environment) as (reader, placed):
        models = load_models(settings)
        meter, latest = _meter(settings, reader, placed, models, models)
        computed = model_costs(models, meter, latest)
        often = max((one.runs_per_year for one in computed), default=0)
        costs = [*computed, audit_costs(models, meter, latest), check_costs(models, meter, often)]
        return PlanCost(costs, meter.source, settings.cost.price_per_tib_usd)


def query_cost(settings: Settings, text: str, environment: str, warn: Callable[[str], None]) -> QueryCost:
    """The cost of a REST query or of semantic SQL. Raises SemanticError, and as `plan_cost` does."""
    # It teaches sqlglot the statements of models, which a generator that has written SQL before learns no more.
    import sqlmesh  # noqa: F401

    model = load_data_model(settings.data_model, strict=False)
    for problem in model.problems:
        warn(str(problem))
    trees = list(_compiled(Engine(model, _Nowhere(), never_null=on_bigquery(environment)), text))
    with _places(settings, environment) as (reader, placed):
        models = load_models(settings)
        views = Views(models)
        tables = frozenset().union(*(tables_of(one, views) for one in trees))
        meter, _ = _meter(settings, reader, placed, models, tables)
        return QueryCost([meter.bill(tree) for tree in trees], meter.source, settings.cost.price_per_tib_usd)


def require_budget(cost: PlanCost, budget: float | None) -> None:
    """Raises CostError where a run costs more than it may."""
    if budget is not None and cost.run_usd > budget:
        raise CostError(
            f"a run would cost {cost.run_usd:.2f} USD, over the budget of {budget:.2f} USD: "
            "raise headrace.cost.budget_usd_per_run, or make the models read less (`headrace cost plan`)"
        )


def hold_budget(settings: Settings, environment: str, terminal: Terminal) -> None:
    """On BigQuery, say what a build will cost before it begins. Raises CostError where that is over the budget.

    The emulator costs nothing, and is measured only where a budget is set. What is built for the first time has no
    tables to measure: `maximum_bytes_billed` of the gateway limits its jobs.
    """
    budget = settings.cost.budget_usd_per_run
    if settings.bigquery is None or (settings.bigquery.is_emulator and budget is None):
        return
    try:
        cost = plan_cost(settings, environment)
    except (Unmeasured, WarehouseError) as error:
        terminal.say(f"what this build costs cannot be told before it: {escape(str(error))}")
        return
    terminal.say(f"a run of all models costs about {cost.run_usd:.4f} USD, a first build {cost.full_usd:.4f} USD")
    require_budget(cost, budget)


@contextmanager
def _places(settings: Settings, environment: str) -> Iterator[tuple[Reader, Mapping[str, str]]]:
    """The gateway, and where its tables are: who cannot come in hears of it before the models are read."""
    reader = open_reader(settings)
    try:
        yield reader, {".".join(name): ".".join(place) for name, place in reader.tables(environment).items()}
    finally:
        reader.close()


def _meter(
    settings: Settings,
    reader: Reader,
    placed: Mapping[str, str],
    models: Mapping[str, Model],
    tables: Collection[str],
) -> tuple[Meter, dt.date]:
    """How costs of queries over some tables are known on the gateway, and the last day that has data."""
    if settings.bigquery is not None and not settings.bigquery.is_emulator:
        from headrace.bigquery.reader import BigQueryReader

        assert isinstance(reader, BigQueryReader)
        return DryRun(reader, placed), dt.datetime.now(dt.UTC).date()
    wanted = [name for name, model in models.items() if name in tables and not model.kind.is_view]
    statistics = measure(reader, {name: placed.get(name, name) for name in wanted}, partitions(models))
    days = [day for table in statistics.values() for day in table.days if day is not None]
    return Estimated(statistics, Views(models)), max(days, default=dt.datetime.now(dt.UTC).date())


def _compiled(engine: Engine, text: str) -> Iterator[exp.Query]:
    """The queries that BigQuery would run, with their values written out."""
    if text.lstrip().startswith("{"):
        try:
            payload = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise HeadraceError(f"the query is not valid JSON: {error}") from error
        compiled = [engine.compile(query) for query in engine.parse(payload).queries]
    else:
        compiled = [one.compiled for one in plan_sql(engine, text).inputs]
    for one in compiled:
        tree = with_literals(one)
        assert isinstance(tree, exp.Query)
        yield tree


class _Nowhere:
    """A gateway to compile for: queries are written for BigQuery, whichever gateway is asked for their cost."""

    dialect: Dialect = "bigquery"

    def fetch(self, sql: str, parameters: Sequence[object], watch: Watch) -> pa.Table:  # noqa: ARG002
        raise CostError(f"not run, only its cost was asked for: {sql}")

    def columns(self, sql: str, parameters: Sequence[object]) -> pa.Schema:  # noqa: ARG002
        raise CostError(f"not run, only its cost was asked for: {sql}")

    def tables(self, environment: str) -> Places:  # noqa: ARG002
        return {}

    def close(self) -> None:
        """There is nothing to close."""
