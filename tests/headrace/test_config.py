"""Settings come from config.yaml and the environment, and say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.config import load_settings
from headrace.errors import ConfigError
from headrace.sqlmesh_config import sqlmesh_config

CONFIG = """
default_gateway: duckdb
gateways:
  duckdb:
    connection: {type: duckdb, database: warehouse.duckdb}
variables: {session_gap_seconds: 1800}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "sqlmesh_project").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def append(project: Path, text: str) -> None:
    path = project / "config.yaml"
    path.write_text(path.read_text() + text)


def test_defaults(project: Path) -> None:
    settings = load_settings(project, {})
    assert settings.root == project
    assert settings.warehouse == project / "data" / "warehouse.duckdb"
    assert settings.gateway == "duckdb"
    assert settings.variables["session_gap_seconds"] == 1800
    assert settings.serve.rest_port == 4000


def test_found_from_below(project: Path) -> None:
    below = project / "docs" / "deep"
    below.mkdir(parents=True)
    assert load_settings(below, {}).root == project


def test_the_environment_wins(project: Path) -> None:
    environ = {
        "HEADRACE_DATA": str(project / "elsewhere"),
        "HEADRACE_API_SECRET": "s3cret",
        "HEADRACE_SQL_USER": "bi",
        "HEADRACE_SQL_PASSWORD": "pw",
    }
    settings = load_settings(project, environ)
    assert settings.data == project / "elsewhere"
    assert (settings.serve.api_secret, settings.serve.sql_user, settings.serve.sql_password) == ("s3cret", "bi", "pw")


def test_our_section(project: Path) -> None:
    append(project, "headrace:\n  data: var\n  sources: {consent: exports/consent}\n  serve: {sql_port: 0}\n")
    settings = load_settings(project, {})
    assert settings.sources == {"consent": project / "var" / "exports" / "consent"}
    assert settings.serve.sql_port == 0


@pytest.mark.parametrize(
    ("text", "environ", "message"),
    [
        ("headrace: {dtaa: x}\n", {}, "unknown field `dtaa`"),
        ("headrace: {serve: {rest_port: many}}\n", {}, r"headrace.serve.rest_port"),
        ("headrace: [\n", {}, "not valid YAML"),
        ("", {"HEADRACE_GATEWAY": "snowflake"}, "gateway 'snowflake' is not in config.yaml; known: duckdb"),
        ("", {"HEADRACE_SQL_USER": "bi"}, "go together"),
        ("headrace: {serve: {tls_key: key.pem}}\n", {}, "serve.tls_certificate and serve.tls_key go together"),
    ],
)
def test_what_cannot_be(project: Path, text: str, environ: dict[str, str], message: str) -> None:
    append(project, text)
    with pytest.raises(ConfigError, match=message):
        load_settings(project, environ)


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("session_gap_seconds: 30 minutes", "session_gap_seconds must be a whole number from 0 on, not '30 minutes'"),
        ("lookback_days: -1", "lookback_days must be a whole number from 0 on, not -1"),
        ("consent_window_days: true", "consent_window_days must be a whole number from 0 on, not True"),
        ("session_cap_seconds: 86401", "session_cap_seconds must be 86400 at most: runs look for sessions a day back"),
    ],
)
def test_variables_that_models_cannot_compute_with(project: Path, variable: str, message: str) -> None:
    path = project / "config.yaml"
    path.write_text(path.read_text().replace("session_gap_seconds: 1800", variable))
    with pytest.raises(ConfigError, match=message):
        load_settings(project, {})
    path.write_text(path.read_text().replace(variable, "session_cap_seconds: 86400"))
    assert load_settings(project, {}).variables == {"session_cap_seconds": 86400}


def test_sqlmesh_gets_its_part(project: Path) -> None:
    append(project, "disable_anonymized_analytics: true\nheadrace: {data: var}\n")
    config = sqlmesh_config(load_settings(project, {}))
    connection = config.get_connection("duckdb")
    assert connection.dict()["database"] == str(project / "var" / "warehouse.duckdb")
    assert config.disable_anonymized_analytics
