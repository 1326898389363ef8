"""The statements of docs/sql-api.md are planned against our own data model."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from semantic.datamodel.load import load_data_model
from semantic.engine import Engine
from semantic.sqlapi.planner import plan_sql
from tests.semantic.sqlapi.readers import Memory

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "sql-api.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_data_model(ROOT / "semantic" / "model"), Memory())


@pytest.mark.parametrize("sql", EXAMPLES)
def test_examples_of_the_page(engine: Engine, sql: str) -> None:
    plan = plan_sql(engine, sql)
    assert duckdb.extract_statements(plan.sql)
    assert plan.queries
