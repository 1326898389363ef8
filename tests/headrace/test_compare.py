"""Comparing relations: equal is equal, and every kind of difference is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from headrace.compare import CompareError, TypeDifference, compare
from tests.commandline import run
from tests.semantic.sqlapi.readers import Memory

ONE = "SELECT * FROM (VALUES (1, 'a', 1.5), (2, 'b', -2.0), (3, 'c', NULL)) t(id, name, amount)"


@pytest.fixture
def memory() -> Iterator[Memory]:
    made = Memory(f"CREATE TABLE one AS {ONE}")
    yield made
    made.close()


def test_equal_relations_are_equal(memory: Memory) -> None:
    memory.connection.execute("CREATE TABLE two AS SELECT * FROM one ORDER BY id DESC")
    result = compare(memory, "one", "two", key=["id"])
    assert result.is_equal
    assert (result.exit_code, result.left_rows, result.right_rows, result.sample) == (0, 3, 3, ())


def test_every_kind_of_difference_is_counted(memory: Memory) -> None:
    memory.connection.execute(
        "CREATE TABLE two AS SELECT * FROM"
        " (VALUES (1, 'A', 1.5), (2, 'b', 2.0), (3, 'c', 0), (4, 'd', 9)) t(id, name, amount)"
    )
    result = compare(memory, "one", "two", key=["id"])
    name, amount = result.columns
    assert (result.only_left, result.only_right, name.rows, amount.rows) == (0, 1, 1, 2)
    assert (amount.null_against_zero, amount.sign_flips, amount.largest_difference) == (1, 1, 4.0)
    assert (1, "name", "a", "A") in result.sample
    assert not result.totals[0].is_equal
    assert result.exit_code == 1


def test_differences_that_cancel_out_in_the_total_are_found(memory: Memory) -> None:
    memory.connection.execute(
        "CREATE TABLE two AS SELECT id, name, CASE id WHEN 1 THEN -2.0 WHEN 2 THEN 1.5 END AS amount FROM one"
    )
    result = compare(memory, "one", "two", key=["id"])
    assert result.totals[0].is_equal
    assert not result.is_equal


def test_floats_may_differ_by_the_tolerance(memory: Memory) -> None:
    memory.connection.execute("CREATE TABLE two AS SELECT id, name, amount::DOUBLE + 1e-9 AS amount FROM one")
    assert not compare(memory, "one", "two", key=["id"]).is_equal
    assert compare(memory, "one", "two", key=["id"], tolerance=1e-6).is_equal


def test_columns_of_one_side_only_are_named(memory: Memory) -> None:
    memory.connection.execute("CREATE TABLE two AS SELECT id, name, 1 AS more FROM one")
    result = compare(memory, "one", "two", key=["id"])
    assert (result.left_columns_only, result.right_columns_only) == (("amount",), ("more",))
    assert compare(memory, "one", "two", key=["id"], exclude=["amount", "more"]).is_equal


@pytest.mark.parametrize(
    ("right", "key", "message"),
    [
        ("absent", ["id"], "there is no relation absent"),
        ("one", ["number"], "one has no number; it has id, name, amount"),
        ("one", [], "name the key"),
        ("double", ["id"], "id is no key of double: 3 values are there twice, 0 are NULL, for example 1"),
        ("double", ["id", "name"], "id, name is no key of double: 3 values are there twice, .* for example 1, a"),
        ("empty_key", ["id"], "id is no key of empty_key: 0 values are there twice, 2 are NULL, for example NULL"),
        ("no such", ["id"], "there is no relation no such: Catalog Error"),
        ("one; DROP TABLE one", ["id"], "there is no relation one; DROP TABLE one"),
        ("a.b.c", ["id"], "names no relation"),
        ("one@", ["id"], "names no relation"),
        ("(SELECT 1)", ["id"], r"there is no relation \(SELECT 1\)"),
    ],
)
def test_what_cannot_be_compared_is_said(memory: Memory, right: str, key: list[str], message: str) -> None:
    memory.connection.execute("CREATE TABLE double AS SELECT * FROM one UNION ALL SELECT * FROM one")
    memory.connection.execute("CREATE TABLE empty_key AS SELECT NULL::INT AS id FROM range(2)")
    with pytest.raises(CompareError, match=message):
        compare(memory, "one", right, key=key)


def test_rows_of_one_side_are_named_by_their_keys(memory: Memory) -> None:
    memory.connection.execute("CREATE TABLE two AS SELECT * FROM one WHERE id < 2 UNION ALL SELECT 9, 'z', 0")
    result = compare(memory, "one", "two", key=["id"], sample=1)
    assert (result.only_left, result.only_right) == (2, 1)
    assert result.missing_sample == (("one", 2), ("two", 9))


def test_keys_may_be_of_several_columns_with_any_names(memory: Memory) -> None:
    for table, amount in (("left side", 1), ('right "side"', 2)):
        memory.connection.execute(
            f"""CREATE TABLE "{table.replace('"', '""')}" AS SELECT 'a' AS "the key", i AS "k1", {amount} AS "l1", """
            """{'x': i} AS "in_left", [i] AS "a`b""c" FROM range(3) t(i)"""
        )
    result = compare(memory, '"left side"', '"right ""side"""', key=["the key", "k1"])
    assert [(one.column, one.rows) for one in result.columns] == [("l1", 3), ("in_left", 0), ('a`b"c', 0)]
    assert result.sample[0] == (("a", 0), "l1", 1, 2)


