"""A small contract with every kind of rule, and an in-memory engine to judge tables with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
from ibis.backends.duckdb import Backend

from contracts import (
    Boolean,
    Contract,
    Day,
    Freshness,
    Instant,
    Integer,
    Json,
    LoadedTable,
    Number,
    Numeric,
    Rows,
    Text,
    column,
    rule,
    to,
    warn,
)


class Visits(
    LoadedTable,
    layer="raw",
    table="shop__visits",
    version="2.1.0",
    key="visit_id",
    unique=(("session", "visited_at"),),
    freshness=Freshness("visited_at", timedelta(days=2)),
    rows=Rows(at_least=1, at_most=1000),
):
    """One row per visit of a shop."""

    visit_id: Text = column("Identifier of the visit.", max_length=8)
    shop_id: Text = column("Shop.", nullable=True, references=to("raw", "shop__shops", "shop_id"))
    session: Text = column("Session.", nullable=True)
    kind: Text = column("Kind of visit.", nullable=True, isin=("walk", "ride"))
    code: Text = column("Code at the door.", nullable=True, pattern="[A-Z]{2}[0-9]+")
    email: Text = column("Who came.", nullable=True, sensitivity="personal", pattern=".+@.+")
    people: Integer = column("How many came.", nullable=True, ge=0, le=warn(10), unit="people")
    minutes: Number = column("How long they stayed.", nullable=True, gt=0, lt=1440)
    paid: Numeric = column("What they paid.", nullable=True)
    is_member: Boolean = column("Whether a member came.", nullable=True)
    birthday: Day = column("Birthday of the member.", nullable=True)
    visited_at: Instant = column("When they came (UTC).", nullable=True)
    left_at: Instant = column("When they left (UTC).", nullable=True, optional=True)
    details: Json = column("What else is known.", nullable=True)

    left_after = rule("they leave after they came", lambda row: row.left_at >= row.visited_at)
    paid_by_member = rule("only members pay", lambda row: row.is_member | row.paid.isnull(), severity="warn")


class Shops(LoadedTable, layer="raw", table="shop__shops", key="shop_id"):
    """One row per shop."""

    shop_id: Text = column("Shop.")


GOOD: dict[str, Any] = {
    "visit_id": "v1",
    "shop_id": "s1",
    "session": "a",
    "kind": "walk",
    "code": "AB1",
    "email": "ada@example.org",
    "people": "2",
    "minutes": "12.5",
    "paid": "3.20",
    "is_member": "true",
    "birthday": "1990-02-28",
    "visited_at": "2025-06-01 10:00:00",
    "left_at": "2025-06-01T11:00:00Z",
    "details": '{"door": 1}',
}


@pytest.fixture
def visits() -> type[Contract]:
    return Visits


@pytest.fixture
def good() -> dict[str, Any]:
    return dict(GOOD)


@pytest.fixture
def backend() -> Backend:
    backend = ibis.duckdb.connect()
    backend.raw_sql("SET TimeZone = 'UTC'")
    return backend


@pytest.fixture
def as_read(backend: Backend) -> Callable[..., ir.Table]:
    """Rows as a reader of CSV gives them: all text, and the number of the line."""

    def read(*rows: dict[str, Any]) -> ir.Table:
        names = [*rows[0], "line"]
        table = pa.table(
            {
                name: pa.array([{**row, "line": str(at)}[name] for at, row in enumerate(rows, 1)], pa.string())
                for name in names
            }
        )
        return backend.create_table("as_read", table, overwrite=True)

    return read
