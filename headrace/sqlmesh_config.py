"""SQLMesh's configuration, made from config.yaml: our own section taken out, files put into the data folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmesh.core.config import Config

from headrace.config import SECTION, Settings, read_config, read_gateway

IN_MEMORY = {"memory": {"connection": {"type": "duckdb"}, "state_connection": {"type": "duckdb"}}}


def sqlmesh_config(settings: Settings, *, in_memory: bool = False) -> Config:
    """What `sqlmesh_project/config.py` hands to SQLMesh: one gateway, the chosen one.

    `in_memory` gives a DuckDB of its own instead, for reading models without a warehouse. Raises ConfigError, or
    SQLMesh's own error, on a bad file.
    """
    content: dict[str, Any] = {key: value for key, value in read_config(settings.root).items() if key != SECTION}
    gateways = (
        IN_MEMORY if in_memory else {settings.gateway: _placed(read_gateway(content, settings.gateway), settings)}
    )
    _register(settings)
    settings.data.mkdir(parents=True, exist_ok=True)
    # SQLMesh connects to every gateway that it is told of, and nobody has the credentials of all
    return Config.parse_obj({**content, "default_gateway": next(iter(gateways)), "gateways": gateways})


def _register(settings: Settings) -> None:
    """Let SQLMesh know our connections; each takes its time to import."""
    if settings.bigquery is None:
        return
    from headrace import state
    from headrace.bigquery import sqlmesh

    sqlmesh.register()
    state.register()


def _placed(gateway: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The gateway with DuckDB's relative file names put into the data folder."""
    return {key: _placed_connection(part, settings) for key, part in gateway.items()}


def _placed_connection(connection: Any, settings: Settings) -> Any:
    if not isinstance(connection, dict) or connection.get("type") != "duckdb" or "database" not in connection:
        return connection
    return {**connection, "database": str(settings.data / connection["database"])}