def test_nested_values_are_compared_whole(memory: Memory) -> None:
    memory.connection.execute("CREATE TABLE nested AS SELECT 1 AS id, [1, 2] AS items, {'a': NULL} AS more")
    memory.connection.execute("CREATE TABLE other AS SELECT 1 AS id, [2, 1] AS items, {'a': NULL} AS more")
    assert [(one.column, one.rows) for one in compare(memory, "nested", "other", key=["id"]).columns] == [
        ("items", 1),
        ("more", 0),
    ]


def test_other_kinds_of_values_are_told_and_compared_as_texts(memory: Memory) -> None:
    memory.connection.execute("CREATE TABLE two AS SELECT id::TEXT AS id, name, 'x' || amount AS amount FROM one")
    result = compare(memory, "one", "two", key=["id"])
    assert result.types == (
        TypeDifference("id", "int32", "string"),
        TypeDifference("amount", "decimal128(2, 1)", "string"),
    )
    assert [(one.column, one.rows) for one in result.columns] == [("name", 0), ("amount", 2)]
    memory.connection.execute("CREATE TABLE three AS SELECT id::TEXT AS id, name, amount FROM one")
    assert not compare(memory, "one", "three", key=["id"]).is_equal
    memory.connection.execute("CREATE TABLE four AS SELECT id::BIGINT AS id, name, amount::DOUBLE AS amount FROM one")
    assert compare(memory, "one", "four", key=["id"]).is_equal


def test_names_are_the_same_in_either_case(memory: Memory) -> None:
    memory.connection.execute("CREATE TABLE two AS SELECT id AS ID, name AS Name, amount AS AMOUNT FROM one")
    assert compare(memory, "one", "two", key=["Id"]).is_equal
    assert compare(memory, "one", "two", key=["Id"], exclude=["NAME"]).columns[0].column == "amount"


@pytest.mark.parametrize("tolerance", [0.0, 1e-6])
def test_what_is_no_number_is_equal_to_itself_and_to_nothing_else(memory: Memory, tolerance: float) -> None:
    values = "('NaN'), ('Infinity'), ('-Infinity'), (NULL), ('1')"
    memory.connection.execute(
        f"CREATE TABLE odd AS SELECT row_number() OVER () AS id, v::DOUBLE AS v FROM (VALUES {values}) t(v)"
    )
    memory.connection.execute(
        "CREATE TABLE even AS SELECT id, CASE WHEN id < 5 THEN 1.0::DOUBLE ELSE 2 END AS v FROM odd"
    )
    assert compare(memory, "odd", "odd", key=["id"], tolerance=tolerance).is_equal
    assert compare(memory, "odd", "even", key=["id"], tolerance=tolerance).columns[0].rows == 5


@pytest.mark.parametrize("tolerance", [0.0, 1e-6, 10.0])
def test_the_two_infinities_are_not_near(memory: Memory, tolerance: float) -> None:
    for table, sign in (("up", ""), ("down", "-")):
        memory.connection.execute(f"CREATE TABLE {table} AS SELECT 1 AS id, '{sign}Infinity'::DOUBLE AS v")
    result = compare(memory, "up", "down", key=["id"], tolerance=tolerance)
    assert (result.columns[0].rows, result.columns[0].sign_flips, result.totals[0].is_equal) == (1, 1, False)
    assert compare(memory, "up", "up", key=["id"], tolerance=tolerance).totals[0].is_equal


