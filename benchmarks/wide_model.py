"""A data model of 80 measures over a shop, in Cube's YAML, and queries of a typical and of a hard kind over it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

Query = dict[str, Any]

# Per cube: measures over `m0`, `m1`, ... of the kinds below, and dimensions `d0`, `d1`, ...
KINDS = ("sum", "avg", "min", "max", "count_distinct")
CUBES: dict[str, Sequence[tuple[str, str]]] = {
    "orders": [("customers", "many_to_one"), ("stores", "many_to_one"), ("items", "one_to_many")],
    "customers": [("regions", "many_to_one")],
    "stores": [],
    "items": [("products", "many_to_one")],
    "products": [],
    "regions": [],
}
MEASURES = {"orders": 30, "items": 20, "customers": 15, "products": 10, "stores": 5, "regions": 0}


def data_model() -> str:
    """The whole model as one YAML file; 80 measures and as many dimensions as a cube needs."""
    return yaml.safe_dump({"cubes": [_cube(name) for name in CUBES]}, sort_keys=False)


def _cube(name: str) -> dict[str, Any]:
    dimensions: list[dict[str, Any]] = [{"name": "id", "sql": "id", "type": "number", "primary_key": True}]
    dimensions += [{"name": f"d{n}", "sql": f"{{CUBE}}.d{n}", "type": "string"} for n in range(6)]
    dimensions.append({"name": "happened_at", "sql": "{CUBE}.happened_at", "type": "time"})
    cube: dict[str, Any] = {"name": name, "sql_table": f"shop.{name}", "dimensions": dimensions}
    cube["joins"] = [_join(name, target, kind) for target, kind in CUBES[name]]
    cube["measures"] = [_measure(number) for number in range(MEASURES[name])]
    return {key: value for key, value in cube.items() if value}


def _join(name: str, target: str, kind: str) -> dict[str, Any]:
    sql = (
        f"{{CUBE}}.{target}_id = {{{target}.id}}" if kind == "many_to_one" else f"{{CUBE}}.id = {{{target}}}.{name}_id"
    )
    return {"name": target, "relationship": kind, "sql": sql}


def _measure(number: int) -> dict[str, Any]:
    if number == 0:
        return {"name": "m0", "type": "count"}
    if number % 6 == 5:
        return {"name": f"m{number}", "type": "number", "sql": f"1.0 * {{m{number - 1}}} / NULLIF({{m0}}, 0)"}
    measure: dict[str, Any] = {"name": f"m{number}", "type": KINDS[number % 5], "sql": f"{{CUBE}}.v{number % 4}"}
    return measure | ({"filters": [{"sql": "{CUBE}.d0 = 'paid'"}]} if number % 4 == 1 else {})


def typical(count: int, seed: int = 1) -> list[Query]:
    """Two measures of orders by a joined dimension and month, with one filter; each of another shape."""
    return _distinct(count, random.Random(seed), _typical)


def hard(count: int, seed: int = 2) -> list[Query]:
    """Measures of three cubes that multiply one another, nested filters, a measure filter, a total order."""
    return _distinct(count, random.Random(seed), _hard)


def _distinct(count: int, dice: random.Random, make: Any) -> list[Query]:
    found: dict[str, Query] = {}
    while len(found) < count:
        query = make(dice)
        found.setdefault(str(query), query)
    return list(found.values())


def _typical(dice: random.Random) -> Query:
    return {
        "measures": [f"orders.m{n}" for n in dice.sample(range(30), 2)],
        "dimensions": [f"customers.d{dice.randrange(6)}"],
        "timeDimensions": [
            {"dimension": "orders.happened_at", "granularity": "month", "dateRange": ["2024-01-01", "2024-12-31"]}
        ],
        "filters": [{"member": f"stores.d{dice.randrange(6)}", "operator": "equals", "values": ["north"]}],
        "limit": 1000,
    }


def _hard(dice: random.Random) -> Query:
    measure = f"orders.m{dice.randrange(30)}"
    dimension = f"regions.d{dice.randrange(6)}"
    either = [
        {"member": f"products.d{dice.randrange(6)}", "operator": "contains", "values": ["to", "ys"]},
        {"and": [
            {"member": f"stores.d{dice.randrange(6)}", "operator": "notEquals", "values": ["south", None]},
            {"member": f"customers.d{dice.randrange(6)}", "operator": "set"},
        ]},
    ]  # fmt: skip
    return {
        "measures": [measure, f"items.m{dice.randrange(20)}", f"customers.m{dice.randrange(15)}"],
        "dimensions": [dimension, f"orders.d{dice.randrange(6)}"],
        "timeDimensions": [
            {"dimension": "orders.happened_at", "granularity": "week", "dateRange": ["2024-01-01", "2024-12-31"]}
        ],
        "filters": [{"or": either}, {"member": measure, "operator": "gt", "values": ["3"]}],
        "order": {measure: "desc", dimension: "asc"},
        "timezone": "Europe/Berlin",
        "limit": 500,
    }


def with_new_values(query: Query, number: int) -> Query:
    """The same shape with other values, as a server sees it day after day."""
    day = f"2024-{number % 12 + 1:02}-01"
    times = [part | {"dateRange": [day, "2024-12-31"]} for part in query["timeDimensions"]]
    return query | {"timeDimensions": times, "filters": [_renamed(entry, number) for entry in query["filters"]]}


def _renamed(entry: Query, number: int) -> Query:
    for connector in ("and", "or"):
        if connector in entry:
            return {connector: [_renamed(child, number) for child in entry[connector]]}
    if "values" not in entry:
        return entry
    return entry | {"values": [value if value is None else f"{number}" for value in entry["values"]]}


SHAPES = 200
MAKERS: Mapping[str, Callable[[int], list[Query]]] = {"typical": typical, "hard": hard}


def tasks() -> dict[str, tuple[list[Query], list[Query]]]:
    """Per task: queries to warm up with, and queries to time."""
    found = {}
    for kind, make in MAKERS.items():
        # Twenty shapes that are not timed let every engine load what it loads lazily.
        shapes = make(SHAPES + 20)
        found[f"{kind}, new shape"] = shapes[SHAPES:], shapes[:SHAPES]
        known = shapes[0]
        renewed = [with_new_values(known, number) for number in range(SHAPES + 1)]
        found[f"{kind}, known shape, new values"] = [*shapes[SHAPES:], renewed[0]], renewed[1:]
        found[f"{kind}, the same again"] = [known], [known] * SHAPES
    return found
