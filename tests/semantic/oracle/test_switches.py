"""Switches and what is computed by them, against laying every row beside every value by hand."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from semantic.datamodel.load import load_sources
from semantic.errors import PlanError
from tests.semantic.judge import ours, rows

MODEL = load_sources(
    {
        "switches.yml": """
cubes:
  - name: orders
    sql_table: orders
    joins: [{ name: items, relationship: one_to_many, sql: "{CUBE.id} = {items}.order_id" }]
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: status, sql: status, type: string }
      - { name: currency, type: switch, values: [USD, EUR, GBP] }
      - { name: unit, type: switch, values: [one, kilo] }
      - name: price
        type: number
        case:
          switch: "{currency}"
          when: [{ value: USD, sql: "{CUBE}.usd" }, { value: EUR, sql: "{CUBE}.eur" }]
          else: { sql: "-1" }
    measures:
      - { name: count, type: count }
      - { name: usd, type: sum, sql: usd }
      - { name: eur, type: sum, sql: eur }
      - { name: total, type: sum, sql: "{price}" }
      - name: amount
        type: number
        multi_stage: true
        case: { switch: "{currency}", when: [{ value: USD, sql: "{usd}" }], else: { sql: "{eur}" } }
      - name: best
        type: max
        multi_stage: true
        add_group_by: [status]
        case: { switch: "{currency}", when: [{ value: USD, sql: "{usd}" }], else: { sql: "{eur}" } }
  - name: items
    sql_table: items
    dimensions: [{ name: id, sql: id, type: number, primary_key: true }]
    measures: [{ name: count, type: count }]
"""
    }
)
CURRENCIES, UNITS = ("USD", "EUR", "GBP"), ("one", "kilo")
OF_ONE_CURRENCY = ("orders.total", "orders.amount", "orders.best")


@dataclass(frozen=True)
class Beside:
    """An order beside one of its items and a value of each switch."""

    order: Mapping[str, Any]
    item: int | None
    currency: str
    unit: str

    def value(self, name: str) -> Any:
        if name == "orders.price":
            return {"USD": self.order["usd"], "EUR": self.order["eur"]}.get(self.currency, -1)
        if name in ("orders.currency", "orders.unit"):
            return getattr(self, name.partition(".")[2])
        return self.order[name.partition(".")[2]]


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _measure(name: str, group: Sequence[Beside]) -> int | None:
    """Each order once, whatever stands beside it."""
    if name == "items.count":
        return len({row.item for row in group if row.item is not None})
    orders = {row.order["id"]: row for row in group}
    if name == "orders.count":
        return len(orders)
    column = {"orders.total": "orders.price", "orders.usd": "orders.usd"}.get(name, "orders.eur")
    if name in ("orders.amount", "orders.best") and any(row.currency == "USD" for row in group):
        column = "orders.usd"
    if name != "orders.best":
        return _sum([row.value(column) for row in orders.values()])
    by_status = [[row for row in orders.values() if row.order["status"] == status] for status in ("new", "paid", None)]
    sums = (_sum([row.value(column) for row in part]) for part in by_status)
    return max((value for value in sums if value is not None), default=None)


def _by_hand(beside: Sequence[Beside], query: Mapping[str, Any]) -> rows.Rows:
    groups: dict[tuple[Any, ...], list[Beside]] = defaultdict(list)
    for row in beside:
        if all(row.value(entry["member"]) in entry["values"] for entry in query["filters"]):
            groups[tuple(row.value(name) for name in query["dimensions"])].append(row)
    return [
        dict(zip(query["dimensions"], map(rows.plain, key), strict=True))
        | {name: rows.plain(_measure(name, group)) for name in query["measures"]}
        for key, group in groups.items()
    ]


def _query(dice: random.Random) -> dict[str, Any]:
    measures = ["orders.count", "orders.usd", "items.count", *OF_ONE_CURRENCY]
    dimensions = ["orders.status", "orders.currency", "orders.unit", "orders.price"]
    conditions = [
        {"member": "orders.currency", "operator": "equals", "values": dice.sample(CURRENCIES, dice.randint(1, 2))},
        {"member": "orders.unit", "operator": "equals", "values": dice.sample(UNITS, dice.randint(1, 2))},
        {"member": "orders.status", "operator": "equals", "values": ["new"]},
    ]
    return {
        "measures": dice.sample(measures, dice.randint(1, 2)),
        "dimensions": dice.sample(dimensions, dice.choice([0, 1, 1, 2])),
        "filters": dice.sample(conditions, dice.randint(0, 2)),
    }


def _says_which(query: Mapping[str, Any]) -> bool:
    """Whether what depends on the currency can be computed: every group has one value of each switch in the query."""
    if not set(query["measures"]) & set(OF_ONE_CURRENCY):
        return True
    of_one = {entry["member"] for entry in query["filters"] if len(entry["values"]) == 1} | set(query["dimensions"])
    filtered = {entry["member"] for entry in query["filters"]} & {"orders.currency", "orders.unit"}
    return {"orders.currency"} | filtered <= of_one


def test_each_row_counts_once_in_a_group() -> None:
    dice = random.Random(5)
    orders = [
        {
            "id": number,
            "status": dice.choice(["new", "paid", None]),
            "usd": dice.choice([None, 0, 2, 9]),
            "eur": dice.choice([None, 3, -1]),
        }
        for number in range(25)
    ]
    items = [(n, dice.randrange(25)) for n in range(30)]
    connection = rows.connect()
    connection.execute("CREATE TABLE orders (id INTEGER, status VARCHAR, usd INTEGER, eur INTEGER)")
    connection.execute("CREATE TABLE items (id INTEGER, order_id INTEGER)")
    connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", [list(order.values()) for order in orders])
    connection.executemany("INSERT INTO items VALUES (?, ?)", items)
    beside = [
        Beside(order, item, currency, unit)
        for order in orders
        for item in [item for item, of in items if of == order["id"]] or [None]
        for currency in CURRENCIES
        for unit in UNITS
    ]
    answered = 0
    for _ in range(60):
        query = _query(dice)
        if not _says_which(query):
            with pytest.raises(PlanError, match="depends on"):
                ours.compiled(MODEL, query)
            continue
        answered += 1
        expected = _by_hand(beside, query)
        for dialect in ours.DIALECTS:
            assert not rows.difference(ours.answer(connection, MODEL, query, dialect), expected), (dialect, query)
    assert answered > 20
