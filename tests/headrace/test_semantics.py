"""What the data model says against what the warehouse has: every member and join that cannot be is told of."""

from __future__ import annotations

from headrace.semantics import impossible_members
from semantic.datamodel.load import load_sources
from tests.semantic.sqlapi.readers import Memory

TABLE = "CREATE TABLE visits AS SELECT 1 AS id, 'web' AS kind, 5 AS seconds, TIMESTAMP '2024-01-01' AS seen_at"
MODEL = """
cubes:
  - name: visits
    sql: >
      WITH named AS (SELECT id, kind, seconds, seen_at FROM visits),
      longer AS (SELECT *, seconds * 2 AS twice FROM named)
      SELECT * FROM longer
    joins:
      - { name: days, relationship: many_to_one, sql: "CAST({CUBE}.seen_at AS DATE) = {days.day}" }
      - { name: bare, relationship: many_to_one, sql: "{CUBE}.wrong_id = {bare}.id" }  # wrong
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: twice, sql: "{CUBE}.twice", type: number }
      - { name: lost, sql: lost, type: string }  # wrong
      - { name: unit, type: switch, values: [seconds, minutes] }
      - { name: seen_at, sql: seen_at, type: time, granularities: [{ name: year, sql: "{CUBE}.fiscal_year" }] }  # wrong
    measures:
      - { name: count, type: count }
      - { name: kinds, type: count_distinct, sql: kind, filters: [{ sql: "{CUBE}.seconds > 1" }] }
      - { name: lost_kinds, type: count, filters: [{ sql: "{CUBE}.kinds = 1" }] }  # wrong
      - { name: lost_share, sql: "1.0 * {lost_kinds} / {count}", type: number }  # wrong
      - { name: month, sql: seconds, type: sum, rolling_window: { trailing: 1 month } }
      - { name: rank, multi_stage: true, type: rank, order_by: [{ sql: "{count}" }] }
      - name: time_spent
        type: number
        multi_stage: true
        case: { switch: "{unit}", when: [{ value: seconds, sql: "{count}" }], else: { sql: "{count} / 60" } }
      - { name: before, sql: "{count}", type: number, multi_stage: true, time_shift: [{ name: back }] }
      - name: last_seconds
        sql: seconds
        type: sum
        meta: { non_additive_dimension: { name: seen_at, window_choice: max } }
    segments:
      - { name: web, sql: "{CUBE}.kind = 'web'" }
      - { name: app, sql: "{CUBE}.sort = 'app'" }  # wrong
  - name: days
    sql: SELECT DATE '2024-01-01' AS day
    calendar: true
    dimensions:
      - name: day
        sql: day
        type: time
        primary_key: true
        time_shift: [{ name: back, interval: 1 week, type: prior }]
  - name: bare
    sql_table: visits
    segments: [{ name: web, sql: "{CUBE}.kind = 'web'" }]
  - name: counted
    sql_table: visits
    measures: [{ name: count, type: count }]
    segments: [{ name: web, sql: "{CUBE}.king = 'web'" }]  # wrong
"""


def test_what_cannot_be_computed() -> None:
    found = list(impossible_members(load_sources({"visits.yml": MODEL}), Memory(TABLE)))
    wrong = [number for number, line in enumerate(MODEL.splitlines(), start=1) if line.endswith("# wrong")]
    assert sorted(int(problem.split(":")[1]) for problem in found) == wrong
    assert all(problem.startswith("visits.yml:") and problem.endswith("[warehouse]") for problem in found)
    assert any('"fiscal_year"' in problem for problem in found)
