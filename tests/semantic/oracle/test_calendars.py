"""Shifts and granularities that a calendar cube defines, against looking every day up in the calendar by hand."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from semantic.datamodel.load import load_sources
from semantic.errors import PlanError
from tests.semantic.judge import ours, rows

MODEL = load_sources(
    {
        "calendar.yml": """
cubes:
  - name: sales
    sql_table: sales
    joins: [{ name: days, relationship: many_to_one, sql: "DATE_TRUNC('day', {CUBE}.sold_at) = {days.key}" }]
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: region, sql: region, type: string }
    measures:
      - { name: count, type: count }
      - { name: revenue, sql: amount, type: sum }
      - { name: best, sql: amount, type: max }
      - name: revenue_year_ago
        sql: "{revenue}"
        type: number
        multi_stage: true
        time_shift: [{ interval: 1 year, type: prior }]
      - { name: count_season_ago, sql: "{count}", type: number, multi_stage: true, time_shift: [{ name: season_ago }] }
      - name: best_week_ago
        sql: "{best}"
        type: number
        multi_stage: true
        time_shift: [{ interval: 1 week, type: prior }]
  - name: days
    sql_table: calendar
    calendar: true
    dimensions:
      - { name: key, sql: day, type: time, primary_key: true }
      - name: day
        sql: day
        type: time
        granularities:
          - { name: week, sql: "{CUBE}.week_begin" }
          - { name: year, sql: "{CUBE.year_begin}" }
        time_shift:
          - { interval: 1 year, type: prior, sql: "{CUBE}.year_ago" }
          - { name: season_ago, sql: "{CUBE}.season_ago" }
      - { name: year_begin, sql: year_begin, type: time }
      - { name: is_holiday, sql: is_holiday, type: boolean }
