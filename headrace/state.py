"""SQLMesh's state in PostgreSQL, over the driver that we have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from sqlmesh.core.config import connection as connections
from sqlmesh.core.config.connection import PostgresConnectionConfig, _get_engine_import_validator


class StateConnection(PostgresConnectionConfig):
    """SQLMesh's connection of type `postgres`, which asks for psycopg 2, with psycopg 3 in its place."""

    _engine_import_validator = _get_engine_import_validator("psycopg", "postgres")

    @property
    def _connection_factory(self) -> Callable[..., Any]:
        return _connect


def _connect(*, database: str, **options: Any) -> psycopg.Connection[Any]:
    given = {name: value for name, value in options.items() if value is not None}
    return psycopg.connect(dbname=database, **given)


def register() -> None:
    """Let SQLMesh's configuration know it."""
    connections.CONNECTION_CONFIG_TO_TYPE["postgres"] = StateConnection
