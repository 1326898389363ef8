"""SQLMesh's connections to BigQuery and to the emulator: its own, with our client in them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from sqlmesh.core.config import connection as connections
from sqlmesh.core.config.connection import BigQueryConnectionConfig
from sqlmesh.core.engine_adapter.base import EngineAdapter
from sqlmesh.core.engine_adapter.bigquery import BigQueryEngineAdapter

from headrace.bigquery.client import open_client
from headrace.gateways import BIGQUERY, EMULATOR, BigQueryConnection


class GatewayConnection(BigQueryConnectionConfig):
    """SQLMesh's BigQuery connection, whose client is the one of the gateway."""

    labels: dict[str, str] = Field(default_factory=dict)
    endpoint: str | None = None

    @property
    def _static_connection_kwargs(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in ("project", "location", "keyfile", "labels", "endpoint")}
        method: Literal["oauth", "service-account"] = "service-account" if self.keyfile else "oauth"
        return {"client": open_client(BigQueryConnection(type=self.type_, method=method, **given))}

    @property
    def _extra_engine_config(self) -> dict[str, Any]:
        return {**super()._extra_engine_config, "labels": self.labels}

    @property
    def _engine_adapter(self) -> type[EngineAdapter]:
        return GatewayAdapter


class EmulatorConnection(GatewayConnection):
    """The same for the emulator, of which SQLMesh knows nothing."""

    type_: Literal["bigquery_emulator"] = Field(alias="type", default="bigquery_emulator")  # type: ignore[assignment]

    register_comments: bool = False
    """Gap: its compiled parser, without which it is three times slower, fails on the descriptions of columns."""

    @property
    def _engine_adapter(self) -> type[EngineAdapter]:
        return EmulatorAdapter


class GatewayAdapter(BigQueryEngineAdapter):
    """SQLMesh's hands in BigQuery, with the gateway's labels on every job beside SQLMesh's own."""

    @property
    def _job_params(self) -> dict[str, Any]:
        own = super()._job_params
        return {**own, "labels": {**self._extra_config.get("labels", {}), **own.get("labels", {})}}


class EmulatorAdapter(GatewayAdapter):
    """The same on the emulator. Each override says which gap of the emulator it mends."""

    SUPPORTS_CLONING = False
    """Gap: `CREATE TABLE ... CLONE` is not understood."""

    def _begin_session(self, properties: Any) -> None:
        """Gap: there are no sessions, and `SET @@query_label` is not understood."""


def register() -> None:
    """Let SQLMesh's configuration know both types."""
    connections.CONNECTION_CONFIG_TO_TYPE[BIGQUERY] = GatewayConnection
    connections.CONNECTION_CONFIG_TO_TYPE[EMULATOR] = EmulatorConnection
    connections.DIALECT_TO_TYPE[EMULATOR] = BigQueryConnectionConfig.DIALECT
