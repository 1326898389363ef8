"""Rollups are made again when they have to be and where they have to be: refresh keys, partitions, and what a build of
the models has computed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.config import Settings
from headrace.rollup_changes import Computed, narrow_rollups, outdate_rollups
from headrace.rollups import build_rollups, list_rollups, plans_of
from headrace.warehouse import open_warehouse
from semantic.compiler import Compiler
from semantic.datamodel.load import load_sources
from semantic.partition_keys import Span, changed_starts
from semantic.refresh import FOREVER, Partitions
from semantic.rollups import Blueprint, blueprints
from tests.headrace.test_rollups import asked, change, opened, project, reason, write_model

MODEL = """
cubes:
  - name: sales
    sql_table: core.sales
    joins:
      - { name: shops, relationship: many_to_one, sql: "{CUBE}.shop_id = {shops.id}" }
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: kind, sql: kind, type: string }
      - { name: sold_at, sql: sold_at, type: time }
      - { name: sold_on, sql: "CAST({CUBE}.sold_at AS DATE)", type: time }
    measures:
      - { name: count, type: count }
      - { name: cents, sql: cents, type: sum }
      - { name: kinds, sql: kind, type: count_distinct }
    pre_aggregations:
      - { name: daily, measures: [count, cents, kinds], dimensions: [kind], time_dimension: sold_at, granularity: day,
          partition_granularity: month REFRESH }
  - name: shops
    sql_table: core.shops
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: city, sql: city, type: string }
"""
DAILY = {"measures": ["sales.count", "sales.cents"], "timeDimensions": [
    {"dimension": "sales.sold_at", "granularity": "day"}]}  # fmt: skip
SALES = frozenset([("physical", "sales")])
FEBRUARY: Span = (datetime(2024, 2, 1), datetime(2024, 3, 1))  # noqa: DTZ001
ROOT = Path(__file__).parents[2]
BEGUN = datetime(2024, 4, 10, 12, tzinfo=UTC)


def day(month: int, number: int = 1) -> datetime:
    return datetime(2024, month, number)  # noqa: DTZ001


def model(refresh: str = "") -> str:
    return MODEL.replace("REFRESH", f", refresh_key: {refresh}" if refresh else "")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = project(tmp_path)
    write_model(found, model())
    return found


@contextmanager
def building(settings: Settings, *changes: Computed) -> Iterator[None]:
    """A build of the models, which tells what it has computed."""
    before = outdate_rollups(settings)
    yield
    narrow_rollups(settings, before, changes)


def sold(span: Span, column: str = "sold_at") -> Computed:
    return Computed(SALES, column, span)


def wrong(settings: Settings) -> str:
    (found,) = list_rollups(settings, "prod")
    return found.wrong


def rows(settings: Settings, sql: str) -> list[Any]:
    with duckdb.connect(str(settings.warehouse)) as connection:
        return connection.execute(sql).fetchall()


TABLE = "SELECT * FROM rollups.sales__daily ORDER BY ALL"


def is_right(settings: Settings) -> bool:
    """Whether the table holds what its query gives now."""
    with open_warehouse(settings, read_only=True) as backend:
        _, (plan,) = plans_of(settings, backend.con, "prod")
        right = backend.con.execute(f"SELECT * FROM ({plan.sql}) ORDER BY ALL").fetchall()
        return bool(backend.con.execute(TABLE).fetchall() == right)


def mark(settings: Settings) -> None:
    """Falsify every row, so that those show which are not made again."""
    change(settings, "UPDATE rollups.sales__daily SET sales__cents = -1")


def marked_months(settings: Settings) -> list[int]:
    sql = "SELECT DISTINCT month(sales__sold_at_day) FROM rollups.sales__daily WHERE sales__cents = -1 ORDER BY 1"
    return [month for (month,) in rows(settings, sql)]


def test_only_the_partitions_are_built_that_the_models_computed(settings: Settings) -> None:
    build_rollups(settings, "prod")
    mark(settings)
    with building(settings, sold((day(2, 3), day(2, 5))), sold((day(2, 20), day(2, 21)))):
        change(settings, "DELETE FROM physical.sales WHERE sold_at >= '2024-02-03' AND sold_at < '2024-02-05'")
        change(settings, "INSERT INTO physical.sales VALUES (900, 1, 'late', 5, '2024-02-20 10:00')")
    assert wrong(settings) == (
        "is older than the last build of the models, which computed 2024-02-01 to 2024-03-01: "
        "run `headrace rollups build`"
    )
    assert "which computed 2024-02-01" in reason(opened(settings))
    assert [one.name for one in build_rollups(settings, "prod")] == ["sales.daily"]
    assert wrong(settings) == ""
    assert marked_months(settings) == [1, 3, 4]
    build_rollups(settings, "prod", only="sales.daily")
    assert marked_months(settings) == []
    assert is_right(settings)


def test_what_no_model_touched_is_fresh_again(settings: Settings) -> None:
    build_rollups(settings, "prod")
    other = Computed(frozenset([("physical", "other")]), "", (day(1), day(2)))
    with building(settings, other):
        assert wrong(settings).startswith("is older than the last build of the models")
    assert wrong(settings) == ""
    assert build_rollups(settings, "prod") == ()


def test_a_build_that_fails_leaves_all_outdated(settings: Settings) -> None:
    build_rollups(settings, "prod")
    outdate_rollups(settings)
    # The next one ends well, but nobody knows what the first has done.
    with building(settings, sold(FEBRUARY)):
        pass
    assert wrong(settings) == "is older than the last build of the models: run `headrace rollups build`"
    mark(settings)
    build_rollups(settings, "prod")
    assert marked_months(settings) == []


LATER = "INSERT INTO physical.sales VALUES (901, 1, 'x', 1, '2024-01-05')"
ANYTHING = {
    "another column decides": (sold(FEBRUARY, "loaded_at"), LATER),
    "all of it was computed": (sold(FEBRUARY, ""), LATER),
    "rows came that nobody tells of": (Computed(frozenset(), "sold_at", FEBRUARY), LATER),
    "another table stands behind the name": (
        sold(FEBRUARY),
        "CREATE TABLE physical.other AS FROM physical.sales; CREATE OR REPLACE VIEW core.sales AS FROM physical.other",
    ),
}


@pytest.mark.parametrize("name", ANYTHING)
def test_where_anything_may_have_changed_all_is_built(settings: Settings, name: str) -> None:
    told, sql = ANYTHING[name]
    build_rollups(settings, "prod")
    mark(settings)
    with building(settings, told):
        change(settings, sql)
    assert wrong(settings) == "is older than the last build of the models: run `headrace rollups build`"
    build_rollups(settings, "prod")
    assert marked_months(settings) == []
    assert is_right(settings)


def test_a_view_that_computes_may_move_rows(settings: Settings) -> None:
    view = "CREATE OR REPLACE VIEW core.sales AS SELECT * REPLACE (sold_at + INTERVAL 40 DAY AS sold_at) FROM "
    change(settings, f"{view} physical.sales")
    build_rollups(settings, "prod")
    with building(settings, sold(FEBRUARY)):
        change(settings, "DELETE FROM physical.sales WHERE sold_at >= '2024-02-01' AND sold_at < '2024-03-01'")
    assert wrong(settings) == "is older than the last build of the models: run `headrace rollups build`"
    build_rollups(settings, "prod")
    assert is_right(settings)


def test_what_changed_before_the_build_began_is_not_forgotten(settings: Settings) -> None:
    build_rollups(settings, "prod")
    change(settings, LATER)
    with building(settings, sold(FEBRUARY)):
        pass
    assert wrong(settings) == "is older than the last build of the models: run `headrace rollups build`"


def test_several_builds_add_up(settings: Settings) -> None:
    build_rollups(settings, "prod")
    mark(settings)
    for span in ((day(1, 2), day(1, 3)), (day(3, 30), day(4, 2))):
        with building(settings, sold(span)):
            pass
    build_rollups(settings, "prod")
    assert marked_months(settings) == [2]


def test_random_builds_leave_the_table_as_if_all_had_been_built(settings: Settings) -> None:
    dice = random.Random(7)
    build_rollups(settings, "prod")
    for number in range(8):
        start = day(1) + timedelta(days=dice.randrange(90))
        spans = [(start, start + timedelta(days=dice.randint(1, 40))) for _ in range(dice.randint(0, 2))]
        with building(settings, *map(sold, spans)):
            for low, high in spans:
                inside = f"sold_at >= '{low}' AND sold_at < '{high}'"
                change(settings, f"DELETE FROM physical.sales WHERE {inside} AND hash(id + {number}) % 3 = 0")
                new = f"SELECT {1000 + number}, 1, 'kind {number % 3}', {number}, TIMESTAMP '{low}' + INTERVAL 7 HOUR"
                change(settings, f"INSERT INTO physical.sales {new}")
        if dice.random() < 0.7:
            build_rollups(settings, "prod")
            assert wrong(settings) == ""
            assert is_right(settings)


# Refresh keys


def test_every_lets_a_rollup_be_so_old(settings: Settings) -> None:
    write_model(settings, model("{ every: 1 hour }"))
    now = datetime.now(UTC)
    build_rollups(settings, "prod", now=now - timedelta(minutes=30))
    change(settings, LATER)
    assert wrong(settings) == ""
    assert build_rollups(settings, "prod", now=now) == ()
    engine = opened(settings)
    assert asked(engine, DAILY).compiled.used_pre_aggregations == ("sales.daily",)
    build_rollups(settings, "prod", only="sales.daily", now=now - timedelta(hours=2))
    assert wrong(settings) == ""
    change(settings, LATER)
    assert wrong(settings) == "is older than core.sales: run `headrace rollups build`"
    assert asked(engine, DAILY).compiled.used_pre_aggregations == ()
    assert len(build_rollups(settings, "prod", now=now)) == 1


def test_servers_notice_that_the_time_is_over(settings: Settings) -> None:
    write_model(settings, model("{ every: 2 seconds }"))
    build_rollups(settings, "prod")
    change(settings, LATER)
    engine = opened(settings)
    assert asked(engine, DAILY).compiled.used_pre_aggregations == ("sales.daily",)
    time.sleep(2.1)
    assert asked(engine, DAILY).compiled.used_pre_aggregations == ()


def test_incremental_builds_what_is_recent_and_what_the_models_computed(settings: Settings) -> None:
    write_model(settings, model("{ every: 1 day, incremental: true, update_window: 15 days }"))
    build_rollups(settings, "prod", now=BEGUN)
    mark(settings)
    # The window of March was open when the table was built, on April 10; that of February was not.
    build_rollups(settings, "prod", now=BEGUN + timedelta(days=30))
    assert marked_months(settings) == [1, 2]
    with building(settings, sold((day(1, 5), day(1, 6)))):
        pass
    mark(settings)
    change(settings, "INSERT INTO physical.sales VALUES (902, 1, 'new', 7, '2024-06-05')")
    build_rollups(settings, "prod", now=BEGUN + timedelta(days=60))
    assert marked_months(settings) == [2, 3]
    assert rows(settings, "SELECT sales__cents FROM rollups.sales__daily WHERE sales__kind = 'new'") == [(7,)]
    # Whether the other months are what they were, only the author knows: not read when the time is over.
    assert wrong(settings) == "is older than core.sales: run `headrace rollups build`"


KEY = '{ sql: "SELECT max(version) FROM core.versions" }'


def test_the_sql_of_a_key_decides_alone(settings: Settings) -> None:
    change(settings, "CREATE TABLE core.versions AS SELECT 1 AS version")
    write_model(settings, model(KEY))
    engine = opened(settings)
    assert len(build_rollups(settings, "prod")) == 1
    change(settings, LATER)
    outdate_rollups(settings)
    assert wrong(settings) == ""
    assert asked(engine, DAILY).compiled.used_pre_aggregations == ("sales.daily",)
    assert build_rollups(settings, "prod") == ()
    change(settings, "INSERT INTO core.versions VALUES (2)")
    assert wrong(settings) == "was built for another value of its refresh key: run `headrace rollups build`"
    assert asked(engine, DAILY).compiled.used_pre_aggregations == ()
    assert len(build_rollups(settings, "prod")) == 1
    assert is_right(settings)
    change(settings, "DROP TABLE core.versions")
    assert wrong(settings).startswith("was built for another value of its refresh key")
    with pytest.raises(Exception, match=r"rollup sales\.daily could not be built.* the SQL of its refresh key fails"):
        build_rollups(settings, "prod")


def test_a_key_is_of_the_environment(settings: Settings) -> None:
    change(settings, "CREATE TABLE core.versions AS SELECT 1 AS version; CREATE SCHEMA core__dev")
    change(settings, "CREATE TABLE core__dev.versions AS SELECT 5 AS version")
    write_model(settings, model(KEY))
    (built,) = build_rollups(settings, "dev")
    assert built.key == "[{'max(\"version\")': 5}]"


BY_MONTH = "{ sql: \"SELECT max(id) FROM core.sales WHERE {FILTER_PARAMS.sales.sold_at.filter('sold_at')}\" }"


def test_a_key_with_filter_params_is_one_per_partition(settings: Settings) -> None:
    write_model(settings, model(BY_MONTH))
    engine = opened(settings)
    build_rollups(settings, "prod")
    mark(settings)
    change(settings, "INSERT INTO physical.sales VALUES (0, 1, 'same', 5, '2024-01-05')")
    assert wrong(settings) == ""
    assert build_rollups(settings, "prod") == ()
    change(settings, "INSERT INTO physical.sales VALUES (950, 1, 'late', 5, '2024-02-10')")
    change(settings, "INSERT INTO physical.sales VALUES (951, 1, 'next', 5, '2024-06-10')")
    assert wrong(settings) == "was built for another value of its refresh key: run `headrace rollups build`"
    assert asked(engine, DAILY).compiled.used_pre_aggregations == ()
    build_rollups(settings, "prod")
    assert marked_months(settings) == [1, 3, 4]
    assert asked(engine, DAILY).compiled.used_pre_aggregations == ("sales.daily",)
    change(settings, "DELETE FROM physical.sales WHERE sold_at >= '2024-04-01'")
    build_rollups(settings, "prod")
    assert marked_months(settings) == [1, 3]
    # Without rows there are no partitions.
    change(settings, "DELETE FROM physical.sales")
    build_rollups(settings, "prod")
    assert rows(settings, TABLE) == []
    assert wrong(settings) == ""


def test_a_key_per_partition_is_computed_where_tables_are_read() -> None:
    text = model(BY_MONTH)
    compiler = Compiler(load_sources({"model.yml": text}), tables=lambda _: "core__dev.sales", visible_only=False)
    (found,) = blueprints(compiler)
    assert found.refresh.by_partition is not None
    assert found.refresh.by_partition.sql(FEBRUARY) == (
        "SELECT MAX(id) FROM core__dev.sales "
        "WHERE (sold_at >= TIMESTAMP '2024-02-01 00:00:00' AND sold_at < TIMESTAMP '2024-03-01 00:00:00')"
    )


def test_partitions_that_come_and_go_have_changed() -> None:
    before, now = '{"2024-01-01": "1", "2024-02-01": null, "2024-03-01": "3"}', '{"2024-01-01": "1", "2024-03-01": "4"}'
    assert changed_starts(before, now) == {day(2), day(3)}
    assert changed_starts(now, now) == set()
    assert changed_starts(None, now) == {day(1), day(3)}


@pytest.mark.parametrize(
    "refresh",
    [
        '{ every: "0 5 * * *" }',
        "{ sql: \"SELECT max(id) FROM core.sales WHERE {FILTER_PARAMS.sales.kind.filter('kind')}\" }",
        '{ sql: "SELECT max({CUBE}.id) FROM core.sales" }',
        "{ sql: \"SELECT max(id) FROM core.sales WHERE {FILTER_PARAMS.sales.sold_at.filter(lambda a, b: 'x')}\" }",
        "{ sql: SELECT FROM WHERE }",
    ],
)
def test_what_is_not_acted_upon_relaxes_nothing(settings: Settings, refresh: str) -> None:
    write_model(settings, model(refresh))
    build_rollups(settings, "prod")
    assert wrong(settings) == ""
    change(settings, LATER)
    assert wrong(settings) == "is older than core.sales: run `headrace rollups build`"


def test_records_of_an_earlier_version_are_read(settings: Settings) -> None:
    build_rollups(settings, "prod")
    change(settings, "ALTER TABLE rollups.builds DROP COLUMN stale; ALTER TABLE rollups.builds DROP COLUMN refresh_key")
    assert wrong(settings) == ""
    with building(settings, sold(FEBRUARY)):
        pass
    assert "2024-02-01 to 2024-03-01" in wrong(settings)


# Partitions


def blueprint(old: str = "", new: str = "") -> Blueprint:
    compiler = Compiler(load_sources({"model.yml": model().replace(old, new)}), visible_only=False)
    (found,) = blueprints(compiler)
    return found


def test_the_time_of_the_table_tells_partitions_apart() -> None:
    parts = blueprint().partitions
    assert parts == Partitions("month", "sales__sold_at_day", ("core.sales", "sold_at"))


NO_PARTITIONS = {
    "none": ("          partition_granularity: month", "          scheduled_refresh: true"),
    "weeks in months": ("granularity: day,", "granularity: week,"),
    "a finer unit": ("granularity: day,", "granularity: year,"),
    "a window": ("sql: cents, type: sum", 'sql: "SUM(cents) OVER ()", type: max'),
}


@pytest.mark.parametrize("name", NO_PARTITIONS)
def test_what_has_no_partitions_is_built_whole(name: str) -> None:
    assert blueprint(*NO_PARTITIONS[name]).partitions is None


def test_a_computed_time_does_not_say_what_a_model_has_computed() -> None:
    parts = blueprint("time_dimension: sold_at", "time_dimension: sold_on").partitions
    assert parts is not None
    assert parts.source is None


SHOPS = """    sql_table: core.shops
    joins:
      - { name: sales, relationship: one_to_many, sql: "{CUBE}.id = {sales}.shop_id" }
    dimensions:
      - { name: all_count, sql: "{sales.count}", type: number, sub_query: true }
