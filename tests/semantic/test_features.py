"""Every feature of Cube's data model is used by a judged data model, shown here, or marked with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pytest

from semantic.compiler import Compiler
from semantic.datamodel import properties
from semantic.datamodel.load import load_sources
from semantic.datamodel.shapes import Shape
from semantic.errors import QueryError
from tests.semantic import features
from tests.semantic.features import Gap
from tests.semantic.judge import bazaar, handwritten, ours, queries, rows

MODEL = """
cubes:
  - name: orders
    {table}
    dimensions:
      - {{ name: id, sql: order_id, type: number, primary_key: true }}
      - {{ name: status, sql: status, type: string }}
      - {{ name: is_gift, sql: is_gift, type: boolean }}
      - {{ name: placed_at, sql: placed_at, type: time }}
      {dimension}
    measures:
      - {{ name: count, type: count }}
      - {{ name: amount, sql: amount, type: sum }}
      {measure}
    {more}
"""
GIFTS = "WHERE is_gift"
OF_GIFTS = {"filters": [{"member": "orders.is_gift", "operator": "equals", "values": ["true"]}]}

# What real Cube's JavaScript planner ignores or cannot: a measure `asked`, and SQL for the row that it has to give.
SHOWN: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "a stage without a filter": (
        ("measure.filter", "measure.filter.exclude", "measure.filter.mode", "measure.filter.mode: relative"),
        "sql: '{count}', type: number, filter: { mode: relative, exclude: [is_gift] }",
        "SELECT COUNT(*) FROM bazaar.orders",
    ),
    "a stage with some of the filters": (
        ("measure.filter.keep_only",),
        "sql: '{count}', type: number, filter: { keep_only: [status] }",
        "SELECT COUNT(*) FROM bazaar.orders",
    ),
    "a stage with a filter of its own": (
        ("measure.filter.include",),
        "sql: '{count}', type: number, filter: { include: [{ member: status, operator: equals, values: [paid] }] }",
        f"SELECT COUNT(*) FROM bazaar.orders {GIFTS} AND status = 'paid'",
    ),
    "a stage with filters of its own only": (
        ("measure.filter.mode: fixed",),
        "sql: '{count}', type: number, "
        "filter: { mode: fixed, include: [{ or: [{ member: id, operator: lt, values: [9] }] }] }",
        "SELECT COUNT(*) FROM bazaar.orders WHERE order_id < 9",
    ),
    "a stage at a finer grain": (
        ("measure.grain", "measure.grain.include"),
        "sql: '{count}', type: max, grain: { include: [status] }",
        f"SELECT MAX(c) FROM (SELECT COUNT(*) AS c FROM bazaar.orders {GIFTS} GROUP BY status)",
    ),
    "an aggregate of the author's own": (
        ("measure.type: number_agg",),
        "sql: 'SUM({amount}) / SUM({count})', type: number_agg, add_group_by: [status]",
        f"SELECT SUM(amount) / COUNT(*) FROM bazaar.orders {GIFTS}",
    ),
}
# The same for dimensions: what is added to the model, the query, and SQL for all its rows.
CALENDAR = """  - name: days
    sql: >
      SELECT CAST(UNNEST(GENERATE_SERIES(DATE '2023-09-01', DATE '2025-01-31', INTERVAL 1 DAY)) AS DATE) AS day
    calendar: true
    dimensions:
      - name: day
        sql: day
        type: time
        primary_key: true
        time_shift: [{ name: back, interval: 2 week, type: prior }]
"""
# Every day has another one before it, not always as far back: the first of a month has none.
UNEVEN = """  - name: days
    sql: >
      SELECT day, CASE WHEN EXTRACT(day FROM day) > 1 THEN CAST(day - INTERVAL 9 DAY AS DATE) END AS earlier
      FROM (SELECT CAST(UNNEST(GENERATE_SERIES(DATE '2023-09-01', DATE '2025-01-31', INTERVAL 1 DAY)) AS DATE) AS day)
    calendar: true
    dimensions:
      - { name: key, sql: day, type: time, primary_key: true }
      - name: day
        sql: day
        type: time
        time_shift:
          - { name: earlier, sql: "{CUBE}.earlier" }
          - { interval: 7 day, type: prior, sql: "{CUBE}.earlier" }
