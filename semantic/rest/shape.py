"""The body of a result: annotation, echoed query and data in one of the three formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC

import msgspec

from semantic.datamodel.types import DataModel
from semantic.engine import Result
from semantic.query.echo import echo
from semantic.query.parse import QueryType
from semantic.query.types import Query, TimeDimension
from semantic.rest.members import DATA_SOURCE, Json, annotate_member, annotate_time_dimensions
from semantic.rest.requests import BLENDING_TIME, COMPARE_KEY, QuerySet
from semantic.rest.rollups import used_rollups
from semantic.results import Rows

_FINEST_FIRST = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")


def describe_results(model: DataModel, asked: QuerySet, results: Sequence[Result], *, multi: bool) -> Json:
    """The body of `/load`: one result, or all of them with the query to pivot by when the client asked for `multi`.

    The data of each is JSON already, so that many rows can be written in another thread than the event loop's.
    """
    described = [_with_json_data(describe_result(model, one, asked.type)) for one in results]
    if not multi:
        return described[0]
    return {
        "queryType": asked.type,
        "results": described,
        "pivotQuery": asked.pivot_query,
        "slowQuery": False,
    }


def _with_json_data(body: Json) -> Json:
    return {**body, "data": msgspec.Raw(msgspec.json.encode(body["data"]))}


def describe_result(model: DataModel, result: Result, kind: QueryType) -> Json:
    query = result.query
    body: dict[str, object] = {
        "query": echo(query),
        "lastRefreshTime": result.refreshed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "annotation": annotation(model, query),
        "dataSource": DATA_SOURCE,
        "dbType": result.compiled.dialect,
        "external": False,
        "slowQuery": False,
    }
    if result.compiled.rollups:
        body["usedPreAggregations"] = used_rollups(result.compiled.rollups)
    if result.total is not None:
        body["total"] = result.total
    return body | {"data": data(_with_client_keys(result.rows, query, kind), query.response_format)}


def annotation(model: DataModel, query: Query) -> Json:
    """Titles, types and formats of the query's members."""
    return {
        "measures": _annotations(model, query.measures),
        "dimensions": _annotations(model, query.dimensions),
        "segments": _annotations(model, query.segments),
        "timeDimensions": annotate_time_dimensions(
            model, [(one.dimension, one.granularity) for one in query.time_dimensions if one.granularity]
        ),
    }


def data(rows: Rows, response_format: str) -> object:
    """`rows` as a list of objects (`default`), or as `compact` rows or `columnar` columns beside their names."""
    members = list(rows.keys) if rows.count else []
    if response_format == "compact":
        return {"members": members, "dataset": rows.tuples()}
    if response_format == "columnar":
        return {"members": members, "columns": list(rows.columns) if rows.count else []}
    return list(rows)


def _annotations(model: DataModel, names: Sequence[str]) -> Mapping[str, Json]:
    found = {name: annotate_member(model, name) for name in names}
    return {name: one for name, one in found.items() if one is not None}


def _with_client_keys(rows: Rows, query: Query, kind: QueryType) -> Rows:
    """Adds the columns that Cube's clients look for: the bare time dimension, and the keys to pivot by."""
    grouped = [one for one in query.time_dimensions if one.granularity]
    for dimension in dict.fromkeys(one.dimension for one in grouped):
        finest = min((one for one in grouped if one.dimension == dimension), key=_fineness)
        rows = rows.with_column(dimension, rows.column(f"{dimension}.{finest.granularity}"))
    if kind == "compareDateRangeQuery":
        return rows.with_constant(COMPARE_KEY, _compared_range(query))
    if kind == "blendingQuery" and grouped:
        return rows.with_column(f"{BLENDING_TIME}.{grouped[0].granularity}", rows.column(grouped[0].dimension))
    return rows


def _fineness(dimension: TimeDimension) -> int:
    """Custom granularities come last: the bare key then holds the calendar's own."""
    name = dimension.granularity or ""
    return _FINEST_FIRST.index(name) if name in _FINEST_FIRST else len(_FINEST_FIRST)


def _compared_range(query: Query) -> str:
    ranges = (one.date_range for one in query.time_dimensions if one.date_range)
    return next((" - ".join(one.texts()) for one in ranges), "")
