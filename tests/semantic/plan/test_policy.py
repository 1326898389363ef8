"""Access policies: what is denied, masked and filtered, for whom."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from semantic.compiler import CompiledQuery, Compiler
from semantic.datamodel.load import load_sources
from semantic.errors import HiddenMemberError, QueryError
from semantic.plan.callers import evaluate
from semantic.query.parse import parse_query

MODEL = load_sources(
    {
        "a.yml": """
cubes:
  - name: people
    sql_table: people
    joins: [{ name: visits, relationship: one_to_many, sql: "{CUBE}.id = {visits}.person_id" }]
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: name, sql: name, type: string, mask: "'***'" }
      - { name: email, sql: email, type: string }
      - { name: region, sql: region, type: string }
      - { name: domain, sql: "SPLIT_PART({email}, '@', 2)", type: string }
      - { name: secret, sql: secret, type: string, public: false }
      - { name: visit_count, sql: "{visits.count}", type: number, sub_query: true }
    measures:
      - { name: count, type: count }
      - name: everyone
        type: sum
        sql: "{count}"
        multi_stage: true
        filter: { exclude: "*" }
    access_policy:
      - group: sales
        member_level: { excludes: [email, name] }
        member_masking: { includes: [name] }
        row_level: { filters: [{ member: region, operator: equals, values: ["{ securityContext.regions }"] }] }
      - group: staff
        conditions: [{ if: "{ securityContext.level >= 3 and not securityContext.left }" }]
        row_level: { allow_all: true }
  - name: visits
    sql_table: visits
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: at, sql: at, type: time, mask: { sql: "DATE_TRUNC('YEAR', {CUBE}.at)" } }
    measures:
      - { name: count, type: count }
      - { name: rolling, type: count, rolling_window: { trailing: 1 month } }
      - name: before
        multi_stage: true
        type: number
        sql: "{count}"
        time_shift: [{ time_dimension: at, interval: 1 month, type: prior }]
    access_policy:
      - group: "*"
        member_level: { includes: "*", excludes: [at] }
        member_masking: { includes: [at] }
        row_level: { filters: [{ member: id, operator: gt, values: [100] }] }
views:
  - name: seen
    cubes: [{ join_path: people, includes: [count, region] }]
"""
    }
)
SALES = {"groups": ["sales"], "regions": ["north", "south"]}
STAFF = {"groups": ["staff"], "level": 3}


def compiled(context: dict[str, Any], **payload: Any) -> CompiledQuery:
    query = parse_query(payload, MODEL, now=datetime(2025, 1, 1, tzinfo=UTC))
    return Compiler(MODEL).compile(query, security_context=context)


@pytest.mark.parametrize(
    ("context", "member"),
    [
        (SALES, "people.email"),
        (SALES, "people.secret"),
        (STAFF, "people.secret"),
        ({}, "people.region"),
        ({"groups": ["staff"], "level": 2}, "people.region"),
        ({"groups": ["staff"], "level": 3, "left": True}, "people.region"),
    ],
)
def test_denied(context: dict[str, Any], member: str) -> None:
    with pytest.raises(HiddenMemberError, match=f"hidden member: '{member}'"):
        compiled(context, dimensions=[member])


def test_rows_are_limited_and_values_bound() -> None:
    result = compiled(SALES, measures=["people.count"])
    assert '"people"."region" IN ($1, $2)' in result.sql
    assert result.parameters == ("north", "south")
    assert "WHERE" not in compiled(STAFF, measures=["people.count"]).sql


def test_rows_stay_limited_through_a_view() -> None:
    assert compiled(SALES, measures=["seen.count"]).parameters == ("north", "south")


def test_no_stage_lifts_a_row_filter() -> None:
    result = compiled(SALES, measures=["people.everyone"], filters=[{"member": "people.id", "operator": "set"}])
    assert '"people"."region" IN ($1, $2)' in result.sql
    assert '"people"."id" IS NULL' not in result.sql


def test_masked_values_and_filters_over_masks() -> None:
    result = compiled(SALES, dimensions=["people.name", "people.region"])
    assert "'***' AS \"people__name\"" in result.sql
    one = {"member": "people.name", "operator": "equals", "values": ["Ada"]}
    filtered = compiled(SALES, dimensions=["people.region"], filters=[one]).sql
    assert "'***' = $1" in filtered
    assert '"name"' not in filtered


def test_what_is_computed_from_a_denied_member_is_denied() -> None:
    with pytest.raises(HiddenMemberError, match=r"'people\.email', which the query needs"):
        compiled(SALES, dimensions=["people.domain"])


@pytest.mark.parametrize("measure", ["visits.rolling", "visits.before"])
def test_nothing_goes_along_a_masked_time(measure: str) -> None:
    months = {"dimension": "visits.at", "granularity": "month", "dateRange": ["2024-01-01", "2024-03-31"]}
    with pytest.raises(HiddenMemberError, match=r"goes along 'visits\.at', which an access policy masks"):
        compiled(STAFF, measures=[measure], timeDimensions=[months])
    bucket = """DATE_TRUNC('month', CAST(DATE_TRUNC('YEAR', "visits"."at") AS TIMESTAMP))"""
    assert bucket in compiled(STAFF, measures=["visits.count"], timeDimensions=[months]).sql


def test_a_sub_query_over_limited_rows_is_refused() -> None:
    with pytest.raises(HiddenMemberError, match="hides from you in part"):
        compiled(STAFF, dimensions=["people.visit_count"])


def test_a_value_that_the_token_lacks_is_an_error() -> None:
    with pytest.raises(QueryError, match="has no 'regions'"):
        compiled({"groups": ["sales"]}, measures=["people.count"])


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("{ securityContext.a == 1 }", True),
        ("{ security_context.b.c in ['x', 'y'] }", True),
        ("{ securityContext.missing }", None),
        ("{ securityContext.a > 'text' }", False),
        ("true", True),
    ],
)
def test_conditions(condition: str, value: Any) -> None:
    assert evaluate(condition, {"a": 1, "b": {"c": "x"}}) == value


@pytest.mark.parametrize("condition", ["{ __import__('os') }", "{ open }", "{ 1 + }", "{ securityContext.a() }"])
def test_conditions_are_no_programs(condition: str) -> None:
    with pytest.raises(QueryError):
        evaluate(condition, {"a": 1})
