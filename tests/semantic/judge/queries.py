"""Seeded random queries over the bazaar's data model."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Query = dict[str, Any]

GRANULARITIES = ("day", "week", "month", "quarter", "year", "hour")
ZONES = ("UTC", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
RANGES = (
    ["2024-01-01", "2024-06-30"],
    ["2024-03-30", "2024-04-01"],
    ["2023-12-31", "2024-02-29"],
    ["2024-11-02T12:00:00", "2024-11-04T06:00:00"],
    ["2025-06-01", "2025-06-30"],
)
VALUES: Mapping[str, Sequence[str]] = {
    "string": ("Berlin", "paid", "a", "%", "_", "Ada", "É'mile", "", "region 1", "toys", "card", "ber"),
    "number": ("0", "1", "2", "50", "100.5", "-3"),
    "boolean": ("true", "false"),
    "time": ("2024-03-31", "2024-01-01", "2024-11-03T06:00:00.000", "2023-12-31"),
}
OPERATORS: Mapping[str, Sequence[str]] = {
    "string": (
        *("equals", "notEquals", "contains", "notContains", "startsWith", "notStartsWith", "endsWith", "notEndsWith"),
        *("set", "notSet"),
    ),
    "number": ("equals", "notEquals", "gt", "gte", "lt", "lte", "set", "notSet"),
    "boolean": ("equals", "notEquals", "set", "notSet"),
    "time": (
        *("inDateRange", "notInDateRange", "beforeDate", "afterDate", "beforeOrOnDate", "afterOrOnDate"),
        *("set", "notSet"),
    ),
}
# Cube escapes % and _ with a backslash that DuckDB takes for a letter: see test_cube_is_wrong.py.
EXACT = ("equals", "notEquals")
ROLLING = (
    *("rolling_month", "rolling_week_count", "running_amount", "next_two_days", "year_to_date", "running_buyers"),
    *("rolling_paid", "week_to_date", "month_to_date"),
)


@dataclass(frozen=True)
class Arena:
    """Members that may meet in one query: measures and dimensions with their types, and segments."""

    measures: Mapping[str, str]
    dimensions: Mapping[str, str]
    segments: tuple[str, ...]

    def of_type(self, kind: str) -> list[str]:
        return [name for name, type_ in self.dimensions.items() if type_ == kind]


# Cubes of one line are joined in one way only; regions and orders, the diamond, meet in views and by hand.
ARENAS = (
    ("orders",),
    ("orders", "customers"),
    ("orders", "items", "payments"),
    ("orders", "customers", "stores", "shipments"),
    ("customers", "regions"),
    ("items", "products"),
    ("products", "product_tags", "tags"),
    ("visits",),
    ("gifts",),
    ("staged",),
    ("filtered",),
    ("sales",),
    ("places",),
    ("catalog",),
    ("grouped",),
)


# Dimensions over a join declared in both directions, where Cube loses rows: see test_cube_is_wrong.py.
NOT_JUDGED = ("customers.orders_count", "customers.average_orders")


def arena(meta: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Arena:
    """The members of some cubes or views, as real Cube's meta lists them."""
    cubes = [cube["config"] for cube in meta if cube["config"]["name"] in names]
    measures = {m["name"]: m["type"] for cube in cubes for m in cube["measures"]}
    dimensions = {d["name"]: d["type"] for cube in cubes for d in cube["dimensions"]}
    segments = tuple(s["name"] for cube in cubes for s in cube["segments"])
    return Arena(_judged(measures), _judged(dimensions), segments)


def _judged(members: Mapping[str, str]) -> Mapping[str, str]:
    return {name: type_ for name, type_ in members.items() if name not in NOT_JUDGED}


def generate(arena_: Arena, count: int, seed: int = 1) -> Iterator[Query]:
    """`count` queries, the same ones for the same seed."""
    dice = random.Random(seed)
    for _ in range(count):
        yield _query(dice, arena_)


def generate_wild(arena_: Arena, count: int, seed: int = 1) -> Iterator[Query]:
    """Queries of more of everything: several times and granularities, filters in nests, several measure filters."""
    dice = random.Random(seed)
    for _ in range(count):
        yield _wild(dice, arena_)


def _wild(dice: random.Random, arena: Arena) -> Query:
    query: Query = {"timezone": dice.choice(ZONES)}
    measures = _some(dice, [name for name in arena.measures if name.split(".")[1] not in ROLLING], 0, 4)
    dimensions = _some(dice, list(arena.dimensions), 0, 3)
    times = arena.of_type("time")
    if times:
        found = [_time_dimension(dice, dice.choice(times)) for _ in range(dice.choice([0, 1, 1, 2, 2, 3]))]
        unique = {(one["dimension"], one.get("granularity")): one for one in found}
        query |= {"timeDimensions": list(unique.values())} if unique else {}
    if not measures and not dimensions and "granularity" not in str(query):
        measures = [dice.choice(list(arena.measures))]
    query |= {"measures": measures, "dimensions": dimensions}
    query["filters"] = [_nested(dice, arena, 3) for _ in range(dice.choice([0, 0, 1, 2, 3]))]
    numbers = [name for name in measures if arena.measures[name] == "number"]
    if numbers and dice.random() < 0.4:
        conditions = [_condition(dice, dice.choice(numbers), "number") for _ in range(dice.randint(1, 3))]
        query["filters"].append({dice.choice(["and", "or"]): conditions})
    if arena.segments and dice.random() < 0.4:
        query["segments"] = _some(dice, arena.segments, 1, 2)
    # A key that is a time at a granularity too means that, and would leave the order open.
    if dice.random() < 0.4 and not any(arena.dimensions[name] == "time" for name in dimensions):
        _ordered(dice, query)
    return query


