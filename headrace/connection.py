"""The way in from Python: a project's data model over its warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ibis.backends.duckdb import Backend as DuckDBBackend

from headrace.config import load_settings
from headrace.never_null import open_proof
from headrace.rollups import open_stock
from headrace.warehouse import PRODUCTION, Reader, open_gateway, open_reader
from semantic.client import BackendReader, Client
from semantic.datamodel.load import load_data_model


def connect(
    project: Path | str | None = None,
    *,
    environment: str = PRODUCTION,
    security_context: Mapping[str, Any] | None = None,
) -> Client:
    """The metrics of the project around `project` (default: the working directory), read-only.

    It holds the warehouse file until it is closed: builds wait so long. Raises ConfigError, DataModelError,
    WarehouseError and WarehouseBusy.
    """
    settings = load_settings(Path(project) if project else None)
    model = load_data_model(settings.data_model)
    with ExitStack() as stack:
        backend = stack.enter_context(open_gateway(settings, read_only=True))
        if isinstance(backend, DuckDBBackend):
            reader: Reader = BackendReader(backend)
        else:
            reader = open_reader(settings)
            stack.callback(reader.close)
        close = stack.pop_all().close
    return Client(
        model,
        backend,
        reader=reader,
        environment=environment,
        rollups=open_stock(settings, reader, environment),
        never_null=open_proof(settings, environment),
        security_context=security_context,
        close=close,
    )