def test_a_total_that_is_no_number_equals_itself(memory: Memory) -> None:
    memory.connection.execute("CREATE TABLE odd AS SELECT 1 AS id, 'NaN'::DOUBLE AS v")
    assert compare(memory, "odd", "odd", key=["id"]).totals[0].is_equal


@pytest.mark.parametrize(("type_", "low"), [("BIGINT", -(2**63)), ("UBIGINT", 0)])
def test_ids_of_all_bits_have_exact_differences_and_totals(memory: Memory, type_: str, low: int) -> None:
    high = low + 2**64 - 1
    for table, value in (("low", low), ("high", high)):
        memory.connection.execute(f"CREATE TABLE {table} AS SELECT i AS id, '{value}'::{type_} AS v FROM range(3) t(i)")
    result = compare(memory, "low", "high", key=["id"])
    assert result.columns[0].largest_difference == 2**64 - 1
    assert (result.totals[0].left, result.totals[0].right) == (3 * low, 3 * high)


def test_what_is_to_be_left_out_must_be_there(memory: Memory) -> None:
    with pytest.raises(CompareError, match="there is no amuont to leave out, neither in one nor in one"):
        compare(memory, "one", "one", key=["id"], exclude=["amuont"])
    with pytest.raises(CompareError, match="inf is no tolerance"):
        compare(memory, "one", "one", key=["id"], tolerance=float("inf"))


def test_texts_of_a_closed_list_are_texts(memory: Memory) -> None:
    memory.connection.execute("CREATE TABLE two AS SELECT id, name::ENUM('a', 'b', 'c') AS name, amount FROM one")
    assert compare(memory, "one", "two", key=["id"]).is_equal


def test_integers_that_floats_do_not_hold_differ_from_floats(memory: Memory) -> None:
    """As ids of many digits do once somebody has carried them through floats."""
    memory.connection.execute("CREATE TABLE ids AS SELECT i AS id, 9007199254740992 + i AS v FROM range(3) t(i)")
    memory.connection.execute("CREATE TABLE floats AS SELECT id, v::DOUBLE AS v FROM ids")
    for sides in (("ids", "floats"), ("floats", "ids")):
        assert [one.rows for one in compare(memory, *sides, key=["id"]).columns] == [1]
        assert compare(memory, *sides, key=["id"], tolerance=1e-9).is_equal
        with pytest.raises(CompareError, match=r"v is no key of (ids|floats): 1 values are there twice"):
            compare(memory, *sides, key=["v"])


def test_identifiers_of_the_engine_and_texts_are_alike(memory: Memory) -> None:
    memory.connection.execute("CREATE TABLE typed AS SELECT uuid() AS id, uuid() AS v FROM range(3)")
    memory.connection.execute("CREATE TABLE texts AS SELECT id::TEXT AS id, v::TEXT AS v FROM typed")
    assert compare(memory, "typed", "texts", key=["id"]).is_equal
    memory.connection.execute("UPDATE texts SET v = 'none'")
    assert compare(memory, "texts", "typed", key=["id"]).columns[0].rows == 3