"""
TO_KEYS = "joins: [{ name: days, relationship: many_to_one, sql: 'CAST({CUBE}.placed_at AS DATE) = {days.key}' }]"
DAYS_OF_2024 = {"dimension": "days.day", "granularity": "day", "dateRange": ["2024-01-01", "2024-12-31"]}
EARLIER = (
    "SELECT COUNT(*), CAST(day AS TIMESTAMP) FROM (SELECT UNNEST(GENERATE_SERIES(DATE '2024-01-01', DATE '2024-12-31', "
    "INTERVAL 1 DAY)) AS day) JOIN bazaar.orders ON CAST(placed_at AS DATE) = day - INTERVAL 9 DAY "
    "WHERE EXTRACT(day FROM day) > 1 GROUP BY 2"
)
TO_DAYS = "joins: [{ name: days, relationship: many_to_one, sql: 'CAST({CUBE}.placed_at AS DATE) = {days.day}' }]"
BY_ASKED = {"measures": ["orders.count"], "dimensions": ["orders.asked"]}
JANUARY = {"dimension": "days.day", "granularity": "week", "dateRange": ["2024-01-08", "2024-01-28"]}


def _asked_with(rule: str) -> Mapping[str, str]:
    """A boolean per status, whether there are many of it, with a rule for the filters of the query."""
    stage = "multi_stage: true, type: boolean, add_group_by: [status], sql: '{count} > 5'"
    return {"dimension": f"- {{ name: asked, {stage}, filter: {{ {rule} }} }}"}


ROWS: Mapping[str, tuple[tuple[str, ...], Mapping[str, str], Mapping[str, Any], str]] = {
    "a dimension out of measures": (
        ("dimension.multi_stage", "dimension.add_group_by"),
        {
            "dimension": "- { name: asked, multi_stage: true, type: boolean, "
            "add_group_by: [status], sql: '{count} > 10' }",
        },
        BY_ASKED,
        "SELECT SUM(c), c > 10 FROM (SELECT COUNT(*) AS c FROM bazaar.orders GROUP BY status) GROUP BY 2",
    ),
    "a dimension that leaves out some of the filters": (
        ("dimension.filter",),
        _asked_with("exclude: [is_gift]"),
        {**BY_ASKED, **OF_GIFTS},
        "SELECT SUM(n), big FROM (SELECT status, COUNT(*) FILTER (WHERE is_gift) AS n, COUNT(*) > 5 AS big "
        "FROM bazaar.orders GROUP BY 1) GROUP BY 2",
    ),
    "a dimension that keeps some of the filters": (
        ("dimension.filter",),
        _asked_with("keep_only: [status]"),
        {**BY_ASKED, **OF_GIFTS},
        "SELECT SUM(n), big FROM (SELECT status, COUNT(*) FILTER (WHERE is_gift) AS n, COUNT(*) > 5 AS big "
        "FROM bazaar.orders GROUP BY 1) GROUP BY 2",
    ),
    "a dimension with filters of its own only": (
        ("dimension.filter",),
        _asked_with("mode: fixed, include: [{ member: id, operator: lt, values: [30] }]"),
        {**BY_ASKED, **OF_GIFTS},
        "SELECT SUM(n), big FROM (SELECT status, COUNT(*) FILTER (WHERE is_gift) AS n, "
        "NULLIF(COUNT(*) FILTER (WHERE order_id < 30), 0) > 5 AS big FROM bazaar.orders GROUP BY 1) GROUP BY 2",
    ),
    "a dimension with a filter more": (
        ("dimension.filter",),
        _asked_with("include: [{ member: id, operator: lt, values: [30] }]"),
        {**BY_ASKED, **OF_GIFTS},
        "SELECT SUM(n), big FROM (SELECT status, COUNT(*) AS n, "
        "NULLIF(COUNT(*) FILTER (WHERE order_id < 30), 0) > 5 AS big "
        "FROM bazaar.orders WHERE is_gift GROUP BY 1) GROUP BY 2",
    ),
    "a case over a switch": (
        ("dimension.case.switch",),
        {
            "dimension": """- { name: kind, type: switch, values: [A, B] }
      - name: asked
        type: number
        case:
          switch: "{CUBE.kind}"
          when: [{ value: A, sql: "{CUBE}.store_id" }, { value: B, sql: "0" }]
          else: { sql: "1" }""",
        },
        {"measures": ["orders.count"], "dimensions": ["orders.kind", "orders.asked"]},
        "SELECT COUNT(*), 'A', store_id FROM bazaar.orders GROUP BY 3 "
        "UNION ALL SELECT COUNT(*), 'B', 0 FROM bazaar.orders",
    ),
    "a shift that a calendar names": (
        ("measure.time_shift.name",),
        {
            "measure": "- { name: asked, multi_stage: true, sql: '{count}', type: number, "
            "time_shift: [{ name: back }] }",
            "more": TO_DAYS + "\n" + CALENDAR,
        },
        {"measures": ["orders.asked"], "timeDimensions": [JANUARY]},
        "SELECT COUNT(*), DATE_TRUNC('week', placed_at + INTERVAL 14 DAY) AS week FROM bazaar.orders "
        "GROUP BY 2 HAVING week BETWEEN '2024-01-08' AND '2024-01-28'",
    ),
    "a shift that a calendar names, by SQL": (
        ("dimension.time_shift.sql",),
        {
            "measure": "- { name: asked, multi_stage: true, sql: '{count}', type: number, "
            "time_shift: [{ name: earlier }] }",
            "more": TO_KEYS + "\n" + UNEVEN,
        },
        {"measures": ["orders.asked"], "timeDimensions": [DAYS_OF_2024]},
        EARLIER,
    ),
    "a shift by an interval, which a calendar knows better": (
        ("dimension.time_shift.sql",),
        {
            "measure": "- { name: asked, multi_stage: true, sql: '{count}', type: number, "
            "time_shift: [{ interval: 7 day, type: prior }] }",
            "more": TO_KEYS + "\n" + UNEVEN,
        },
        {"measures": ["orders.asked"], "timeDimensions": [DAYS_OF_2024]},
        EARLIER,
    ),
    "a filter for the planner only": (
        ("filter.operator: measureFilter",),
        {},
        {"measures": ["orders.count"], "filters": [{"member": "orders.count", "operator": "measureFilter"}]},
        "SELECT COUNT(*) FROM bazaar.orders",
    ),
}
# Grains that leave groups out: by status and gift, the stage's value next to each row.
COARSE = {
    "measure.grain.exclude": "grain: { exclude: [status] }",
    "measure.grain.keep_only": "grain: { keep_only: [is_gift] }",
}
SHOWN_ELSEWHERE = {
    "reference: {cube.sql()}": "tests/semantic/sql/test_members.py",
    "reference: {time.granularity}": "tests/semantic/sql/test_members.py",
    "reference: {SECURITY_CONTEXT}": "tests/semantic/judge/test_security_context.py",
    "pre_aggregation.type: rollup_join": "tests/semantic/plan/test_composed.py",
    "pre_aggregation.type: rollup_lambda": "tests/semantic/plan/test_composed.py",
    "pre_aggregation.refresh_key": "tests/headrace/test_rollup_refresh.py",
    "pre_aggregation.partition_granularity": "tests/headrace/test_rollup_refresh.py",
    "reference: Jinja": "tests/semantic/datamodel/test_load.py",
}


def load(*, dimension: str = "", measure: str = "", more: str = "", table: str = "sql_table: bazaar.orders") -> Any:
    text = MODEL.format(table=table, dimension=dimension, measure=measure, more=more)
    return load_sources({"orders.yml": text})


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = rows.connect()
    bazaar.write(connection)
    return connection


@pytest.mark.parametrize("dialect", ours.DIALECTS)
@pytest.mark.parametrize("name", SHOWN)
def test_stages(connection: duckdb.DuckDBPyConnection, name: str, dialect: ours.Dialect) -> None:
    _, asked, truth = SHOWN[name]
    model = load(measure=f"- {{ name: asked, multi_stage: true, {asked} }}")
    ((expected,),) = connection.execute(truth).fetchall()
    found = ours.answer(connection, model, {"measures": ["orders.asked"], **OF_GIFTS}, dialect)
    assert found == [{"orders.asked": rows.plain(expected)}]


@pytest.mark.parametrize("dialect", ours.DIALECTS)
@pytest.mark.parametrize("name", ROWS)
def test_rows(connection: duckdb.DuckDBPyConnection, name: str, dialect: ours.Dialect) -> None:
    _, parts, query, truth = ROWS[name]
    found = ours.answer(connection, load(**parts), query, dialect)
    expected = [sorted(repr(rows.plain(value)) for value in row) for row in connection.execute(truth).fetchall()]
    assert expected
    assert sorted(sorted(map(repr, row.values())) for row in found) == sorted(expected)


@pytest.mark.parametrize("feature", COARSE)
def test_coarse_grains(connection: duckdb.DuckDBPyConnection, feature: str) -> None:
    model = load(measure=f"- {{ name: asked, multi_stage: true, sql: '{{count}}', type: sum, {COARSE[feature]} }}")
    query = {"measures": ["orders.asked", "orders.count"], "dimensions": ["orders.status", "orders.is_gift"]}
    found = ours.answer(connection, model, query)
    totals = dict(connection.execute("SELECT is_gift, COUNT(*) FROM bazaar.orders GROUP BY 1").fetchall())
    assert len(found) > 4
    assert all(row["orders.asked"] == totals[row["orders.is_gift"]] for row in found)


# Gaps: each is a test that fails as long as the gap is there


def _rollup(kind: str, more: str) -> Any:
    rollups = f"""pre_aggregations:
      - {{ name: base, measures: [count], dimensions: [status], time_dimension: placed_at, granularity: day }}
      - {{ name: asked, type: {kind}, {more} }}"""
    return load(more=rollups)


def _answers_from(model: Any, name: str, query: Mapping[str, Any]) -> bool:
    compiler = Compiler(model, visible_only=False, pre_aggregations={f"orders.{name}": "rollups.asked"})
    return compiler.compile(ours.parsed(model, query)).used_pre_aggregations == (f"orders.{name}",)


def makes_rollups_by_itself() -> bool:
    return _answers_from(_rollup("auto_rollup", "max_pre_aggregations: 5"), "asked", {"measures": ["orders.count"]})


@pytest.mark.parametrize(
    ("calendar", "join", "why"),
    [
        (UNEVEN.replace("calendar: true", "calendar: false"), TO_KEYS, "only a calendar cube with one key"),
        (UNEVEN, TO_KEYS.replace("{days.key}", "{days}.day"), "the join is not over 'days.key'"),
    ],
)
def test_why_a_calendar_does_not_shift(calendar: str, join: str, why: str) -> None:
    shift = "time_shift: [{ name: earlier }]"
    model = load(
        measure=f"- {{ name: asked, multi_stage: true, sql: '{{count}}', type: number, {shift} }}",
        more=join + "\n" + calendar,
    )
    with pytest.raises(QueryError, match=why):
        ours.compiled(model, {"measures": ["orders.asked"], "timeDimensions": [DAYS_OF_2024]})


_BUILDS = "how tables are built is left to what builds them"
_ONE = "there is one warehouse, and nothing is kept outside of it"
_NAMES = "tables in SQL are called after their cubes"
GAPS = (
    Gap("pre_aggregation.type: auto_rollup", "never", "which tables to build is the author's choice"),
    Gap("pre_aggregation.max_pre_aggregations", "never", "goes with auto_rollup"),
)
# Read, so that the data model stays one for both, but without effect: there is nothing a test could wait for.
WITHOUT_EFFECT = {
    "cube.data_source": _ONE, "cube.rewrite_queries": _ONE, "pre_aggregation.external": _ONE,
    "cube.refresh_key": _ONE, "cube.refresh_key.every": _ONE, "cube.refresh_key.timezone": _ONE,
    "cube.refresh_key.sql": _ONE, "cube.refresh_key.immutable": _ONE, "cube.sql_alias": _NAMES,
    **{f"pre_aggregation.{name}": _BUILDS for name in (
        "scheduled_refresh", "build_range_start", "build_range_end", "indexes",
        "read_only", "stream_offset", "output_column_types", "unique_key_columns", "sql_alias",
        "use_original_sql_pre_aggregations")},
}  # fmt: skip
TRIED = {
    "pre_aggregation.type: auto_rollup": makes_rollups_by_itself,
    "pre_aggregation.max_pre_aggregations": makes_rollups_by_itself,
}


@pytest.mark.parametrize(
    "gap", [pytest.param(gap, marks=getattr(pytest.mark, gap.mark)(gap.reason), id=gap.feature) for gap in GAPS]
)
def test_gaps(gap: Gap) -> None:
    assert TRIED[gap.feature]()


# The list, and the page


def _operators() -> set[str]:
    asked = str([*handwritten.QUERIES.values(), *queries.OPERATORS.values()])
    return {name for name in properties.OPERATORS if f"'{name}'" in asked}


def test_every_feature_is_used_shown_or_marked() -> None:
    known = features.used() | set(SHOWN_ELSEWHERE) | set(COARSE) | {gap.feature for gap in GAPS} | set(WITHOUT_EFFECT)
    known |= {feature for shown, *_ in (*SHOWN.values(), *ROWS.values()) for feature in shown}
    known |= {f"filter.operator: {name}" for name in _operators()}
    assert [feature for feature in features.features() if feature not in known] == []
    assert {gap.feature for gap in GAPS} | set(WITHOUT_EFFECT) <= set(features.features())


def test_the_list_is_what_the_loader_takes() -> None:
    """But for deprecated names, and what only our loader needs to know."""
    shapes: Mapping[str, Shape] = {
        "cube": properties.cube, "join": properties.join, "measure": properties.measure,
        "dimension": properties.dimension, "segment": properties.segment, "hierarchy": properties.hierarchy,
        "pre_aggregation": properties.pre_aggregation, "access_policy": properties.access_policy,
        "view.cubes": properties.view_cube,
    }  # fmt: skip
    deprecated = {"shown", "visible", "cumulative", "drill_member_references", "field_type", "enable_suggestions",
                  "refresh_range_start", "refresh_range_end"}  # fmt: skip
    for owner, shape in shapes.items():
        listed = {feature.removeprefix(f"{owner}.") for feature in features.features() if ": " not in feature
                  and feature.rpartition(".")[0] == owner}  # fmt: skip
        assert listed == set(shape.properties) - deprecated, owner


def test_what_is_beyond_cube_is_what_the_loader_takes() -> None:
    assert [key.removeprefix("meta.") for key in features.BEYOND] == list(properties.measure_meta.properties)
    sections = (features.PAGE.parent / "semantic.md").read_text(encoding="utf-8")
    for _, section in features.BEYOND.values():
        assert f"## {section.replace('-', ' ').capitalize()}\n" in sections


def test_the_page() -> None:
    assert features.PAGE.read_text(encoding="utf-8") == features.page(GAPS, WITHOUT_EFFECT)
