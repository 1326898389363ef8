"""Every model, computed from one tiny sample by DuckDB and by the emulator, gives the same columns, types and rows.

What the two engines make of each model's SQL is compared, over one interval and without plans. Plans, a second batch
and restatements are what test_parity.py is for, which takes minutes.
"""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmesh import Context
from sqlmesh.core.engine_adapter.base import EngineAdapter
from sqlmesh.core.model import Model

from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator
from headrace.build import ensure_raw_tables
from headrace.config import Settings, load_settings
from headrace.gateways import DUCKDB, EMULATOR
from headrace.sqlmesh_config import sqlmesh_config
from headrace.warehouse import LAYERS
from ingestion.bigquery import ship
from ingestion.load import ingest
from ingestion.sample import write_sample
from ingestion.sample.writer import LAST_DAY
from tests.bigquery.loading import clear, connection_to
from tests.bigquery.parity import differences, layers, tables

START = LAST_DAY - timedelta(days=30)
"""Before the first event of the sample."""
LEFT_OUT = ("commerce/events/*-06-26.*", "consent/events/parquet/*-06-26.*")
"""Files of the sample with more of what the others have: only the time that they take would grow."""


@pytest.fixture
def landed(emulator: Emulator, tmp_path: Path) -> Iterator[tuple[Settings, Settings]]:
    """The same raw rows of every source on both gateways, and nothing else."""
    ours, theirs = (_on(gateway, tmp_path) for gateway in (DUCKDB, EMULATOR))
    write_sample(ours.sample, scale=0.01, days=14, late=0.05, dirty=0.02)
    for pattern in LEFT_OUT:
        for path in ours.sample.glob(pattern):
            path.unlink()
    ensure_raw_tables(ours)
    for source, path in ours.sources.items():
        assert not ingest(ours, source, path).failures
    with closing(open_client(connection_to(emulator))) as client:
        clear(client)
        ship(theirs, client)
        yield ours, theirs
        clear(client)


def _on(gateway: str, data: Path) -> Settings:
    return load_settings(environ={**os.environ, "HEADRACE_DATA": str(data), "HEADRACE_GATEWAY": gateway})


@contextmanager
def project(settings: Settings) -> Iterator[Context]:
    """The models as the gateway renders them: macros may ask which one it is."""
    gc.disable()  # SQLMesh copies trees of SQL by the million, none of them garbage
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = Context(paths=str(settings.project), config=sqlmesh_config(settings))
        try:
            yield context
        finally:
            context.engine_adapter.close()
            context.close()
            gc.enable()


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
