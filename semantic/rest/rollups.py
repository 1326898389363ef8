"""Rollups as the REST API tells of them: those that a query reads, and whether one that is designed could answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from semantic.compiler import Compiler
from semantic.plan.composed import Stored
from semantic.rest.members import DATA_SOURCE, Json
from semantic.sql.literals import with_literals


def used_rollups(rollups: Sequence[Stored]) -> Json:
    """`usedPreAggregations` of `/load`, by table. Which may be read is settled before: there are no keys to compare."""
    return {one.table: {"targetTableName": one.table, "refreshKeyValues": []} for one in rollups}


def describe_rollup(compiler: Compiler, stored: Stored) -> Json:
    """One of `preAggregations` of `/sql`: the table that is read, and how it was built."""
    built = with_literals(compiler.rollup(stored.name)).sql(compiler.dialect, pretty=True)
    times = stored.rollup.time_dimensions
    return {
        "preAggregationId": stored.name,
        "timezone": "UTC",
        "tableName": stored.table,
        "type": stored.rollup.type,
        "external": False,
        "preAggregationsSchema": stored.table.rpartition(".")[0],
        "loadSql": [f"CREATE TABLE {stored.table} AS {built}", []],
        "sql": [built, []],
        "dataSource": DATA_SOURCE,
        "granularity": times[0].granularity if times else None,
        "partitionGranularity": stored.rollup.partition_granularity,
    }


def can_use(transformed: Mapping[str, Any], references: Mapping[str, Any]) -> bool:
    """`transformed` is a transformed query of `/dry-run`, `references` the members of the rollup.

    Additive measures may be rolled up from finer rows; others need exactly the rollup's dimensions and granularities.
    """
    measures, dimensions = _names(references, "measures"), _names(references, "dimensions")
    stored = _times(references)
    asked = [(str(name), str(granularity)) for name, granularity in transformed.get("timeDimensions") or ()]
    if transformed.get("leafMeasureAdditive"):
        hierarchies = transformed.get("granularityHierarchies") or {}
        return (
            _names(transformed, "leafMeasures") <= measures
            and _names(transformed, "sortedDimensions") <= dimensions
            and all(any(_rolls_up(hierarchies, one, kept) for kept in stored) for one in asked)
        )
    return (
        _names(transformed, "measures") <= measures
        and _names(transformed, "sortedDimensions") == dimensions
        and set(asked) == set(stored)
    )


def _rolls_up(hierarchies: Mapping[str, Sequence[str]], asked: tuple[str, str], kept: tuple[str, str]) -> bool:
    return asked[0] == kept[0] and kept[1] in hierarchies.get(".".join(asked), ())


def _names(content: Mapping[str, Any], key: str) -> set[str]:
    return {str(name) for name in content.get(key) or ()}


def _times(references: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(one["dimension"]), str(one["granularity"])) for one in references.get("timeDimensions") or ()]
