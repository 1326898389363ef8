"""What clients ask for, whatever brings it: the bodies of load, sql, dry-run and meta, for HTTP and for WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

import msgspec

from semantic.engine import Cancellation, Engine, Result
from semantic.query.echo import echo
from semantic.query.parse import check_cache
from semantic.query.types import Query
from semantic.rest.errors import BadRequest
from semantic.rest.members import DATA_SOURCE, Json
from semantic.rest.meta import describe_model
from semantic.rest.payload import Parameters
from semantic.rest.requests import QuerySet
from semantic.rest.rollups import describe_rollup
from semantic.rest.running import RunningQueries, Waiting
from semantic.rest.shape import describe_results
from semantic.rest.transformed import member_names, transformed_query
from semantic.rest.visibility import visible_to

SecurityContext = Mapping[str, object]

_REFRESH_KEY = [
    "SELECT FLOOR((EXTRACT(EPOCH FROM NOW())) / 10) as refresh_key",
    [],
    {"external": False, "renewalThreshold": 10},
]
"""Cube's default refresh key: clients only look for the list being there."""


MANY_ROWS = 1000
"""From here on rows are written as JSON in a thread: other clients must not wait for it."""


class Methods:
    """Answers over one engine."""

    def __init__(self, engine: Engine, waiting: Waiting) -> None:
        self.engine = engine
        self._running: RunningQueries[Result] = RunningQueries(waiting)

    def close(self) -> None:
        self._running.close()

    def cancel(self, request_id: str) -> list[str]:
        """Stop what a request began."""
        return self._running.cancel(request_id)

    async def load(self, parameters: Parameters, context: SecurityContext, request_id: str) -> Json:
        """The rows of `query`, with `queryType=multi` of several. Raises ContinueWait while they are computed."""
        asked = self._queries(parameters)
        multi = parameters.text("queryType") == "multi"
        if asked.type != "regularQuery" and not multi:
            raise BadRequest(f"'{asked.type}' query type is not supported by the client.Please update the client.")
        results = await asyncio.gather(*(self.answer(one, context, request_id) for one in asked.queries))
        if sum(one.rows.count for one in results) < MANY_ROWS:
            return describe_results(self.engine.model, asked, results, multi=multi)
        return await asyncio.to_thread(describe_results, self.engine.model, asked, results, multi=multi)

    async def answer(self, query: Query, context: SecurityContext, request_id: str) -> Result:
        """One query's result: joined to the same question of somebody else who may see the same."""

        def work(cancellation: Cancellation) -> Result:
            return self.engine.load(query, context, cancellation)

        key = msgspec.json.encode([echo(query), dict(context)], enc_hook=_plain)
        return await self._running.answer(key, work, request_id)

    async def sql(self, parameters: Parameters, context: SecurityContext) -> object:
        """The SQL that `load` would run: one description, or a list for several queries."""
        asked = self._queries(parameters)
        described = [await asyncio.to_thread(self._describe_sql, one, context) for one in asked.queries]
        return described[0] if asked.type == "regularQuery" else described

    def dry_run(self, parameters: Parameters) -> Json:
        """The query as it is understood; nothing runs."""
        asked = self._queries(parameters)
        return {
            "queryType": asked.type,
            "normalizedQueries": asked.normalized(),
            "queryOrder": [_order(one) for one in asked.queries],
            "transformedQueries": [transformed_query(self.engine.model, one) for one in asked.queries],
            "pivotQuery": asked.dry_pivot_query(),
        }

    def meta(self, parameters: Parameters, context: SecurityContext) -> Json:
        """The data model, as far as the caller may see it."""
        return describe_model(
            self.engine.model,
            visible_to(self.engine.model, context),
            extended=parameters.flag("extended"),
            only_views=parameters.flag("onlyViews"),
        )

    def _queries(self, parameters: Parameters) -> QuerySet:
        query = parameters.query()
        check_cache({"cacheMode": parameters.values.get("cache")})
        return QuerySet.of(self.engine.parse(query))

    def _describe_sql(self, query: Query, context: SecurityContext) -> Json:
        compiler = self.engine.compiler()
        compiled = compiler.compile(query, security_context=context)
        model = self.engine.model
        grouped = [one for one in query.time_dimensions if one.granularity]
        described: dict[str, object] = {
            "external": False,
            "sql": [compiled.sql, [_parameter(one) for one in compiled.parameters]],
            "lambdaQueries": {},
            "order": _order(query),
            "cacheKeyQueries": [_REFRESH_KEY],
            "preAggregations": [describe_rollup(compiler, one) for one in compiled.rollups],
            "dataSource": DATA_SOURCE,
            "aliasNameToMember": {one.alias: one.key for one in compiled.columns},
            "canUseTransformedQuery": transformed_query(model, query),
            "memberNames": member_names(model, query),
        }
        if grouped:
            key = f"{grouped[0].dimension}.{grouped[0].granularity}"
            described["timeDimensionAlias"] = next((one.alias for one in compiled.columns if one.key == key), None)
            described["timeDimensionField"] = grouped[0].dimension
        return {"sql": described, "dataSource": DATA_SOURCE}


def _order(query: Query) -> dict[str, str]:
    """The order that the result has: the one asked for, else time, else the first measure down, else a dimension."""
    if query.order is not None:
        return {one.member: "desc" if one.descending else "asc" for one in query.order}
    grouped = [one.dimension for one in query.time_dimensions if one.granularity]
    if grouped:
        return {grouped[0]: "asc"}
    if query.measures and query.dimensions:
        return {query.measures[0]: "desc"}
    return {query.dimensions[0]: "asc"} if query.dimensions else {}


def _parameter(value: object) -> object:
    return value.isoformat(timespec="milliseconds") + "Z" if isinstance(value, datetime) else value


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
