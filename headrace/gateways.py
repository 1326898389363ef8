"""The gateways of config.yaml: which engine, where it is, and how to come in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from headrace.errors import ConfigError

DUCKDB = "duckdb"
BIGQUERY = "bigquery"
EMULATOR = "bigquery_emulator"

_FROM_ENVIRONMENT = re.compile(r"""\{\{\s*env_var\(\s*'(?P<name>\w+)'\s*(,\s*'(?P<default>[^']*)'\s*)?\)\s*\}\}""")
"""As SQLMesh writes it: `{{ env_var('NAME') }}` or `{{ env_var('NAME', 'default') }}`."""


class BigQueryConnection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A connection of type `bigquery` or `bigquery_emulator`."""

    type: Literal["bigquery", "bigquery_emulator"]
    gateway: str = ""
    """What config.yaml calls the gateway."""
    project: str | None = None
    """Where the datasets are. None: the project of the application default credentials."""
    location: str | None = None
    """Region or multi-region of datasets and jobs, such as EU."""
    method: Literal["oauth", "service-account"] = "oauth"
    keyfile: str | None = None
    """Key of the service account, for method `service-account`."""
    endpoint: str | None = None
    """URL of the emulator."""
    labels: dict[str, str] = {}
    """On every job, so that bills can be split."""
    maximum_bytes_billed: int | None = None
    """A job that would read more fails, and costs nothing."""
    priority: Literal["interactive", "batch"] = "interactive"
    job_creation_timeout_seconds: int = 60
    job_execution_timeout_seconds: int = 3600
    job_retries: int = 3
    """How often a job is tried again after an error of the service or of the network."""
    job_retry_deadline_seconds: int = 600
    concurrent_tasks: int = 4
    """Models that are computed side by side."""

    @property
    def name(self) -> str:
        return self.gateway or self.type

    @property
    def is_emulator(self) -> bool:
        return self.type == EMULATOR

    def __post_init__(self) -> None:
        if self.is_emulator and not (self.endpoint and self.project):
            raise ValueError("a bigquery_emulator needs `endpoint` and `project`")
        if not self.is_emulator and self.endpoint:
            raise ValueError("`endpoint` is for type bigquery_emulator")
        if (self.method == "service-account") != bool(self.keyfile):
            raise ValueError("method service-account and `keyfile` go together: set both or neither")


def resolved(content: Any, environ: Mapping[str, str], place: str) -> Any:
    """A gateway with the values that it takes from the environment. Raises ConfigError naming a variable not set."""
    if isinstance(content, Mapping):
        return {key: resolved(value, environ, f"{place}.{key}") for key, value in content.items()}
    if not isinstance(content, str):
        return content

    def value(found: re.Match[str]) -> str:
        name, default = found["name"], found["default"]
        if name not in environ and default is None:
            raise ConfigError(f"{place}: the environment variable {name} is not set")
        return environ.get(name, default or "")

    return _FROM_ENVIRONMENT.sub(value, content) or None


def bigquery_connection(gateway: Mapping[str, Any], place: str) -> BigQueryConnection | None:
    """The BigQuery connection of a gateway, None where it is of another type. Raises ConfigError."""
    connection = gateway.get("connection")
    if not isinstance(connection, Mapping) or connection.get("type") not in (BIGQUERY, EMULATOR):
        return None
    try:
        return msgspec.convert({**connection, "gateway": place.rpartition(".")[2]}, BigQueryConnection)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(f"{place}.connection: {error}") from error
