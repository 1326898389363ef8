"""Random conditions and groups: semantic SQL says what plain SQL over the joined tables says."""

from __future__ import annotations

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as some

from semantic.datamodel.load import load_data_model
from semantic.engine import Engine
from tests.semantic.sqlapi.readers import Elsewhere, Memory
from tests.semantic.sqlapi.test_semantic_sql import CUBES, DATA, ask

JOINED = """(
  SELECT o.id, o.status, o.amount, CAST(o.created_at AS TIMESTAMP) AS created_at, o.customer_id, c.city
  FROM orders o LEFT JOIN customers c ON o.customer_id = c.id
) AS sales"""

TEXTS = some.sampled_from(["'done'", "'new'", "'Paris'", "''", "'D%'"])
NUMBERS = some.sampled_from(["0", "10", "-5", "80.0", "100", "1e2"])
TIMES = some.sampled_from(["'2024-02-01'", "TIMESTAMP '2024-01-31 23:59:59.999999'", "DATE '2024-04-28'"])
COMPARISONS = some.sampled_from(["=", "<>", "<", "<=", ">", ">="])


def comparison(column: str, values: some.SearchStrategy[str]) -> some.SearchStrategy[str]:
    return some.one_of(
        some.builds(lambda sign, value: f"{column} {sign} {value}", COMPARISONS, values),
        some.builds(lambda sign, value: f"{value} {sign} {column}", COMPARISONS, values),
        some.builds(lambda items: f"{column} IN ({', '.join(items)})", some.lists(values, min_size=1, max_size=3)),
        some.builds(lambda items: f"{column} NOT IN ({', '.join(items)})", some.lists(values, min_size=1, max_size=3)),
        some.builds(lambda low, high: f"{column} BETWEEN {low} AND {high}", values, values),
        some.builds(lambda low, high: f"{column} NOT BETWEEN {low} AND {high}", values, values),
        some.sampled_from([f"{column} IS NULL", f"{column} IS NOT NULL"]),
    )


ATOMS = some.one_of(
    comparison("status", TEXTS),
    comparison("city", TEXTS),
    comparison("amount", NUMBERS),
    comparison("created_at", TIMES),
    some.builds(lambda text: f"status LIKE {text}", TEXTS),
    some.builds(lambda text: f"city ILIKE {text}", TEXTS),
    some.just("length(status) > 3"),
    some.just("amount > length(city) * 20"),
)
CONDITIONS = some.recursive(
    ATOMS,
    lambda inner: some.one_of(
        some.builds(lambda left, right: f"({left} AND {right})", inner, inner),
        some.builds(lambda left, right: f"({left} OR {right})", inner, inner),
        some.builds(lambda one: f"NOT ({one})", inner),
    ),
    max_leaves=5,
)
KEYS = some.sampled_from(
    ["status", "city", "DATE_TRUNC('month', created_at)", "date_part('day', created_at)", "amount > 50", "upper(city)"]
)


DATABASE = Memory(DATA)


@pytest.fixture(scope="module", params=["whole", "staged"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("model")
    (folder / "model.yml").write_text(CUBES)
    return Engine(load_data_model(folder), DATABASE if request.param == "whole" else Elsewhere(DATABASE))


def plain(sql: str) -> list[tuple[object, ...]]:
    with DATABASE.cursor() as cursor:
        return cursor.execute(sqlglot.transpile(sql, read="postgres", write="duckdb")[0]).fetchall()


@given(condition=CONDITIONS, keys=some.lists(KEYS, min_size=1, max_size=2, unique=True))
def test_groups(engine: Engine, condition: str, keys: list[str]) -> None:
    places = ", ".join(str(number) for number in range(1, len(keys) + 1))
    ours = ask(
        engine,
        f"SELECT {', '.join(keys)}, COUNT(*), SUM(total), MEASURE(average), COUNT(DISTINCT buyers) FROM sales"
        f" WHERE {condition} GROUP BY {places}",
    )
    theirs = plain(
        f"SELECT {', '.join(keys)}, COUNT(*), SUM(amount), AVG(amount), COUNT(DISTINCT customer_id) FROM {JOINED}"
        f" WHERE {condition} GROUP BY {places}",
    )
    assert sorted(ours, key=repr) == sorted(theirs, key=repr)


@given(condition=CONDITIONS)
def test_rows(engine: Engine, condition: str) -> None:
    columns = "status, amount, city, created_at"
    ours = ask(engine, f"SELECT {columns} FROM sales WHERE {condition}")
    assert sorted(ours, key=repr) == sorted(plain(f"SELECT {columns} FROM {JOINED} WHERE {condition}"), key=repr)