"""
    }
)
Record = dict[str, Any]
FIRST, WEEK, DAY = datetime.fromisoformat("2023-01-02"), timedelta(weeks=1), timedelta(days=1)
RANGES = (None, ["2024-01-01", "2024-03-31"], ["2024-02-10", "2024-02-20"])
COLUMNS = {
    "count": "day",
    "revenue": "day",
    "best": "day",
    "revenue_year_ago": "year_ago",
    "count_season_ago": "season_ago",
}
"""The column of the calendar in which a measure looks the day of a sale up."""


def _calendar(dice: random.Random) -> list[Record]:
    """Years of 52 weeks and weeks from Sunday on; some days are missing, some have no day a year ago."""
    days = [FIRST + number * DAY for number in range(7 * 52 * 2) if dice.random() > 0.03]
    return [
        {
            "day": day,
            "week_begin": day - (day.isoweekday() % 7) * DAY,
            "year_begin": FIRST + (day - FIRST) // (52 * WEEK) * 52 * WEEK,
            "year_ago": dice.choice([day - 52 * WEEK] * 8 + [day - 52 * WEEK - DAY, None]),
            "season_ago": day - 13 * WEEK if dice.random() < 0.9 else None,
            "is_holiday": dice.choice([True, False, False, None]),
        }
        for day in days
    ]


def _sales(dice: random.Random) -> list[Record]:
    """Sales with ties, without a time, and of days before the calendar."""
    starts = [FIRST, datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2024-02-05"), FIRST - 20 * WEEK]
    return [
        {
            "id": number,
            "region": dice.choice(["north", "south", None]),
            "sold_at": None if number % 17 == 0 else dice.choice(starts) + dice.randrange(40 * 24) * DAY / 24,
            "amount": dice.choice([None, 0, 1, 5, 5, -3]),
        }
        for number in range(120)
    ]


def _total(sales: Sequence[Record]) -> int | None:
    amounts = [sale["amount"] for sale in sales if sale["amount"] is not None]
    return sum(amounts) if amounts else None


def _best(sales: Sequence[Record]) -> int | None:
    return max((sale["amount"] for sale in sales if sale["amount"] is not None), default=None)


VALUES: Mapping[str, Callable[[Sequence[Record]], int | None]] = {"revenue": _total, "count": len, "best": _best}


def _by_hand(calendar: Sequence[Record], sales: Sequence[Record], query: Mapping[str, Any]) -> rows.Rows:
    """Each sale beside the calendar's rows that say its day, or a day that stands for it, in the measure's column."""
    (time,) = query["timeDimensions"]
    begin = {"week": "week_begin", "year": "year_begin", "day": "day"}[time["granularity"]]
    found: dict[tuple[Any, ...], Record] = {}
    for measure in query["measures"]:
        groups: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
        for sale in sales:
            for day in _days(calendar, sale, measure.partition(".")[2]):
                shown = {"sales.region": sale["region"], "days.is_holiday": day.get("is_holiday")}
                if _is_in(time.get("dateRange"), day) and all(_passes(entry, shown) for entry in query["filters"]):
                    groups[day.get(begin), *(shown[name] for name in query["dimensions"])].append(sale)
        for key, sold in groups.items():
            value = VALUES[measure.partition(".")[2].partition("_")[0]](sold)
            found.setdefault(key, dict.fromkeys(query["measures"]))[measure] = rows.plain(value)
    names = [f"days.day.{time['granularity']}", *query["dimensions"]]
    return [dict(zip(names, map(rows.plain, key), strict=True)) | values for key, values in found.items()]


def _days(calendar: Sequence[Record], sale: Record, measure: str) -> Sequence[Record]:
    if sale["sold_at"] is None:
        return [{}]
    sold_on = sale["sold_at"].replace(hour=0)
    found = [day for day in calendar if day[COLUMNS.get(measure, "day")] == sold_on]
    if measure == "best_week_ago":
        found = [day | {"day": day["day"] + WEEK} for day in found]
    return found or [{}]


def _is_in(span: Sequence[str] | None, day: Record) -> bool:
    if span is None:
        return True
    return bool(day) and datetime.fromisoformat(span[0]) <= day["day"] <= datetime.fromisoformat(span[1])


def _passes(condition: Mapping[str, Any], shown: Mapping[str, Any]) -> bool:
    value = shown[condition["member"]]
    return value is not None and (condition["operator"] == "set" or str(value).lower() in condition["values"])


def _query(dice: random.Random) -> dict[str, Any]:
    granularity = dice.choice(["day", "week", "year"])
    measures = [*COLUMNS, *(["best_week_ago"] if granularity == "day" else [])]
    time = {"dimension": "days.day", "granularity": granularity}
    span = dice.choice(RANGES)
    conditions = [
        {"member": "sales.region", "operator": "equals", "values": ["north"]},
        {"member": "days.is_holiday", "operator": "equals", "values": ["true"]},
        {"member": "days.is_holiday", "operator": "set"},
    ]
    return {
        "measures": [f"sales.{name}" for name in dice.sample(measures, dice.randint(1, 3))],
        "dimensions": dice.sample(["sales.region", "days.is_holiday"], dice.choice([0, 0, 1, 2])),
        "timeDimensions": [time | ({"dateRange": span} if span else {})],
        "filters": dice.sample(conditions, dice.choice([0, 0, 1])),
    }


def test_every_day_is_looked_up() -> None:
    dice = random.Random(4)
    calendar, sales = _calendar(dice), _sales(dice)
    connection = rows.connect()
    for name, records in (("calendar", calendar), ("sales", sales)):
        types = ["BOOLEAN" if key.startswith("is_") else "TIMESTAMP" if name == "calendar" or key == "sold_at" else
                 "VARCHAR" if key == "region" else "INTEGER" for key in records[0]]  # fmt: skip
        columns = ", ".join(f"{key} {kind}" for key, kind in zip(records[0], types, strict=True))
        connection.execute(f"CREATE TABLE {name} ({columns})")
        marks = ", ".join("?" * len(types))
        connection.executemany(f"INSERT INTO {name} VALUES ({marks})", [list(record.values()) for record in records])
    for _ in range(30):
        query = _query(dice)
        expected = _by_hand(calendar, sales, query)
        for dialect in ours.DIALECTS:
            assert not rows.difference(ours.answer(connection, MODEL, query, dialect), expected), (dialect, query)


@pytest.mark.parametrize("granularity", ["week", "year"])
def test_an_interval_does_not_move_what_only_the_calendar_knows(granularity: str) -> None:
    query = {
        "measures": ["sales.best_week_ago"],
        "timeDimensions": [{"dimension": "days.day", "granularity": granularity}],
    }
    with pytest.raises(PlanError, match="its buckets are defined by SQL") as caught:
        ours.compiled(MODEL, query)
    assert caught.value.advice == "say in time_shift of days.day what 1 week means there: interval, type and sql"
