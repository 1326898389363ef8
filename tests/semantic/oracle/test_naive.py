"""The naive oracle, real Cube and our compiler for both dialects agree on random models, data and queries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic.datamodel.load import load_sources
from tests.semantic.judge import ours, rows
from tests.semantic.judge.cube import Judge
from tests.semantic.oracle import models, naive


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


@given(data=st.data())
@settings(max_examples=15)
def test_oracle_agrees_with_real_cube(judge: Judge, data: Any) -> None:
    tree = data.draw(models.trees())
    connection = rows.connect()
    models.write(connection, tree, "oracle")
    judge.open("oracle", {"model.yml": models.as_yaml(tree, "oracle")})
    for query in data.draw(st.lists(models.queries(tree), min_size=1, max_size=5)):
        compiled = judge.sql("oracle", query)
        theirs = rows.run(connection, compiled.sql, compiled.params, compiled.keys)
        assert not rows.difference(expected(tree, query), theirs), (query, list(models.shown(tree)))


@pytest.mark.parametrize("dialect", ["duckdb", "bigquery"])
@given(data=st.data())
@settings(max_examples=40)
def test_we_agree_with_the_oracle(dialect: ours.Dialect, data: Any) -> None:
    tree = data.draw(models.trees())
    connection = rows.connect()
    models.write(connection, tree, "oracle")
    model = load_sources({"model.yml": models.as_yaml(tree, "oracle", stocks=True)})
    for query in data.draw(st.lists(models.queries(tree, stocks=True), min_size=1, max_size=5)):
        found = ours.answer(connection, model, query, dialect)
        right = expected(tree, query)
        assert not rows.difference(found, right), (query, list(models.shown(tree)))
        assert ours.total(connection, model, query, dialect) == len(right), (query, list(models.shown(tree)))


def expected(tree: models.Tree, query: dict[str, Any]) -> rows.Rows:
    found = naive.answer(models.as_oracle(tree, stocks=True), query)
    return [{key: rows.plain(value) for key, value in row.items()} for row in found]
