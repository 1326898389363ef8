"""What PostgreSQL cannot read we do not read, and say so in its words; what it reads is not refused."""

from __future__ import annotations

import pytest

from semantic.sqlapi.errors import SqlApiError
from semantic.sqlapi.statements import parse_statements

END = "end of input"

# The words and the place of each are PostgreSQL 15's own.
BAD = [
    ("SELECT genre, FROM loans", "FROM", 15),
    ("SELECT genre,, days FROM loans", ",", 14),
    ("SELECT , genre FROM loans", ",", 8),
    ("SELECT genre FROM loans WHERE days > AND genre = 'a'", "AND", 38),
    ("SELECT genre FROM loans WHERE days IN ()", ")", 40),
    ("SELECT genre FROM loans WHERE days IN (1, 2,)", ")", 45),
    ("SELECT genre FROM loans GROUP BY genre,", END, 40),
    ("SELECT genre FROM loans ORDER BY genre, LIMIT 3", "LIMIT", 41),
    ("SELECT genre FROM FROM loans", "FROM", 19),
    ("SELECT genre FROM loans,", END, 25),
    ("SELECT genre FROM SELECT loans", "SELECT", 19),
    ("SELECT genre AS FROM loans", "loans", 22),
    ("SELECT * genre FROM loans", "genre", 10),
    ("SELECT 1 2", "2", 10),
    ("SELECT 'a' 'b'", "'b'", 12),
    ("SELECT 1)", ")", 9),
    ("SELECT COALESCE(genre, ) FROM loans", ")", 24),
    ("SELECT COUNT(*) (genre) FROM loans", "(", 17),
    ("VALUES (1, )", ")", 12),
    ("VALUES (1) (2)", "(", 12),
    ("VALUES (1 one)", "one", 11),
    ("SELECT [1, 2]", "[", 8),
    ("SELECT genre FROM loans FETCH 3 ROWS ONLY", "3", 31),
    ("EXPLAIN AS SELECT 1", "AS", 9),
    ("BEGIN NOW", "NOW", 7),
    ("COMMIT genre", "genre", 8),
    ("COMMIT AND", END, 11),
    ("COMMIT AND NO", END, 14),
    ("COMMIT CHAIN", "CHAIN", 8),
    ("ROLLBACK AND WORK", "WORK", 14),
    ("WITH a (SELECT 1) SELECT * FROM a", "SELECT", 9),
    ("WITH a AS (SELECT 1), b (c) (SELECT 2) SELECT * FROM a", "(", 29),
    ("SHOW", END, 5),
    ("SHOW server_version genre", "genre", 21),
    ("SET application_name =", END, 23),
    ("SET application_name = 'a' 'b'", "'b'", 28),
    ("SET search_path TO public,", END, 27),
]


@pytest.mark.parametrize(("sql", "near", "position"), BAD)
def test_what_is_no_query(sql: str, near: str, position: int) -> None:
    with pytest.raises(SqlApiError) as caught:
        parse_statements(f"/* one */ {sql}")
    assert caught.value.sqlstate == "42601"
    assert caught.value.message == "syntax error at " + (near if near is END else f'or near "{near}"')
    assert caught.value.position == position + len("/* one */ ")


def test_an_operator_of_other_languages() -> None:
    with pytest.raises(SqlApiError) as caught:
        parse_statements("SELECT genre FROM loans WHERE days == 3")
    assert caught.value.sqlstate == "42883"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT FROM loans",
        "SELECT *, loans.*, 1 one FROM loans WHERE NOT EXISTS (SELECT 1) AND days IS NOT DISTINCT FROM -1",
        "SELECT 'a'\n'b', E'a\\nb', $tag$a$tag$, DATE '2024-01-01', TIMESTAMP(3) '2024-01-01', INTERVAL '1 day'",
        "SELECT t.from, t.order AS group, 1 AS left FROM t",
        "SELECT DISTINCT ON (a) a, CASE a WHEN 1 THEN 2 ELSE CASE WHEN b THEN 3 END END FROM t ORDER BY a ASC, b",
        "SELECT a[1], a[1:2], ARRAY[[1, 2], [3]], ARRAY[]::int[], (x).y, ROW(1, 2), -1, + 2, a ->> 'b', a::text[]",
        "SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a), COUNT(*) FILTER (WHERE b), RANK() OVER () FROM t",
        "SELECT a, SUM(b) FROM t GROUP BY GROUPING SETS ((a), ()) HAVING SUM(b) > 1",
        "WITH a AS (SELECT 1), b AS NOT MATERIALIZED (SELECT 2) (SELECT * FROM a) UNION ALL SELECT * FROM b",
        "WITH RECURSIVE a (b) AS (SELECT 1 AS b UNION ALL SELECT b + 1 FROM a WHERE b < 3) SELECT b FROM a",
        "SELECT * FROM (WITH a AS MATERIALIZED (SELECT 1), b (c) AS (VALUES (1)) SELECT * FROM a, b) AS t",
        "SELECT a::timestamp with time zone, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a) FROM t",
        "COMMIT",
        "ROLLBACK TRANSACTION AND CHAIN",
        "SELECT EXTRACT(year FROM a), SUBSTRING(a FROM 1 FOR 2), TRIM(BOTH 'x' FROM a), a NOT LIKE 'x' FROM t",
        "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t (x, y) FETCH FIRST 1 ROW ONLY",
        "SELECT a FROM t LIMIT ALL OFFSET 3",
        "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, NOT DEFERRABLE",
        "START TRANSACTION READ WRITE",
        "COMMIT AND NO CHAIN",
        "ROLLBACK TO SAVEPOINT one",
        'SET search_path TO "$user", public',
        "SET DateStyle = ISO, MDY",
        "SET extra_float_digits = -1",
        "SHOW TRANSACTION ISOLATION LEVEL",
        "SHOW a.b",
    ],
)
def test_what_is_one(sql: str) -> None:
    assert len(parse_statements(sql)) == 1
