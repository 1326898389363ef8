"""Multi-stage measures that cannot be, and the shifts that a calendar names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from semantic.compiler import compile_query
from semantic.datamodel.load import load_sources
from semantic.errors import PlanError
from semantic.query.parse import parse_query

MODEL = load_sources(
    {
        "a.yml": """
cubes:
  - name: sales
    sql_table: sales
    joins: [{ name: days, relationship: many_to_one, sql: "{CUBE}.sold_on = {days}.day" }]
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: sold_at, sql: sold_at, type: time }
    measures:
      - { name: revenue, sql: x, type: sum }
      - { name: rolling, sql: x, type: sum, rolling_window: { trailing: 1 week } }
      - { name: rows, sql: "x", type: sum, multi_stage: true, group_by: [id] }
      - name: before
        sql: "{revenue}"
        type: number
        multi_stage: true
        time_shift: [{ name: four_weeks_ago }]
  - name: days
    sql_table: calendar
    calendar: true
    dimensions:
      - name: day
        sql: day
        type: time
        primary_key: true
        public: true
        time_shift: [{ name: four_weeks_ago, interval: 4 weeks, type: prior }]
"""
    }
)
MONTHS = {"granularity": "month", "dateRange": ["2024-01-01", "2024-03-31"]}


def sql(**payload: Any) -> str:
    query = parse_query(payload, MODEL, now=datetime(2025, 1, 1, tzinfo=UTC))
    return compile_query(MODEL, query).sql


def test_a_shift_named_by_the_calendar_moves_its_days() -> None:
    text = sql(measures=["sales.before"], timeDimensions=[{"dimension": "days.day", **MONTHS}])
    assert 'DATE_TRUNC(\'month\', CAST("days"."day" AS TIMESTAMP) + INTERVAL 4 WEEK)' in text


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"measures": ["sales.before"], "timeDimensions": [{"dimension": "sales.sold_at", **MONTHS}]},
         "which no time dimension of the query declares"),
        ({"measures": ["sales.rows"]}, "computed from no other measure"),
        ({"measures": ["sales.rolling"], "timeDimensions": [{"dimension": "sales.sold_at", "granularity": "day"}]},
         "Time series queries without dateRange aren't supported"),
        ({"measures": ["sales.rolling"], "timeDimensions": [{"dimension": "sales.sold_at", **MONTHS},
                                                            {"dimension": "days.day", **MONTHS}]},
         "along one time dimension"),
        ({"measures": ["sales.revenue"], "filters": [{"or": [
            {"member": "sales.revenue", "operator": "set"}, {"member": "sales.sold_at", "operator": "set"}]}]},
         "cannot use dimension and measure in same condition"),
    ],
)  # fmt: skip
def test_refusals(payload: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        sql(**payload)
    assert caught.value.code
    assert caught.value.place
