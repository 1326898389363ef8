"""What is said about a query: its steps, its joins, and the columns that its members come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from semantic.compiler import Compiler
from semantic.datamodel.load import load_data_model
from semantic.errors import QueryError
from semantic.explain import explain, lineage
from tests.semantic.judge import ours
from tests.semantic.judge.test_snowflakes import SNOWFLAKES

MONTHS = {"dimension": "deals.at", "granularity": "month", "dateRange": ["2024-01-01", "2024-03-31"]}
ZONES = {"dimensions": ["zones.name"]}
STEPS: Mapping[str, tuple[Mapping[str, Any], list[str]]] = {
    "one select": (
        {"measures": ["deals.count"], **ZONES},
        ["result", "- group by zones.name", "aggregate joined rows from zones", "- measures: deals.count"],
    ),
    "measures that joins multiply": (
        {"measures": ["zones.population", "folk.credit"], "dimensions": ["deals.status"], "limit": 5},
        ["result", "- join on deals.status", "- at most 5 rows", "aggregate zones once per distinct key",
         "- measures: zones.population", "- joins repeat the rows of zones", "aggregate folk once per distinct key",
         "- measures: folk.credit", "- joins repeat the rows of folk"],
    ),
    "a window": (
        {"measures": ["deals.rolling"], "timeDimensions": [MONTHS]},
        ["result", "- group by deals.at.month", "roll deals.rolling over a window",
         "- trailing 2 month, leading nothing", "aggregate joined rows from deals", "- measures: deals.rolling"],
    ),
    "rows": (
        {"measures": ["deals.amount"], "ungrouped": True,
         "filters": [{"member": "deals.amount", "operator": "gt", "values": ["1"]}]},
        ["result", "- rows as they are, not grouped", "- keep rows by their measures", "take joined rows from deals",
         "- measures: deals.amount"],
    ),
    "two facts": (
        {"measures": ["outlets.rent", "folk.credit"]},
        ["result", "- unite on nothing: one row", "aggregate joined rows from outlets", "- measures: outlets.rent",
         "aggregate joined rows from folk", "- measures: folk.credit"],
    ),
    "dates without rows": (
        {"measures": ["deals.count"], "timeDimensions": [{**MONTHS, "fillMissingDates": True}]},
        ["result", "- group by deals.at.month", "- fill deals.at.month where nothing was found",
         "aggregate joined rows from deals", "- measures: deals.count"],
    ),
}  # fmt: skip
LINEAGE = {
    "lines.size": ("lines.quantity", "goods.category"),
    "lines.worth_of_paid": ("lines.quantity", "lines.price", "purchases.status"),
    "lines.of_vips": ("people.is_vip",),
    "purchases.month_name": ("purchases.placed_at",),
    "purchases.lines_count": ("parcels.shipment_id",),
    "parcels.wait": ("purchases.placed_at", "parcels.shipped_at"),
    "sites.full": ("sites.name", "sites.continent"),
    "trade.buyer_credit": ("people.credit",),
    "zones.rich": ("deals.amount",),
    "deals.unpaid": ("deals.amount", "receipts.amount"),
}
REFUSED: Mapping[str, Mapping[str, Any]] = {
    "no path": {"measures": ["homes.count"], "dimensions": ["sites.name"]},
    "no member": {"measures": ["zones.nope"]},
    "too many": {"measures": ["deals.rolling"], "timeDimensions": [{**MONTHS, "granularity": "second"}]},
}


@pytest.fixture(scope="module")
def compiler() -> Compiler:
    return Compiler(load_data_model(SNOWFLAKES), visible_only=False)


@pytest.mark.parametrize("name", STEPS)
def test_steps(compiler: Compiler, name: str) -> None:
    query, expected = STEPS[name]
    explained = explain(compiler, ours.parsed(compiler.model, query))
    lines = [line.strip() for line in explained.plan.lines()]
    assert lines == expected
    assert explained.compiled.sql in explained.text()


@pytest.mark.parametrize("member", LINEAGE)
def test_lineage(compiler: Compiler, member: str) -> None:
    assert lineage(compiler, member) == LINEAGE[member]


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_as_compiling_does(compiler: Compiler, name: str) -> None:
    with pytest.raises(QueryError) as refused:
        explain(compiler, ours.parsed(compiler.model, REFUSED[name]))
    assert refused.value.place
    assert refused.value.advice
