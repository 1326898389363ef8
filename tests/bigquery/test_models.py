"""Every model, computed from one tiny sample by DuckDB and by the emulator, gives the same columns, types and rows.

What the two engines make of each model's SQL is compared, over one interval and without plans. Plans, a second batch
and restatements are what test_parity.py is for, which takes minutes.
"""

from __future__ import annotations

from datetime import timedelta

from sqlmesh.core.engine_adapter.base import EngineAdapter
from sqlmesh.core.model import Model

from headrace.config import Settings
from headrace.warehouse import LAYERS
from ingestion.sample.writer import LAST_DAY
from tests.bigquery.parity import differences, layers, project, tables

START = LAST_DAY - timedelta(days=30)
"""Before the first event of the sample."""


def compute_models(settings: Settings) -> None:
    """Every model after those that it reads, as tables of production, by the hands that SQLMesh has on the gateway."""
    with project(settings) as context:
        for layer in LAYERS:
            context.engine_adapter.create_schema(layer)
        for name in context.dag.sorted:
            if not context.models[name].kind.is_external:
                _compute(context.models[name], context.engine_adapter)


def _compute(model: Model, adapter: EngineAdapter) -> None:
    name, columns = model.name, model.columns_to_types
    if model.kind.is_incremental_by_time_range:
        query = model.render_query_or_raise(start=START, end=LAST_DAY)
    else:
        query = model.render_query_or_raise()
    if model.kind.is_view:
        adapter.create_view(name, query, columns, replace=False)
    elif model.depends_on_self:
        adapter.create_table(name, columns or {})
        adapter.insert_append(name, query, columns)
    else:
        adapter.ctas(name, query, columns, exists=False)


def test_every_model_gives_the_same_on_both_gateways(landed: tuple[Settings, Settings]) -> None:
    for settings in landed:
        compute_models(settings)
    ours, theirs = map(tables, landed)
    assert layers(ours) == {"raw", *LAYERS}
    assert [name for name, table in ours.items() if not table.num_rows] == []
    assert differences(ours, theirs) == []
