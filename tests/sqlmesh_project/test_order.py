"""Rows in the order of their time, where the engine finds days by it."""

from __future__ import annotations

import pytest
from sqlmesh import Context


@pytest.mark.parametrize(("table", "time"), [("core.events", "occurred_at"), ("core.sessions", "started_at")])
def test_duckdb_writes_rows_in_order_and_bigquery_in_partitions(project: Context, table: str, time: str) -> None:
    model = project.get_model(table, raise_if_missing=True)
    ordered = model.render_query_or_raise().args.get("order")
    assert [one.this.name for one in ordered.expressions] == [time]
    for gateway in ("bigquery", "bigquery_emulator"):
        query = model.render_query_or_raise(start="2025-06-01", end="2025-06-02", variables={"gateway": gateway})
        assert query.args.get("order") is None, "one machine would sort them all"
