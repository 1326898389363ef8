"""Typed settings from config.yaml and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import msgspec
import yaml

from headrace.errors import ConfigError
from headrace.gateways import DUCKDB, BigQueryConnection, bigquery_connection, resolved

CONFIG_FILE = "config.yaml"
SECTION = "headrace"
WAREHOUSE_FILE = "warehouse.duckdb"

_WHOLE_NUMBERS = (
    "session_gap_seconds",
    "session_cap_seconds",
    "lookback_days",
    "consent_window_days",
    "identity_window_days",
    "source_grace_hours",
    "source_patience_days",
)
_DAY = 86400


class ServeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the embedded server listens and whom it lets in."""

    host: str = "127.0.0.1"
    rest_port: int = 4000
    """Port of the REST API; 0 takes a free one."""
    sql_port: int = 15432
    """Port of the SQL API; 0 takes a free one."""
    api_secret: str | None = None
    """HS256 secret of the REST API's tokens. None: tokens are not asked for (HEADRACE_API_SECRET sets it)."""
    sql_user: str | None = None
    """User of the SQL API. None: anybody on the loopback interface (HEADRACE_SQL_USER sets it)."""
    sql_password: str | None = None
    """Password of `sql_user` (HEADRACE_SQL_PASSWORD sets it)."""
    idle_seconds: float = 0.5
    """The warehouse file is released after so long without a query."""
    query_timeout_seconds: float = 600.0
    tls_certificate: str | None = None
    """PEM file of the certificate with its chain: REST is then https, and the SQL API offers TLS."""
    tls_key: str | None = None
    """PEM file of the certificate's key."""


class CostSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What BigQuery asks for, and what a run may cost."""

    price_per_tib_usd: float = 6.25
    """On-demand price of a tebibyte read: https://cloud.google.com/bigquery/pricing (US and EU multi-region)."""
    budget_usd_per_run: float | None = None
    """A build on BigQuery whose run would cost more is refused. None: it never is."""


class SemanticSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How queries of the data model are answered."""

    rollups: bool = False
    """Queries may be answered from rollups that are built and fresh, and `headrace build` builds them again."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    data: str = "data"
    sources: dict[str, str] = {}
    serve: ServeSettings = ServeSettings()
    semantic: SemanticSettings = SemanticSettings()
    cost: CostSettings = CostSettings()


@dataclass(frozen=True)
class Settings:
    """What every part of Headrace reads; paths are absolute."""

    root: Path
    """The folder of config.yaml."""
    data: Path
    """Everything that is made."""
    gateway: str
    sources: Mapping[str, Path]
    """Source name -> the folder or file that `headrace build` ingests."""
    variables: Mapping[str, object]
    """SQLMesh's variables: the constants of the models."""
    serve: ServeSettings
    cost: CostSettings
    semantic: SemanticSettings = field(default_factory=SemanticSettings)
    bigquery: BigQueryConnection | None = None
    """The gateway's connection where it is BigQuery or its emulator; None: the models are in DuckDB's file."""

    @property
    def lake(self) -> Path:
        return self.data / "lake"

    @property
    def sample(self) -> Path:
        return self.data / "sample"

    @property
    def warehouse(self) -> Path:
        """DuckDB's file: on every gateway files land here, and on gateway duckdb the models are here too."""
        return self.data / WAREHOUSE_FILE

    @property
    def project(self) -> Path:
        return self.root / "sqlmesh_project"

    @property
    def data_model(self) -> Path:
        return self.root / "semantic" / "model"


def find_root(start: Path | None = None) -> Path:
    """The nearest folder at or above `start` (default: the working directory) that holds config.yaml.

    Outside a project, the one that this package was installed from. Raises ConfigError where there is none.
    """
    start = (start or Path.cwd()).resolve()
    package = Path(__file__).resolve().parent.parent
    for folder in (start, *start.parents, package):
        if (folder / CONFIG_FILE).is_file() and (folder / "sqlmesh_project").is_dir():
            return folder
    raise ConfigError(f"no {CONFIG_FILE} beside a sqlmesh_project/ in {start} or above: run inside a Headrace project")


