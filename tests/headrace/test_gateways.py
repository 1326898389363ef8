"""Gateways: what of config.yaml comes from the environment, and what a connection to BigQuery may say."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmesh.utils import CorrelationId

from headrace.bigquery.sqlmesh import GatewayAdapter
from headrace.config import load_settings
from headrace.errors import ConfigError, WarehouseError
from headrace.gateways import BigQueryConnection, bigquery_connection, resolved
from headrace.sqlmesh_config import sqlmesh_config
from headrace.warehouse import open_reader

ROOT = Path(__file__).resolve().parents[2]


def test_values_come_from_the_environment() -> None:
    content = {"connection": {"project": "{{ env_var('A') }}", "location": "{{ env_var('B', 'EU') }}", "tasks": 4}}
    assert resolved(content, {"A": "shop"}, "g") == {
        "connection": {"project": "shop", "location": "EU", "tasks": 4},
    }
    assert resolved("{{ env_var('A', '') }}", {}, "g") is None


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match=r"gateways\.bigquery\.connection\.project: .*HEADRACE_BIGQUERY_PROJECT"):
        load_settings(ROOT, {"HEADRACE_GATEWAY": "bigquery"})


def test_only_the_chosen_gateway_needs_its_variables(tmp_path: Path) -> None:
    settings = load_settings(ROOT, {"HEADRACE_DATA": str(tmp_path)})
    assert settings.bigquery is None
    assert list(sqlmesh_config(settings).gateways) == ["duckdb"]


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        ({"type": "bigquery_emulator", "project": "emu"}, "needs `endpoint` and `project`"),
        ({"type": "bigquery", "endpoint": "http://127.0.0.1:1"}, "`endpoint` is for type bigquery_emulator"),
        ({"type": "bigquery", "method": "service-account"}, "`keyfile` go together"),
        ({"type": "bigquery", "projekt": "shop"}, "projekt"),
        ({"type": "bigquery", "maximum_bytes_billed": "much"}, "maximum_bytes_billed"),
    ],
)
def test_a_connection_that_cannot_be(connection: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"gateways\.g\.connection: .*{message}"):
        bigquery_connection({"connection": connection}, "gateways.g")


def test_sqlmesh_gets_the_gateway_of_bigquery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"HEADRACE_DATA": str(tmp_path), "HEADRACE_GATEWAY": "bigquery", "HEADRACE_BIGQUERY_PROJECT": "shop"}
    settings = load_settings(ROOT, environ)
    assert settings.bigquery == BigQueryConnection(
        type="bigquery",
        gateway="bigquery",
        project="shop",
        location="EU",
        labels={"application": "headrace"},
        maximum_bytes_billed=1_000_000_000_000,
    )
    monkeypatch.setenv("HEADRACE_BIGQUERY_PROJECT", "shop")
    gateway = sqlmesh_config(settings).gateways["bigquery"]
    assert gateway.connection is not None
    assert (gateway.connection.type_, gateway.connection.get_catalog()) == ("bigquery", "shop")
    assert gateway.state_connection is not None
    assert getattr(gateway.state_connection, "database", None) == str(tmp_path / "state_bigquery.duckdb")


def test_every_job_of_a_plan_has_the_labels_of_the_gateway() -> None:
    labelled = GatewayAdapter(lambda: None, labels={"application": "headrace"})
    assert labelled._job_params["labels"] == {"application": "headrace"}
    of_a_plan = labelled.with_settings(correlation_id=CorrelationId.from_plan_id("abc"))
    assert of_a_plan._job_params["labels"] == {"application": "headrace", "sqlmesh_plan": "abc"}


def test_a_key_file_that_is_not_there(tmp_path: Path) -> None:
    environ = {
        "HEADRACE_DATA": str(tmp_path),
        "HEADRACE_GATEWAY": "bigquery",
        "HEADRACE_BIGQUERY_PROJECT": "shop",
        "HEADRACE_BIGQUERY_METHOD": "service-account",
        "HEADRACE_BIGQUERY_KEYFILE": str(tmp_path / "key.json"),
    }
    with pytest.raises(WarehouseError, match=r"key file .*key\.json cannot be read"):
        open_reader(load_settings(ROOT, environ))
