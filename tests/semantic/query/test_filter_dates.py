"""Words for dates in filters: resolved once, in the query's time zone, alike for queries, views and policies."""

# ruff: noqa: DTZ001 - parameters are naive UTC times
from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from semantic.compiler import Compiler
from semantic.datamodel.load import load_sources
from semantic.errors import QueryFormatError
from semantic.query.echo import echo
from semantic.query.parse import parse_query
from semantic.query.parser import Parser

# A Wednesday; in Berlin it is Thursday already.
NOW = datetime(2025, 5, 14, 22, 30, tzinfo=UTC)
MODEL = load_sources(
    {
        "a.yml": """
cubes:
  - name: visits
    sql_table: visits
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: at, sql: at, type: time }
    measures: [{ name: count, type: count }]
    access_policy:
      - group: recent
        row_level: { filters: [{ member: at, operator: inDateRange, values: [last 2 days] }] }
      - group: all
views:
  - name: shown
    cubes: [{ join_path: visits, includes: [count, at] }]
    default_filters: [{ member: at, operator: beforeDate, values: [today] }]
"""
    }
)


def query(operator: str, *values: str) -> dict[str, Any]:
    filters = [{"and": [{"member": "visits.at", "operator": operator, "values": list(values)}]}]
    return {"measures": ["visits.count"], "filters": filters, "timezone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("operator", "value", "said"),
    [
        ("inDateRange", "today", ["2025-05-15T00:00:00.000", "2025-05-15T23:59:59.999"]),
        ("notInDateRange", "last month", ["2025-04-01T00:00:00.000", "2025-04-30T23:59:59.999"]),
        ("onTheDate", "2025-01-02", ["2025-01-02T00:00:00.000", "2025-01-02T23:59:59.999"]),
        ("beforeDate", "this week", ["2025-05-12T00:00:00.000"]),
        ("afterOrOnDate", "yesterday", ["2025-05-14T00:00:00.000"]),
        ("afterDate", "last week", ["2025-05-11T23:59:59.999"]),
        ("beforeOrOnDate", "today", ["2025-05-15T23:59:59.999"]),
        ("beforeDate", "2025-05-01", ["2025-05-01"]),
        ("afterDate", "2025-05-01T10:00:00+02", ["2025-05-01T10:00:00+02"]),
    ],
)
def test_words_are_echoed_as_dates(operator: str, value: str, said: Sequence[str]) -> None:
    parser = Parser(MODEL)
    once = parse_query(query(operator, value), MODEL, now=NOW)
    parser.query(query(operator, "2024-01-01"), now=NOW)
    for parsed in (once, parser.query(query(operator, value), now=NOW)):
        assert parsed == once
        assert echo(parsed)["filters"][0]["and"][0]["values"] == said


@pytest.mark.parametrize("values", [("last week", "today"), ("some day",), ("2025-13-01",)])
def test_what_is_no_date(values: Sequence[str]) -> None:
    with pytest.raises(QueryFormatError, match=r"Relative-date strings|Can't parse date"):
        Compiler(MODEL).compile(
            parse_query(query("inDateRange", *values), MODEL, now=NOW), security_context={"groups": ["all"]}
        )


def test_words_of_policies_and_views() -> None:
    asked = {"measures": ["visits.count"], "timezone": "Europe/Berlin"}
    compiled = Compiler(MODEL).compile(parse_query(asked, MODEL, now=NOW), security_context={"groups": ["recent"]})
    assert compiled.parameters == (datetime(2025, 5, 12, 22), datetime(2025, 5, 14, 22))
    shown = parse_query({"measures": ["shown.count"]}, MODEL, now=NOW)
    assert Compiler(MODEL).compile(shown, security_context={"groups": ["all"]}).parameters == (datetime(2025, 5, 14),)
