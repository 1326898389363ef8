"""The naive oracle and real Cube agree, so that either may judge where the other cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.semantic.judge import rows
from tests.semantic.judge.cube import Judge
from tests.semantic.oracle import models, naive


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


@given(data=st.data())
@settings(max_examples=25)
def test_oracle_agrees_with_real_cube(judge: Judge, data: Any) -> None:
    tree = data.draw(models.trees())
    connection = rows.connect()
    models.write(connection, tree, "oracle")
    judge.open("oracle", {"model.yml": models.as_yaml(tree, "oracle")})
    for query in data.draw(st.lists(models.queries(tree), min_size=1, max_size=5)):
        compiled = judge.sql("oracle", query)
        theirs = rows.run(connection, compiled.sql, compiled.params, compiled.keys)
        assert not rows.difference(expected(tree, query), theirs), (query, list(models.shown(tree)))


def expected(tree: models.Tree, query: dict[str, Any]) -> rows.Rows:
    found = naive.answer(models.as_oracle(tree), query)
    return [{key: rows.plain(value) for key, value in row.items()} for row in found]
