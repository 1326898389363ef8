"""The endpoints of Cube's REST API: each takes a request and returns the body of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import uuid4

import msgspec
import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from headrace.errors import WarehouseError
from semantic.engine import Cancellation, Engine, Result
from semantic.query.types import Query
from semantic.rest import cubesql
from semantic.rest.auth import Authenticator, require_scope
from semantic.rest.convert import to_rest
from semantic.rest.errors import BadRequest, ServerFailure
from semantic.rest.graphql.syntax import Field, parse_document
from semantic.rest.graphql.translation import to_query, to_rows
from semantic.rest.members import Json
from semantic.rest.meta import describe_model
from semantic.rest.payload import Parameters, read_parameters
from semantic.rest.requests import QuerySet
from semantic.rest.rollups import can_use
from semantic.rest.running import RunningQueries, Waiting
from semantic.rest.shape import DATA_SOURCE, describe_result, describe_results
from semantic.rest.transformed import member_names, transformed_query
from semantic.rest.visibility import visible_to

SecurityContext = Mapping[str, object]

_REFRESH_KEY = [
    "SELECT FLOOR((EXTRACT(EPOCH FROM NOW())) / 10) as refresh_key",
    [],
    {"external": False, "renewalThreshold": 10},
]
"""Cube's default refresh key: clients only look for the list being there."""

T = TypeVar("T")


