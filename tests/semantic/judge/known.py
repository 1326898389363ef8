"""A part of the bazaar for the naive oracle: what the cases of test_cube_is_wrong.py need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.semantic.judge import bazaar
from tests.semantic.oracle.naive import Cube, Join, Joined, Measure, Model, Record, SubQuery, column


def _records(table: str) -> list[Record]:
    names = [part.split()[0] for part in bazaar.TABLES[table].replace("(10,2)", "").split(", ")]
    return [dict(zip(names, row, strict=True)) for row in bazaar.rows()[table]]


def _equal(name: str) -> Callable[[Record, Record], bool]:
    return lambda here, there: here[name] is not None and here[name] == there[name]


def _is_large(joined: Joined) -> bool | None:
    record = joined["orders"]
    return None if record is None or record["amount"] is None else record["amount"] > 100


def model() -> Model:
    customers = Cube(
        "customers",
        _records("customers"),
        ("customer_id",),
        (Join("orders", _equal("customer_id")),),
        {
            "city": column("customers", "city"),
            "name": column("customers", "name"),
            "orders_count": SubQuery("orders.count"),
            "spent": SubQuery("orders.amount"),
        },
        {"count": Measure("count"), "credit_sum": Measure("sum", column("customers", "credit"))},
    )
    orders = Cube(
        "orders",
        _records("orders"),
        ("order_id",),
        (Join("customers", _equal("customer_id")), Join("items", _equal("order_id"))),
        {
            "status": column("orders", "status"),
            "placed_at": column("orders", "placed_at"),
            "is_large": _is_large,
            "items_count": SubQuery("items.count"),
        },
        {"count": Measure("count"), "amount": Measure("sum", column("orders", "amount"))},
    )
    items = Cube(
        "items",
        [record for record in _records("items") if record["quantity"] is None or record["quantity"] >= 0],
        ("item_id",),
        (),
        {"quantity_value": column("items", "quantity")},
        {"count": Measure("count"), "quantity": Measure("sum", column("items", "quantity"))},
    )
    return {cube.name: cube for cube in (customers, orders, items)}


def with_dimension(found: Model, cube: str, name: str, member: Callable[[Joined], Any]) -> Model:
    """The model with one dimension more."""
    old = found[cube]
    dimensions: Mapping[str, Any] = {**old.dimensions, name: member}
    return {**found, cube: Cube(cube, old.rows, old.key, old.joins, dimensions, old.measures)}
