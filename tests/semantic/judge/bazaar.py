"""A small, seeded, nasty data set: NULLs in keys and values, ties, duplicates, orphans, days of daylight saving."""

# ruff: noqa: DTZ001 - the tables hold naive UTC times
from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb

Row = tuple[Any, ...]

TABLES = {
    "regions": "region_id INTEGER, name VARCHAR, continent VARCHAR, population BIGINT",
    "stores": "store_id INTEGER, region_id INTEGER, label VARCHAR, rent DECIMAL(10,2), opened_at TIMESTAMP",
    "customers": (
        "customer_id INTEGER, region_id INTEGER, name VARCHAR, city VARCHAR, is_vip BOOLEAN, "
        "credit DECIMAL(10,2), signed_up_at TIMESTAMP"
    ),
    "orders": (
        "order_id INTEGER, customer_id INTEGER, store_id INTEGER, status VARCHAR, amount DECIMAL(10,2), "
        "discount DECIMAL(10,2), is_gift BOOLEAN, placed_at TIMESTAMP, lat DOUBLE, lng DOUBLE"
    ),
    "items": "item_id INTEGER, order_id INTEGER, product_id INTEGER, quantity INTEGER, price DECIMAL(10,2)",
    "products": "product_id INTEGER, category VARCHAR, title VARCHAR, price DECIMAL(10,2)",
    "product_tags": "product_id INTEGER, tag_id INTEGER, weight INTEGER",
    "tags": "tag_id INTEGER, label VARCHAR",
    "payments": "payment_id INTEGER, order_id INTEGER, method VARCHAR, amount DECIMAL(10,2), paid_at TIMESTAMPTZ",
    "shipments": "shipment_id INTEGER, order_id INTEGER, carrier VARCHAR, weight INTEGER, shipped_at TIMESTAMP",
    "visits": "store_id INTEGER, channel VARCHAR, seconds INTEGER, visited_at TIMESTAMP",
}

# In the night to 2024-03-31 Berlin goes to summer time, to 2024-11-03 New York back from it.
NIGHTS = [
    datetime(2024, 3, 30, 22, 30),
    datetime(2024, 3, 31, 0, 59, 59),
    datetime(2024, 3, 31, 1, 0),
    datetime(2024, 3, 31, 22, 0),
    datetime(2024, 11, 3, 5, 30),
    datetime(2024, 11, 3, 6, 30),
    datetime(2024, 1, 1),
    datetime(2023, 12, 31, 23, 59, 59, 999000),
    datetime(2024, 2, 29, 12),
]


class _Dice:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def maybe(self, value: Any, nothing: float = 0.15) -> Any:
        return None if self.random.random() < nothing else value

    def one(self, values: Sequence[Any], nothing: float = 0.15) -> Any:
        return self.maybe(self.random.choice(values), nothing)

    def money(self, most: int) -> float:
        return self.random.choice([0, 50, 100, 100.5, round(self.random.uniform(0, most), 2)])

    def moment(self, nothing: float = 0.0) -> datetime | None:
        if self.random.random() < 0.3:
            return self.one(NIGHTS, nothing)
        seconds = self.random.randrange(500 * 86_400)
        return self.maybe(datetime(2023, 9, 1) + timedelta(seconds=seconds), nothing)


def rows(seed: int = 7) -> dict[str, list[Row]]:
    """All rows by table."""
    dice = _Dice(seed)
    return {
        "regions": [(n, f"region {n % 4}", dice.one(["EU", "US"]), dice.maybe(n * 1000)) for n in range(1, 6)],
        "stores": list(_stores(dice)),
        "customers": list(_customers(dice)),
        "orders": list(_orders(dice)),
        "items": [
            (n, dice.one(range(1, 70)), dice.one(range(1, 12)), dice.one([1, 2, 5, 9]), dice.maybe(dice.money(40)))
            for n in range(1, 121)
        ],
        "products": [
            (n, dice.one(["toys", "food", "To%ys", "a_b"]), f"title {n % 6}", dice.maybe(dice.money(30)))
            for n in range(1, 11)
        ],
        "product_tags": [(p, t, p + t) for p in range(1, 11) for t in range(1, 5) if dice.random.random() < 0.5],
        "tags": [(1, "new"), (2, "sale"), (3, None), (4, "sale"), (5, "unused")],
        "payments": [
            (n, dice.one(range(1, 70)), dice.one(["card", "cash"]), dice.maybe(dice.money(200)), dice.moment())
            for n in range(1, 91)
        ],
        "shipments": [
            (n, order, dice.one(["DHL", "UPS", "dhl"]), dice.one([1, 2, 3]), dice.moment(0.2))
            for n, order in enumerate(dice.random.sample(range(1, 65), 40), start=1)
        ],
        "visits": [
            (dice.one(range(1, 8)), dice.one(["web", "foot"]), dice.one([0, 10, 10, 600]), dice.moment())
            for _ in range(80)
        ],
    }


def _stores(dice: _Dice) -> Iterator[Row]:
    for n in range(1, 8):
        yield n, dice.one(range(1, 7)), dice.one(["North", "South", "north"]), dice.money(900), dice.moment()


def _customers(dice: _Dice) -> Iterator[Row]:
    for n in range(1, 21):
        name = dice.one(["Ada", "Bo", "Cal%", "Di_", "É'mile", "ada"])
        city = dice.one(["Berlin", "Paris", "", "berlin"], 0.25)
        yield n, dice.one(range(1, 7)), name, city, dice.one([True, False]), dice.maybe(dice.money(150)), dice.moment()


def _orders(dice: _Dice) -> Iterator[Row]:
    for n in range(1, 65):
        keys = n, dice.one(range(1, 24)), dice.one(range(1, 9))
        status = dice.one(["paid", "paid", "new", "cancelled", "Paid"])
        money = dice.maybe(dice.money(300)), dice.maybe(dice.money(20), 0.5)
        yield *keys, status, *money, dice.one([True, False]), dice.moment(0.05), dice.one([1.5, -2.25]), dice.one([9.0])


def write(connection: duckdb.DuckDBPyConnection, seed: int = 7) -> None:
    """Create schema `bazaar` and fill it."""
    connection.execute("CREATE SCHEMA bazaar")
    for table, data in rows(seed).items():
        connection.execute(f"CREATE TABLE bazaar.{table} ({TABLES[table]})")
        marks = ", ".join("?" * len(data[0]))
        connection.executemany(f"INSERT INTO bazaar.{table} VALUES ({marks})", data)