@pytest.mark.parametrize("type_", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
def test_times_beyond_the_calendar_are_shown(memory: Memory, type_: str) -> None:
    """Databases write infinity for a row that has no end."""
    for table, value in (("ends", "2025-01-31"), ("endless", "infinity"), ("remote", "29000-01-01")):
        memory.connection.execute(f"CREATE TABLE {table} AS SELECT '{value}'::{type_} AS id, '{value}'::{type_} AS v")
    assert compare(memory, "ends", "endless", key=["id"]).missing_sample[1] == ("endless", "infinity")
    memory.connection.execute("UPDATE endless SET id = '29000-01-01'")
    key, _, left, right = compare(memory, "endless", "remote", key=["id"]).sample[0]
    assert (left, str(right)[:11], str(key)[:11]) == ("infinity", "29000-01-01", "29000-01-01")


def test_cents_are_told_apart_in_large_sums(memory: Memory) -> None:
    for table, cents in (("ours", "0.01"), ("theirs", "0.02")):
        amount = f"(90000000000000000 + {cents})::DECIMAL(38, 9)"
        memory.connection.execute(f"CREATE TABLE {table} AS SELECT i AS id, {amount} AS v FROM range(9) t(i)")
    result = compare(memory, "ours", "theirs", key=["id"])
    assert not result.totals[0].is_equal
    assert result.columns[0].largest_difference == Decimal("0.01")
    assert compare(memory, "ours", "theirs", key=["id"], tolerance=1e-9).is_equal


def test_totals_of_floats_do_not_depend_on_the_order_of_rows(memory: Memory) -> None:
    rows = "SELECT i AS id, 0.1::DOUBLE * i AS v FROM range(10000) t(i)"
    memory.connection.execute(f"CREATE TABLE up AS {rows} ORDER BY id")
    memory.connection.execute(f"CREATE TABLE down AS {rows} ORDER BY id DESC")
    assert compare(memory, "up", "down", key=["id"]).totals[0].is_equal


def test_small_unsigned_numbers_have_a_difference(memory: Memory) -> None:
    memory.connection.execute("CREATE TABLE small AS SELECT 1 AS id, 1::UTINYINT AS v")
    memory.connection.execute("CREATE TABLE large AS SELECT 1 AS id, 255::UTINYINT AS v")
    assert compare(memory, "small", "large", key=["id"]).columns[0].largest_difference == 254


def test_relations_without_rows_are_equal(memory: Memory) -> None:
    memory.connection.execute("CREATE TABLE two AS SELECT * FROM one LIMIT 0")
    result = compare(memory, "two", "two", key=["id"])
    assert (result.is_equal, result.left_rows, result.totals[0].left) == (True, 0, None)
    assert compare(memory, "one", "two", key=["id"]).only_left == 3


def test_an_environments_own_table_is_compared_with_productions(memory: Memory) -> None:
    memory.connection.execute("CREATE SCHEMA core; CREATE SCHEMA core__dev; CREATE TABLE core.orders AS FROM one")
    memory.connection.execute("CREATE VIEW core__dev.orders AS SELECT id, upper(name) AS name, amount FROM one")
    memory.connection.execute("CREATE VIEW core.users AS FROM one")
    result = compare(memory, "core.orders", "core.orders@dev", key=["id"])
    assert [one.column for one in result.columns if one.rows] == ["name"]
    assert compare(memory, "core.users@prod", "core.users@dev", key=["id"]).is_equal
    with pytest.raises(CompareError, match=r"there is no core.gone in environment dev"):
        compare(memory, "core.orders", "core.gone@dev", key=["id"])


def test_names_with_commas_stand_in_quotes(tmp_path: Path) -> None:
    with closing(duckdb.connect(str(tmp_path / "warehouse.duckdb"))) as connection:
        connection.execute("CREATE SCHEMA core")
        for table in ("a", "b"):
            columns = f"""i AS "day, hour", '{table}' AS "loaded, at", 'x' || i AS id"""
            connection.execute(f"CREATE TABLE core.{table} AS SELECT {columns} FROM range(3) t(i)")
    keys = ("--key", 'id, "day, hour"', "--exclude", '"loaded, at"')
    assert "the same data" in run("compare", "core.a", "core.b", *keys, data=tmp_path).stdout


def test_what_is_not_there_is_no_difference(tmp_path: Path) -> None:
    """Exit code 1 is kept for data that differ."""
    sides = ("compare", "core.a", "core.a@nowhere", "--key", "id")
    assert run(*sides, data=tmp_path, code=2).stderr
    with closing(duckdb.connect(str(tmp_path / "warehouse.duckdb"))) as connection:
        connection.execute("CREATE SCHEMA core; CREATE TABLE core.a AS SELECT 1 AS id, 0::DECIMAL(38, 9) AS amount")
    assert "no environment 'nowhere'" in run(*sides, data=tmp_path, code=2).stderr
    assert "0.000000000" in run("compare", "core.a", "core.a", "--key", "id", data=tmp_path).stdout


def test_the_command_ends_with_what_it_found(built: Path) -> None:
    same = run("compare", "core.orders", "core.orders@prod", "--key", "order_key", data=built)
    assert "the same data" in same.stdout
    other = run("compare", "core.user_offers", "marts.offer_performance", "--key", "user_offer_key", data=built, code=1)
    assert "columns of core.user_offers only:" in other.stdout
    assert "the data differ" in other.stdout
    wrong = run("compare", "core.offers", "core.offer_tasks", "--key", "offer_version_id", data=built, code=2)
    assert "offer_version_id is no key of core.offer_tasks" in wrong.stderr
