"""Checks of typed tables: a table of mutations, each caught by the rule that it breaks and by no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir
import pytest
from ibis.backends.duckdb import Backend

from contracts import Contract, all_contracts
from contracts.audits import THIS_TABLE, violations_sql
from contracts.checks import RuleResult, check_table, is_stale

NOW = datetime(2025, 6, 2, tzinfo=UTC)
ROWS = """
    SELECT 'v' || i AS visit_id, 's' || (i % 3) AS shop_id, 'a' || i AS session, 'walk' AS kind, 'AB' || i AS code,
        'ada@example.org' AS email, i % 5 AS people, 12.5::DOUBLE AS minutes, NULL::DECIMAL(38, 9) AS paid,
        true AS is_member, DATE '1990-02-28' AS birthday, TIMESTAMPTZ '2025-06-01 10:00:00+00' AS visited_at,
        TIMESTAMPTZ '2025-06-01 11:00:00+00' AS left_at, '{}'::JSON AS details,
        'b1' AS _batch_id, 'f.csv' AS _source_file, i AS _row_number, TIMESTAMPTZ '2025-06-01 12:00:00+00' AS _loaded_at
    FROM range(1, 21) AS numbers(i)
"""

Check = Callable[..., tuple[RuleResult, ...]]


@pytest.fixture
def check(backend: Backend, visits: type[Contract]) -> Check:
    """Check twenty good rows after a mutation: the SQL of a select from `good`."""
    backend.raw_sql(f"CREATE TABLE good AS {ROWS}")
    backend.raw_sql("CREATE TABLE shops AS SELECT 's' || i AS shop_id FROM range(3) AS numbers(i)")

    def checked(mutation: str = "SELECT * FROM good", *, now: datetime = NOW) -> tuple[RuleResult, ...]:
        backend.raw_sql(f"CREATE OR REPLACE VIEW mutated AS {mutation}")
        shops = backend.table("shops")
        return check_table(
            visits,
            backend.table("mutated"),
            now=now,
            related=lambda _, table: shops if table == "shop__shops" else None,
        )

    return checked


def failed(results: tuple[RuleResult, ...]) -> list[RuleResult]:
    return [result for result in results if not result.is_passed]


class Mutation(NamedTuple):
    """A way to spoil the table, and the one rule that must notice."""

    name: str
    select: str
    rule: str
    columns: tuple[str, ...]
    failing: int
    example: str


def replaced(column: str, value: str, where: str = "visit_id = 'v7'") -> str:
    return f"SELECT * REPLACE (CASE WHEN {where} THEN {value} ELSE {column} END AS {column}) FROM good"


def recast(column: str, type_: str) -> str:
    return f"SELECT * REPLACE ({column}::{type_} AS {column}) FROM good"


SWAPPED = "SELECT * REPLACE (kind AS code, NULL::VARCHAR AS kind) FROM good"
STALE = "SELECT * REPLACE (visited_at - INTERVAL 9 DAYS AS visited_at) FROM good"
BOTH_TIMES = ("visited_at", "left_at")
AGAIN = "SELECT * FROM good UNION ALL (SELECT * REPLACE ('zz' AS session) FROM good LIMIT 1)"
GUESTS_PAY = (
    "SELECT * REPLACE (visit_id != 'v7' AS is_member, CASE visit_id WHEN 'v7' THEN 1::DECIMAL(38, 9) END AS paid) "
    "FROM good"
)
SIXTY_TIMES = (
    "SELECT good.* REPLACE (visit_id || '.' || n AS visit_id, session || '.' || n AS session, code || n AS code) "
    "FROM good, range(60) AS times(n)"
)

MUTATIONS = [
    Mutation("null key", replaced("visit_id", "NULL"), "not_null", ("visit_id",), 1, ""),
    Mutation("null file", replaced("_source_file", "NULL"), "not_null", ("_source_file",), 1, "v7"),
    Mutation("nulls everywhere", replaced("_batch_id", "NULL", "true"), "not_null", ("_batch_id",), 20, "v1"),
    Mutation("dropped column", "SELECT * EXCLUDE (kind) FROM good", "column", ("kind",), 1, ""),
    Mutation("renamed column", "SELECT * RENAME (code AS door_code) FROM good", "column", ("code",), 1, ""),
    Mutation("upper-case column", 'SELECT * EXCLUDE (kind), kind AS "KIND2" FROM good', "column", ("kind",), 1, ""),
    Mutation("number became text", recast("minutes", "VARCHAR"), "type", ("minutes",), 1, ""),
    Mutation("integer became float", recast("people", "DOUBLE"), "type", ("people",), 1, ""),
    Mutation("money became float", recast("paid", "DOUBLE"), "type", ("paid",), 1, ""),
    Mutation("money lost digits", recast("paid", "DECIMAL(18, 3)"), "type", ("paid",), 1, ""),
    Mutation("time became text", recast("left_at", "VARCHAR"), "type", ("left_at",), 1, ""),
    Mutation("time lost its zone", recast("left_at", "TIMESTAMP"), "type", ("left_at",), 1, ""),
    Mutation("time became date", recast("left_at", "DATE"), "type", ("left_at",), 1, ""),
    Mutation("flag became number", recast("is_member", "INT"), "type", ("is_member",), 1, ""),
    Mutation("duplicate row", AGAIN, "unique", ("visit_id",), 1, "v1"),
    Mutation("one id for all", replaced("visit_id", "'v1'", "true"), "unique", ("visit_id",), 19, "v1"),
    Mutation("second key repeated", replaced("session", "'a1'"), "unique", ("session", "visited_at"), 1, "a1"),
    Mutation("orphan", replaced("shop_id", "'s9'"), "relationship", ("shop_id",), 1, "s9"),
    Mutation("orphans by case", replaced("shop_id", "upper(shop_id)", "true"), "relationship", ("shop_id",), 20, "S1"),
    Mutation("blank in key", replaced("shop_id", "shop_id || ' '", "people < 1"), "relationship", ("shop_id",), 4, "s"),
    Mutation("wrong case", replaced("kind", "'Walk'"), "isin", ("kind",), 1, "Walk"),
    Mutation("new value", replaced("kind", "'swim'", "people = 1"), "isin", ("kind",), 4, "swim"),
    Mutation("empty text for null", replaced("kind", "''"), "isin", ("kind",), 1, ""),
    Mutation("lower-case code", replaced("code", "lower(code)"), "pattern", ("code",), 1, "ab7"),
    Mutation("code with a blank", replaced("code", "' ' || code"), "pattern", ("code",), 1, " AB7"),
    Mutation("columns swapped", SWAPPED, "pattern", ("code",), 20, "walk"),
    Mutation("address is a name", replaced("email", "'ada'"), "pattern", ("email",), 1, "not shown"),
    Mutation("negative", replaced("people", "-1"), "ge", ("people",), 1, "-1"),
    Mutation("too many for a warning", replaced("people", "11"), "le", ("people",), 1, "11"),
    Mutation("wrong unit: hours", replaced("minutes", "minutes / 1e9 * 0"), "gt", ("minutes",), 1, "0.0"),
    Mutation("wrong unit: seconds", replaced("minutes", "minutes * 1000", "true"), "lt", ("minutes",), 20, "12500.0"),
    Mutation("infinite", replaced("minutes", "'inf'::DOUBLE"), "lt", ("minutes",), 1, ""),
    Mutation("key too long", replaced("visit_id", "'a' || repeat('b', 8)"), "max_length", ("visit_id",), 1, "abbbb"),
    Mutation("left before", replaced("left_at", "visited_at - INTERVAL 1 SECOND"), "left_after", BOTH_TIMES, 1, "v7"),
    Mutation("days off", replaced("left_at", "left_at - INTERVAL 2 DAY", "true"), "left_after", BOTH_TIMES, 20, "v1"),
    Mutation("guests pay", GUESTS_PAY, "paid_by_member", ("paid", "is_member"), 1, "v7"),
    Mutation("stale", STALE, "freshness", ("visited_at",), 1, "2025-05-23"),
    Mutation("no time at all", replaced("visited_at", "NULL", "true"), "freshness", ("visited_at",), 1, "null"),
    Mutation("half the rows twice", SIXTY_TIMES, "rows", (), 1, "1200"),
    Mutation("row numbers from 0", replaced("_row_number", "0"), "ge", ("_row_number",), 1, "0"),
]  # fmt: skip


def test_there_are_at_least_forty_mutations() -> None:
    assert len(MUTATIONS) >= 40
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_is_caught_by_its_rule_alone(check: Check, mutation: Mutation) -> None:
    (found,) = failed(check(mutation.select))
    assert (found.rule, found.columns, found.rows_failing) == (mutation.rule, mutation.columns, mutation.failing)
    assert mutation.example in (found.sample or "")
    assert found.message.startswith(
        f"raw.shop__visits{'.' * bool(found.columns)}{','.join(found.columns)} {found.rule}: "
    )


def test_good_rows_raise_no_alarm(check: Check, visits: type[Contract]) -> None:
    results = check()
    assert failed(results) == []
    assert len(results) == len(visits.rules())
    assert {result.rows_checked for result in results} == {20}


def test_an_empty_table_lacks_rows_and_freshness(check: Check) -> None:
    assert [result.rule for result in failed(check("SELECT * FROM good WHERE false"))] == ["freshness", "rows"]


def test_a_missing_target_makes_every_row_an_orphan(backend: Backend, visits: type[Contract]) -> None:
    backend.raw_sql(f"CREATE TABLE good AS {ROWS}")
    results = check_table(visits, backend.table("good"), now=NOW, related=lambda _layer, _table: None)
    (orphaned,) = failed(results)
    assert (orphaned.rule, orphaned.rows_failing) == ("relationship", 20)
    assert json.loads(orphaned.sample or "") == {"missing table": "raw.shop__shops"}


def test_personal_values_are_not_shown_as_examples(check: Check) -> None:
    (found,) = failed(check(replaced("email", "'ada'", "true")))
    assert found.sample is not None
    assert "'ada'" not in found.sample
    assert "(email is not shown)" in found.sample
    assert len(json.loads(found.sample)) == 3


def test_a_message_says_table_column_rule_count_and_example(check: Check) -> None:
    (found,) = failed(check(replaced("kind", "'swim'")))
    assert found.message == (
        "raw.shop__visits.kind isin: must be one of walk, ride: 1 of 20 rows, "
        'for example {"visit_id": "v7", "kind": "swim"}'
    )


@pytest.mark.parametrize(
    ("newest", "stale"),
    [
        (None, True),
        (datetime(2025, 5, 31, tzinfo=UTC), False),
        (datetime(2025, 5, 30, 23, 59, tzinfo=UTC), True),
        (datetime(2025, 5, 31), False),  # noqa: DTZ001 - engines give UTC times without a zone
        (NOW.date() - timedelta(days=2), False),
        (NOW.date() - timedelta(days=4), True),
    ],
)
def test_staleness(newest: Any, stale: bool) -> None:
    assert is_stale(newest, NOW, timedelta(days=2)) is stale


ROW_MUTATIONS = [one for one in MUTATIONS if one.rule not in ("column", "type", "freshness", "rows")]


@pytest.mark.parametrize("mutation", ROW_MUTATIONS, ids=lambda mutation: mutation.name)
def test_audits_find_what_checks_find(
    check: Check, visits: type[Contract], backend: Backend, mutation: Mutation
) -> None:
    (found,) = failed(check(mutation.select))
    name = f"{','.join(mutation.columns)}.{mutation.rule}"
    backend.raw_sql(f"CREATE OR REPLACE VIEW {THIS_TABLE} AS SELECT * FROM mutated")
    backend.raw_sql("CREATE SCHEMA raw; CREATE VIEW raw.shop__shops AS SELECT * FROM shops")
    for severity in ("error", "warn"):
        query = violations_sql(visits, severity=severity, targets=[("raw", "shop__shops")], dialect="duckdb")  # type: ignore[arg-type]
        audited = [rules for (rules,) in backend.raw_sql(query).fetchall()]
        assert bool(audited) is (severity == found.severity)
        assert all(name in rules for rules in audited)


def test_audits_of_every_contract_compile_for_both_engines() -> None:
    for contract in all_contracts():
        for dialect in ("duckdb", "bigquery"):
            assert THIS_TABLE in violations_sql(contract, severity="error", dialect=dialect)


def test_checks_compile_for_bigquery(visits: type[Contract]) -> None:
    table = ibis.table({column.name: column.dtype for column in visits.columns()}, name="visits")
    conditions: list[ir.BooleanValue] = [rule.holds(table) for rule in visits.row_rules()]
    counted = table.aggregate(**{f"r{at}": table.count(where=~holds) for at, holds in enumerate(conditions)})
    assert "COUNTIF" in ibis.to_sql(counted, dialect="bigquery")


def test_messages_about_whole_tables_say_what_is_there(check: Check) -> None:
    stale, few = failed(check("SELECT * FROM good WHERE false"))
    assert stale.message == (
        'raw.shop__visits.visited_at freshness: must have a value of the last 2 days, but has {"visited_at": null}'
    )
    assert few.message == 'raw.shop__visits rows: must have at least 1 and at most 1000 rows, but has {"rows": 0}'
    (lost,) = failed(check("SELECT * EXCLUDE (kind) FROM good"))
    assert lost.message.startswith("raw.shop__visits.kind column: is missing; the table has visit_id, shop_id")