"""


def test_a_table_that_is_read_twice_may_need_other_times() -> None:
    text = (
        model()
        .replace("dimensions: [kind]", "dimensions: [kind, shops.all_count]")
        .replace("    sql_table: core.shops\n    dimensions:\n", SHOPS)
    )
    (found,) = blueprints(Compiler(load_sources({"model.yml": text}), visible_only=False))
    assert found.partitions is not None
    assert found.partitions.source is None


@given(
    unit=st.sampled_from(["hour", "day", "week", "month", "quarter", "year"]),
    spans=st.lists(st.tuples(st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)), st.timedeltas(  # noqa: DTZ001
        timedelta(0), timedelta(days=400))), max_size=4),
)  # fmt: skip
def test_whole_partitions_cover_spans(unit: str, spans: list[tuple[datetime, timedelta]]) -> None:
    parts = Partitions(unit, "at", None)
    wanted = [(start, start + length) for start, length in spans]
    found = parts.covering(wanted)
    assert all(any(low <= start and end <= high for low, high in found) for start, end in wanted if start < end)
    assert all(first[1] < second[0] for first, second in pairwise(found))
    # Nothing is taken that no span touches.
    assert all(any(start < high and low < end for start, end in wanted) for low, high in found)
    assert parts.covering(found) == found


def test_what_never_ends_is_covered() -> None:
    assert Partitions("month", "at", None).covering([(day(2, 5), FOREVER)]) == ((day(2), FOREVER),)


# SQLMesh

MODELS = {
    "visits.sql": """
        MODEL (name core.visits, kind INCREMENTAL_BY_TIME_RANGE (time_column visited_at), start '2024-01-01');
        SELECT id, visited_at FROM raw.visits WHERE visited_at BETWEEN @start_ts AND @end_ts
    """,
    "people.sql": "MODEL (name core.people, kind FULL, start '2024-01-01'); SELECT DISTINCT id FROM core.visits",
}
SCRIPT = """
import json, sys
from rich.progress import Progress
from sqlmesh import Context
from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig, ModelDefaultsConfig
from sqlmesh.core.console import set_console
from headrace.sqlmesh_console import ProgressConsole

