"""SQLMesh's configuration, made from config.yaml: our own section taken out, files put into the data folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmesh.core.config import Config

from headrace.config import SECTION, Settings, read_config


def sqlmesh_config(settings: Settings) -> Config:
    """What `sqlmesh_project/config.py` hands to SQLMesh. Raises ConfigError, or SQLMesh's own error, on a bad file."""
    content: dict[str, Any] = {key: value for key, value in read_config(settings.root).items() if key != SECTION}
    settings.data.mkdir(parents=True, exist_ok=True)
    content["default_gateway"] = settings.gateway
    content["gateways"] = {name: _placed(gateway, settings) for name, gateway in content["gateways"].items()}
    return Config.parse_obj(content)


def _placed(gateway: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The gateway with DuckDB's relative file names put into the data folder."""
    return {key: _placed_connection(part, settings) for key, part in gateway.items()}


def _placed_connection(connection: Any, settings: Settings) -> Any:
    if not isinstance(connection, dict) or connection.get("type") != "duckdb" or "database" not in connection:
        return connection
    return {**connection, "database": str(settings.data / connection["database"])}