def _nested(dice: random.Random, arena: Arena, depth: int) -> Query:
    if depth == 0 or dice.random() < 0.5:
        return _leaf(dice, arena)
    return {dice.choice(["and", "or"]): [_nested(dice, arena, depth - 1) for _ in range(dice.randint(1, 3))]}


def with_other_values(query: Query) -> Query:
    """The same query with every value of a filter, and every date range, replaced by another."""
    times = [
        part | ({"dateRange": RANGES[0]} if "dateRange" in part else {}) for part in query.get("timeDimensions", ())
    ]
    changed = query | {"filters": [_changed(entry) for entry in query["filters"]]}
    return changed | ({"timeDimensions": times} if times else {})


def _changed(entry: Query) -> Query:
    for connector in ("and", "or"):
        if connector in entry:
            return {connector: [_changed(child) for child in entry[connector]]}
    if "values" not in entry or entry["operator"].endswith(("Date", "DateRange")):
        return entry
    return entry | {"values": [value and ("true" if value == "false" else "7") for value in entry["values"]]}


def _query(dice: random.Random, arena: Arena) -> Query:
    query: Query = {"timezone": dice.choice(ZONES)}
    measures = _some(dice, list(arena.measures), 0, 3)
    dimensions = _some(dice, [d for d in arena.dimensions if arena.dimensions[d] != "time"], 0, 2)
    times = arena.of_type("time")
    if times and dice.random() < 0.5:
        query["timeDimensions"] = [_time_dimension(dice, dice.choice(times))]
    if any(measure.split(".")[1] in ROLLING for measure in measures):
        query["timeDimensions"] = [_series(dice, dice.choice(times))]
    if not measures and not dimensions and "granularity" not in str(query):
        measures = [dice.choice(list(arena.measures))]
    query |= {"measures": measures, "dimensions": dimensions}
    query["filters"] = [_filter(dice, arena) for _ in range(dice.choice([0, 0, 1, 1, 2]))]
    if measures and dice.random() < 0.2:
        numbers = [m for m in measures if arena.measures[m] == "number"]
        query["filters"] += [_condition(dice, m, "number") for m in numbers[:1]]
    if arena.segments and dice.random() < 0.2:
        query["segments"] = [dice.choice(arena.segments)]
    if dice.random() < 0.3:
        _ordered(dice, query)
    return query


def _some(dice: random.Random, members: Sequence[str], least: int, most: int) -> list[str]:
    return dice.sample(members, min(len(members), dice.randint(least, most)))


def _time_dimension(dice: random.Random, dimension: str) -> Query:
    grouped: Query = {"dimension": dimension}
    custom = ("fiscal_year", "fortnight", "half_day", "sunday_week") if dimension == "orders.placed_at" else ()
    if dice.random() < 0.8:
        grouped["granularity"] = dice.choice((*GRANULARITIES, *custom))
    if dice.random() < 0.5 or len(grouped) == 1:
        grouped["dateRange"] = dice.choice(RANGES)
    return grouped


def _series(dice: random.Random, dimension: str) -> Query:
    """What a rolling window needs: a granularity and a range, not too many buckets."""
    span = dice.choice(RANGES)
    wide = span[0].startswith("2024-01") or span[0].startswith("2023")
    return {
        "dimension": dimension,
        "granularity": dice.choice(("week", "month", "quarter", "year") if wide else ("day", "week", "month")),
        "dateRange": span,
    }


def _filter(dice: random.Random, arena: Arena) -> Query:
    if dice.random() < 0.25:
        connector = dice.choice(["and", "or"])
        return {connector: [_leaf(dice, arena) for _ in range(dice.randint(1, 3))]}
    return _leaf(dice, arena)


def _leaf(dice: random.Random, arena: Arena) -> Query:
    names = [name for name, type_ in arena.dimensions.items() if type_ in OPERATORS]
    name = dice.choice(names)
    return _condition(dice, name, arena.dimensions[name])


def _condition(dice: random.Random, member: str, type_: str) -> Query:
    operator = dice.choice(OPERATORS[type_])
    condition: Query = {"member": member, "operator": operator}
    if operator in ("set", "notSet"):
        return condition
    if operator in ("inDateRange", "notInDateRange"):
        return condition | {"values": dice.choice(RANGES)}
    many = operator.lower().endswith(("equals", "contains", "with")) and type_ in ("string", "number")
    choice = [value for value in VALUES[type_] if not (value in ("%", "_") and operator not in EXACT)]
    values: list[str | None] = list(dice.sample(choice, dice.randint(1, 2) if many else 1))
    if operator in ("equals", "notEquals") and type_ != "boolean" and dice.random() < 0.2:
        values.append(None)
    return condition | {"values": values}


def _ordered(dice: random.Random, query: Query) -> None:
    """A total order, so that a limit cuts the same rows for everybody."""
    keys = list(query["dimensions"])
    times = [(t["dimension"], t["granularity"]) for t in query.get("timeDimensions", ()) if "granularity" in t]
    keys += [".".join(time) for time in times] if len(times) > 1 else [dimension for dimension, _ in times]
    keys = dice.sample(query["measures"], min(1, len(query["measures"]))) + keys
    query["order"] = [[key, dice.choice(["asc", "desc"])] for key in keys]
    if dice.random() < 0.6:
        query["limit"] = dice.choice([1, 3, 10])
        query["offset"] = dice.choice([0, 0, 2])