def read_config(root: Path) -> dict[str, object]:
    """config.yaml as YAML gives it. Raises ConfigError with the line of a syntax error."""
    path = root / CONFIG_FILE
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping at the top")
    return content


def load_settings(start: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings of the project around `start`; the environment wins over config.yaml. Raises ConfigError."""
    root = find_root(start)
    content = read_config(root)
    section = _section(content.get(SECTION) or {}, root)
    data = (root / environ.get("HEADRACE_DATA", section.data)).resolve()
    gateway = _gateway(content, environ)
    return Settings(
        root=root,
        data=data,
        gateway=gateway,
        sources=MappingProxyType({name: data / path for name, path in section.sources.items()}),
        variables=MappingProxyType(_variables(content)),
        serve=_serve(section.serve, environ, root),
        cost=section.cost,
        semantic=section.semantic,
        bigquery=bigquery_connection(read_gateway(content, gateway, environ), f"{CONFIG_FILE}: gateways.{gateway}"),
    )


def read_gateway(
    content: Mapping[str, object], name: str, environ: Mapping[str, str] = os.environ
) -> dict[str, dict[str, object]]:
    """A gateway of config.yaml, with what it takes from the environment. Raises ConfigError."""
    gateway = _mapping(_mapping(content, "gateways"), name)
    found: dict[str, dict[str, object]] = resolved(gateway, environ, f"{CONFIG_FILE}: gateways.{name}")
    return found


def _section(content: object, root: Path) -> _Section:
    try:
        return msgspec.convert(content, _Section)
    except msgspec.ValidationError as error:
        place = str(error).replace("`$", f"`{SECTION}")
        raise ConfigError(f"{root / CONFIG_FILE}: {place}") from error


def _mapping(content: Mapping[str, object], key: str) -> dict[str, object]:
    value = content.get(key) or {}
    if not isinstance(value, dict):
        raise ConfigError(f"{CONFIG_FILE}: `{key}` must be a mapping")
    return value


def _variables(content: Mapping[str, object]) -> dict[str, object]:
    """The constants of the models; what they cannot compute with is refused here, with its name."""
    variables = _mapping(content, "variables")
    for name in _WHOLE_NUMBERS:
        value = variables.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ConfigError(f"{CONFIG_FILE}: variables.{name} must be a whole number from 0 on, not {value!r}")
        if name == "session_cap_seconds" and value > _DAY:
            raise ConfigError(
                f"{CONFIG_FILE}: variables.{name} must be {_DAY} at most: runs look for sessions a day back"
            )
    return variables


def _gateway(content: Mapping[str, object], environ: Mapping[str, str]) -> str:
    gateways = _mapping(content, "gateways")
    name = environ.get("HEADRACE_GATEWAY") or str(content.get("default_gateway", DUCKDB))
    if name not in gateways:
        raise ConfigError(f"gateway {name!r} is not in {CONFIG_FILE}; known: {', '.join(sorted(gateways))}")
    return name


def _serve(settings: ServeSettings, environ: Mapping[str, str], root: Path) -> ServeSettings:
    """Secrets belong in the environment, not in a file under version control. Paths are seen from the project."""
    named = {
        "api_secret": "HEADRACE_API_SECRET",
        "sql_user": "HEADRACE_SQL_USER",
        "sql_password": "HEADRACE_SQL_PASSWORD",
    }
    found = {field: environ[variable] for field, variable in named.items() if environ.get(variable)}
    settings = msgspec.structs.replace(settings, **found)
    if (settings.sql_user is None) != (settings.sql_password is None):
        raise ConfigError("HEADRACE_SQL_USER and HEADRACE_SQL_PASSWORD go together: set both or neither")
    if settings.tls_certificate is None and settings.tls_key is None:
        return settings
    if settings.tls_certificate is None or settings.tls_key is None:
        raise ConfigError(f"{CONFIG_FILE}: serve.tls_certificate and serve.tls_key go together: set both or neither")
    certificate, key = root / settings.tls_certificate, root / settings.tls_key
    return msgspec.structs.replace(settings, tls_certificate=str(certificate), tls_key=str(key))
