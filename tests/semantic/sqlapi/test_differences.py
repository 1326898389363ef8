"""What PostgreSQL computes, for what DuckDB or the parser would compute otherwise. The values are PostgreSQL 15's."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from semantic.datamodel.load import load_data_model
from semantic.engine import Engine
from semantic.sqlapi.errors import NotSupported
from tests.semantic.sqlapi.readers import Memory
from tests.semantic.sqlapi.test_semantic_sql import CUBES, DATA, ask

AT = "timestamp '2024-01-05 15:04:05.123'"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder: Path = tmp_path_factory.mktemp("model")
    (folder / "model.yml").write_text(CUBES)
    return Engine(load_data_model(folder), Memory(DATA))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (r"'a%c' LIKE 'a\%c'", True),
        (r"'abc' LIKE 'a\_c'", False),
        (r"'abc' NOT LIKE 'a\_c'", True),
        (r"'a!c' LIKE 'a!!c' ESCAPE '!'", True),
        ("'abc' LIKE ANY (ARRAY['x%', 'a%'])", True),
        ("'abc' ILIKE ALL (ARRAY['A%', '%b'])", False),
        ("'abc' SIMILAR TO '%(b|x)%'", True),
        ("'axc' SIMILAR TO 'a.c'", False),
        ("'abc' NOT SIMILAR TO 'ab'", True),
        ("EXTRACT(second FROM timestamp '2024-01-07 00:00:01.5')", 1.5),
        ("date_part('second', timestamp '2024-01-07 00:00:01.5')", 1.5),
        ("make_interval(days => 3, hours => 2)", dt.timedelta(days=3, hours=2)),
        ("EXISTS (SELECT FROM sales WHERE status = 'nobody')", False),
        ("cardinality(ARRAY[1, 2])", 2),
        ("btrim('xax', 'x')", "a"),
        ("clock_timestamp() IS NULL", False),
        (f"to_char({AT}, 'YYYY-MM-DD HH24:MI:SS.MS')", "2024-01-05 15:04:05.123"),
        (f"to_char({AT}, 'Mon DD, YYYY HH12:MI AM')", "Jan 05, 2024 03:04 PM"),
        (
            f"to_char({AT}, 'Day|FMDay|DAY|dy|Month|FMMONTH|MON')",
            "Friday   |Friday|FRIDAY   |fri|January  |JANUARY|JAN",
        ),
        (f"to_char({AT}, 'IYYY-IW Q D DDD WW W')", "2024-01 1 6 005 01 1"),
        (f"""to_char({AT}, 'YYYY"Q"Q, all%')""", "2024Q1, all%"),
        (f"to_char({AT}, 'FMMM/FMDD/YY')", "1/5/24"),
        ("to_char(date '2024-12-30', 'IYYY-IW')", "2025-01"),
        ("to_char(NULL::timestamp, 'FMDay Q')", None),
        ("ARRAY[round(2.5::float8), round(-0.5::float8 - 1), round(7 / 2::float8)]", [2, -2, 4]),
        ("ARRAY[round(2.5), round(-2.5), round(2.45, 1)]", [3, -3, 2.5]),
        ("substr('abcdef', -2, 5) || '|' || substring('abcdef' FROM 0 FOR 3) || '|' || substr('abc', -1)", "ab|ab|abc"),
        ("substr('abcdef', 1 - 2, 4) || substr('abcdef', -5, 2) || substr('abcdef', 5, 9)", "abef"),
        ("substring('foobar' FROM 'o(.)b')", "o"),
        ("substring('foobar' FROM 'z')", None),
        ("regexp_match('fooBAR', '(b)(a)', 'i')", ["B", "A"]),
        ("regexp_match('foobar', 'o+')", ["oo"]),
        ("regexp_match('foobar', 'z')", None),
        ("overlay('Txxxxas' PLACING 'hom' FROM 2 FOR 4)", "Thomas"),
        ("overlay(overlay('abc' PLACING 'x' FROM 1) PLACING 'y' FROM 3)", "xby"),
        (
            "ARRAY[width_bucket(5.35, 0.024, 10.06, 5), width_bucket(-1, 0, 10, 5), width_bucket(10, 0, 10, 5)]",
            [3, 0, 6],
        ),
        ("ARRAY[width_bucket(3, 10, 0, 5), width_bucket(10, 10, 0, 5), width_bucket(NULL, 0, 1, 5)]", [4, 1, None]),
    ],
)
def test_values(engine: Engine, expression: str, value: object) -> None:
    assert ask(engine, f"SELECT {expression}") == [(value,)]


@pytest.mark.parametrize(
    "expression",
    ["to_char(1234.5, '999.00')", f"to_char({AT}, 'DDTHH24')", f"to_char({AT}, status)", "'a' SIMILAR TO status",
     "make_interval(1, 2)", "regexp_matches('foobar', 'o')", "regexp_match('a', status)", "encode('abc'::bytea, 'hex')",
     "width_bucket(1, ARRAY[1, 2])"],
)  # fmt: skip
def test_what_is_not_computed_is_said(engine: Engine, expression: str) -> None:
    with pytest.raises(NotSupported):
        ask(engine, f"SELECT {expression} FROM sales")


def test_reserved_words_are_names_behind_as_and_a_point(engine: Engine) -> None:
    sql = "SELECT t.select, t.table FROM (SELECT 1 AS select, 2 AS table, 3 AS update) AS t"
    assert ask(engine, sql) == [(1, 2)]


def test_months_by_name_group_the_view(engine: Engine) -> None:
    sql = "SELECT to_char(created_at, 'Mon YYYY') AS month, COUNT(*) FROM sales GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    assert ask(engine, sql) == [("Feb 2024", 2)]