folder, database = sys.argv[1:]
gateway = GatewayConfig(connection=DuckDBConnectionConfig(database=database))
heard = []
set_console(ProgressConsole(Progress(disable=True), heard.append))
config = Config(gateways={"": gateway}, model_defaults=ModelDefaultsConfig(dialect="duckdb"))
context = Context(paths=folder, config=config)
context.plan(auto_apply=True, no_prompts=True)
heard.clear()
span = {"start": "2024-01-03", "end": "2024-01-04"}
context.plan(auto_apply=True, no_prompts=True, restate_models=["core.visits"], **span)
context.close()
found = [[one.column, [str(end) for end in one.span], sorted(one.tables)] for one in heard]
print(json.dumps(found))
"""
PHYSICAL = "SELECT schema_name, table_name FROM duckdb_tables() WHERE table_name LIKE 'core__{}__%'"


def test_what_sqlmesh_computes_is_heard_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # In a process of its own: SQLMesh changes what sqlglot reads and writes.
    monkeypatch.setenv("SQLMESH__DISABLE_ANONYMIZED_ANALYTICS", "1")
    for name, text in MODELS.items():
        path = tmp_path / "models" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    database = str(tmp_path / "w.duckdb")
    days = "SELECT i AS id, TIMESTAMP '2024-01-01 12:00' + INTERVAL (i) DAY AS visited_at FROM range(10) AS t(i)"
    with duckdb.connect(database) as connection:
        connection.execute(f"CREATE SCHEMA raw; CREATE TABLE raw.visits AS {days}")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), database]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    heard = json.loads(done.stdout.splitlines()[-1])
    with duckdb.connect(database) as connection:
        stored = {name: set(connection.execute(PHYSICAL.format(name)).fetchall()) for name in ("visits", "people")}
    assert {column: span for column, span, _ in heard}["visited_at"] == [str(day(1, 3)), str(day(1, 5))]
    assert {column for column, *_ in heard} == {"visited_at", ""}
    for column, _, tables in heard:
        assert set(map(tuple, tables)) & stored["visits" if column else "people"]