class RestApi:
    """All endpoints over one engine."""

    def __init__(self, engine: Engine, authenticate: Authenticator, waiting: Waiting) -> None:
        self.engine = engine
        self.authenticate = authenticate
        self.running: RunningQueries[Result] = RunningQueries(waiting)
        self.running_sql: RunningQueries[pa.Table] = RunningQueries(waiting)

    def close(self) -> None:
        self.running.close()
        self.running_sql.close()

    async def load(self, request: Request) -> Json:
        """GET, POST /v1/load and /v1/subscribe."""
        context = self.authenticate(request.headers)
        parameters = await read_parameters(request)
        work = self.load_parameters(parameters, context, request_id(request.headers))
        return await _unless_disconnected(request, work)

    async def load_parameters(self, parameters: Parameters, context: SecurityContext, asked_as: str) -> Json:
        """The body of `/load` for `query` and `queryType`; also behind the WebSocket."""
        asked = self._queries(parameters)
        multi = parameters.text("queryType") == "multi"
        if asked.type != "regularQuery" and not multi:
            raise BadRequest(f"'{asked.type}' query type is not supported by the client.Please update the client.")
        results = await asyncio.gather(*(self._answer(one, context, asked_as) for one in asked.queries))
        return describe_results(self.engine.model, asked, results, multi=multi)

    async def sql(self, request: Request) -> object:
        """GET, POST /v1/sql: the SQL that `/load` would run."""
        context = self.authenticate(request.headers)
        parameters = await read_parameters(request)
        if parameters.text("format") == "sql":
            planned = await asyncio.to_thread(cubesql.plan, self.engine, parameters.values.get("query"), context)
            return {"sql": {"status": "ok", "sql": [planned.sql, list(planned.parameters)], "query_type": "pushdown"}}
        asked = self._queries(parameters)
        described = [await asyncio.to_thread(self._describe_sql, one, context) for one in asked.queries]
        return described[0] if asked.type == "regularQuery" else described

    async def dry_run(self, request: Request) -> Json:
        """GET, POST /v1/dry-run: the query as it is understood; nothing runs."""
        self.authenticate(request.headers)
        asked = self._queries(await read_parameters(request))
        return {
            "queryType": asked.type,
            "normalizedQueries": asked.normalized(),
            "queryOrder": [_order(one) for one in asked.queries],
            "transformedQueries": [transformed_query(self.engine.model, one) for one in asked.queries],
            "pivotQuery": asked.dry_pivot_query(),
        }

    async def meta(self, request: Request) -> Json:
        """GET /v1/meta?extended&onlyViews: the data model, as far as the caller may see it."""
        context = self.authenticate(request.headers)
        parameters = Parameters(dict(request.query_params))
        return describe_model(
            self.engine.model,
            visible_to(self.engine.model, context),
            extended=parameters.flag("extended"),
            only_views=parameters.flag("onlyViews"),
        )

    async def cancel(self, request: Request) -> Json:
        """DELETE /v1/running-query/{request_id}."""
        self.authenticate(request.headers)
        unwanted = _base_id(request.path_params["request_id"])
        return {"result": [*self.running.cancel(unwanted), *self.running_sql.cancel(unwanted)]}

    async def jobs(self, request: Request) -> Json:
        """POST /v1/pre-aggregations/jobs: needs a scope that nobody is given."""
        self.authenticate(request.headers)
        require_scope("jobs")
        return {}

    async def can_use(self, request: Request) -> Json:
        """POST /v1/pre-aggregations/can-use: whether a rollup of some members could answer a query."""
        self.authenticate(request.headers)
        parameters = (await read_parameters(request)).values
        transformed, references = parameters.get("transformedQuery"), parameters.get("references")
        if not isinstance(transformed, Mapping) or not isinstance(references, Mapping):
            raise BadRequest("transformedQuery and references are required")
        try:
            return {"canUsePreAggregationForTransformedQuery": can_use(transformed, references)}
        except (TypeError, ValueError, KeyError) as error:
            raise BadRequest("transformedQuery or references is malformed: send them as /dry-run gives them") from error

    async def cubesql(self, request: Request) -> Response:
        """POST /v1/cubesql: the rows of semantic SQL, as JSON lines."""
        context = self.authenticate(request.headers)
        parameters = await read_parameters(request)
        planned = await asyncio.to_thread(cubesql.plan, self.engine, parameters.values.get("query"), context)
        key = msgspec.json.encode([planned.sql, planned.parameters], enc_hook=_plain)
        work = partial(cubesql.run, self.engine, planned)
        waiting = self.running_sql.answer(key, work, request_id(request.headers))
        table = await _unless_disconnected(request, waiting)
        lines = cubesql.json_lines(table, self.engine.now())
        return StreamingResponse(lines, media_type="application/json")

    async def convert_query(self, request: Request) -> Json:
        """POST /v1/convert-query: the REST query that SQL stands for."""
        context = self.authenticate(request.headers)
        values = (await read_parameters(request)).values
        if (values.get("input"), values.get("output")) != ("sql", "rest"):
            raise BadRequest('Invalid query format: "input" must be "sql" and "output" must be "rest"')
        planned = await asyncio.to_thread(cubesql.plan, self.engine, values.get("query"), context)
        return {"status": "ok", "query": to_rest(str(values["query"]), planned)}

    async def graphql(self, request: Request) -> Json:
        """GET, POST /graphql: the rows nested as selected; annotation and refresh time in `extensions`."""
        context = self.authenticate(request.headers)
        root = _graphql_root(await read_parameters(request))
        model = self.engine.model
        (query,) = self.engine.parse(to_query(model, root)).queries
        work = self._answer(query, context, request_id(request.headers))
        result = describe_result(model, await _unless_disconnected(request, work), "regularQuery")
        extensions = {"annotation": result["annotation"], "lastRefreshTime": result["lastRefreshTime"]}
        rows = result["data"] if isinstance(result["data"], list) else []
        return {"data": {root.key: to_rows(model, root, rows)}, "extensions": extensions}

    async def graphql_to_json(self, request: Request) -> Json:
        """POST /v1/graphql-to-json: the REST query that a GraphQL document stands for."""
        self.authenticate(request.headers)
        return {"jsonQuery": to_query(self.engine.model, _graphql_root(await read_parameters(request)))}

    async def ready(self, _: Request) -> Json:
        """GET /readyz: whether queries can be answered now."""
        if not await asyncio.to_thread(self._reads):
            raise Down
        return {"health": "HEALTH"}

    async def alive(self, _: Request) -> Json:
        """GET /livez: whether the process answers."""
        return {"health": "HEALTH"}

    def _reads(self) -> bool:
        try:
            with self.engine.reader.cursor():
                return True
        except WarehouseError:
            return False

    def _queries(self, parameters: Parameters) -> QuerySet:
        return QuerySet.of(self.engine.parse(parameters.query()))

    async def _answer(self, query: Query, context: SecurityContext, asked_as: str) -> Result:
        def work(cancellation: Cancellation) -> Result:
            return self.engine.load(query, context, cancellation)

        key = msgspec.json.encode([query.payload, dict(context)], enc_hook=_plain)
        return await self.running.answer(key, work, asked_as)

    def _describe_sql(self, query: Query, context: SecurityContext) -> Json:
        compiled = self.engine.compile(query, context)
        model = self.engine.model
        grouped = [one for one in query.time_dimensions if one.granularity]
        described: dict[str, object] = {
            "external": False,
            "sql": [compiled.sql, [_parameter(one) for one in compiled.parameters]],
            "lambdaQueries": {},
            "order": _order(query),
            "cacheKeyQueries": [_REFRESH_KEY],
            "preAggregations": [],
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


def _graphql_root(parameters: Parameters) -> Field:
    """The one field at the top of the document in `query`. Raises BadRequest."""
    text, variables = parameters.text("query"), parameters.values.get("variables")
    if not text:
        raise BadRequest("Must provide query string.")
    fields = parse_document(text, variables if isinstance(variables, dict) else None)
    if len(fields) != 1:
        raise BadRequest("A document asks one `cube` field")
    return fields[0]


class Down(ServerFailure):
    """The answer of `/readyz` when the warehouse cannot be read."""

    def __init__(self) -> None:
        super().__init__("DOWN")

    @property
    def body(self) -> dict[str, str]:
        return {"health": "DOWN"}


def request_id(headers: Mapping[str, str]) -> str:
    """The client's id for the request without the number of the attempt; ours where it sent none."""
    return _base_id(headers.get("x-request-id") or str(uuid4()))


def _base_id(text: str) -> str:
    return text.split("-span-")[0]


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


async def _unless_disconnected(request: Request, work: Awaitable[T]) -> T:
    """Awaits `work`; stops it when the client goes away meanwhile."""
    answering = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnection(request.receive))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            answering.cancel()
        return await answering
    finally:
        leaving.cancel()


async def _disconnection(receive: Callable[[], Awaitable[Mapping[str, object]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
