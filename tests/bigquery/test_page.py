"""docs/bigquery.md is held to the code: its settings are settings, its way of keeping state is one."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from sqlmesh.core.config import Config

from headrace import state
from headrace.gateways import resolved

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bigquery.md"


def test_state_in_postgresql_as_the_page_writes_it() -> None:
    [snippet] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    gateway = resolved(yaml.safe_load(snippet)["gateways"]["bigquery"], {"STATE_PASSWORD": "secret"}, "bigquery")
    state.register()
    config = Config.parse_obj({"gateways": {"bigquery": gateway}, "model_defaults": {"dialect": "bigquery"}})
    connection = config.gateways["bigquery"].state_connection
    assert isinstance(connection, state.StateConnection)
    assert (connection.host, connection.password) == ("127.0.0.1", "secret")


def test_the_page_has_ten_steps() -> None:
    assert re.findall(r"^(\d+)\. ", PAGE.read_text(encoding="utf-8"), flags=re.M) == [
        str(step) for step in range(1, 11)
    ]
