"""The endpoints of Cube's REST API: each takes a request and returns the body of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from headrace.errors import WarehouseError
from semantic.engine import Engine
from semantic.rest import cubesql
from semantic.rest.auth import Authenticator, require_scope
from semantic.rest.convert import to_rest
from semantic.rest.errors import BadRequest, ClientLeft, ServerFailure
from semantic.rest.graphql.syntax import Field, parse_document
from semantic.rest.graphql.translation import to_query, to_rows
from semantic.rest.members import Json
from semantic.rest.methods import Methods
from semantic.rest.payload import Parameters, read_parameters
from semantic.rest.rollups import can_use
from semantic.rest.running import RunningQueries, Waiting
from semantic.rest.shape import describe_result

SecurityContext = Mapping[str, object]

T = TypeVar("T")


class RestApi:
    """All endpoints over one engine."""

    def __init__(self, engine: Engine, authenticate: Authenticator, waiting: Waiting) -> None:
        self.engine = engine
        self.authenticate = authenticate
        self.methods = Methods(engine, waiting)
        self.running_sql: RunningQueries[pa.Table] = RunningQueries(waiting)

    def close(self) -> None:
        self.methods.close()
        self.running_sql.close()

    async def load(self, request: Request) -> Json:
        """GET, POST /v1/load and /v1/subscribe."""
        context = self.authenticate(request.headers)
        parameters = await read_parameters(request)
        return await _unless_disconnected(request, self.methods.load(parameters, context, request_id(request.headers)))

    async def sql(self, request: Request) -> object:
        """GET, POST /v1/sql: the SQL that `/load` would run, or that semantic SQL becomes (`format=sql`)."""
        context = self.authenticate(request.headers)
        parameters = await read_parameters(request)
        if parameters.text("format") == "sql":
            planned = await asyncio.to_thread(cubesql.plan, self.engine, parameters.values.get("query"), context)
            return {"sql": {"status": "ok", "sql": [planned.sql, list(planned.parameters)], "query_type": "pushdown"}}
        return await self.methods.sql(parameters, context)

    async def dry_run(self, request: Request) -> Json:
        """GET, POST /v1/dry-run: the query as it is understood; nothing runs."""
        self.authenticate(request.headers)
        return self.methods.dry_run(await read_parameters(request))

    async def meta(self, request: Request) -> Json:
        """GET /v1/meta?extended&onlyViews: the data model, as far as the caller may see it."""
        context = self.authenticate(request.headers)
        return self.methods.meta(Parameters(dict(request.query_params)), context)

    async def cancel(self, request: Request) -> Json:
        """DELETE /v1/running-query/{request_id}."""
        self.authenticate(request.headers)
        unwanted = _base_id(request.path_params["request_id"])
        return {"result": [*self.methods.cancel(unwanted), *self.running_sql.cancel(unwanted)]}

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
        cubesql.check(parameters.values)
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
        work = self.methods.answer(query, context, request_id(request.headers))
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
            self.engine.reader.tables(self.engine.environment)
        except WarehouseError:
            return False
        return True


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


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


async def _unless_disconnected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Awaits `work`; stops it when the client goes away meanwhile. Raises ClientLeft then."""
    answering = asyncio.create_task(work)
    leaving = asyncio.create_task(_disconnection(request.receive))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            return answering.result()
        answering.cancel()
        await asyncio.wait({answering})
        raise ClientLeft
    finally:
        for task in (answering, leaving):
            task.cancel()


async def _disconnection(receive: Callable[[], Awaitable[Mapping[str, object]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
