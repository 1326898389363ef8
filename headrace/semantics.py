"""The data model and the engine over the warehouse, as the command line needs them."""

from __future__ import annotations

from collections.abc import Callable

from headrace.config import Settings
from headrace.errors import WarehouseError
from headrace.warehouse import WarehouseReader, resolve_tables
from semantic.datamodel.load import load_data_model
from semantic.engine import Engine


def open_engine(settings: Settings, environment: str, *, on_broken: Callable[[str], None]) -> Engine:
    """An engine over the project's data model; cubes and views whose file is broken are left out and told of.

    Raises WarehouseError when there is no warehouse, or no such environment in it.
    """
    model = load_data_model(settings.data_model, strict=False)
    for problem in model.problems:
        on_broken(str(problem))
    if not settings.warehouse.is_file():
        raise WarehouseError(f"there is no warehouse at {settings.warehouse}: run `headrace build` first")
    reader = WarehouseReader(settings.warehouse, idle_seconds=settings.serve.idle_seconds)
    with reader.cursor() as cursor:
        resolve_tables(cursor, environment)
    return Engine(model, reader, environment=environment)
