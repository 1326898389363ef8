"""The REST API as a Starlette application: routes, cross-origin headers, and one shape for every error."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from headrace.errors import HeadraceError
from semantic.engine import Engine
from semantic.errors import SemanticError
from semantic.rest.auth import Authenticator
from semantic.rest.endpoints import RestApi
from semantic.rest.errors import RestError, translate
from semantic.rest.running import HOLD_SECONDS, Waiting
from semantic.rest.websocket import Conversation

BASE_PATH = "/cubejs-api"
_METHODS = b"GET,HEAD,PUT,PATCH,POST,DELETE"

Endpoint = Callable[[Request], Awaitable[object]]
"""Takes a request, gives the body of the answer, or the answer itself."""

_WELCOME = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Headrace</title></head>
<body><p>Headrace answers Cube's REST API under <code>/cubejs-api/v1</code>.</p></body></html>
"""


class ServeSettings(Protocol):
    """What the application reads of the `serve` settings."""

    @property
    def api_secret(self) -> str | None: ...

    @property
    def query_timeout_seconds(self) -> float: ...


class JsonResponse(Response):
    media_type = "application/json"
    charset = "utf-8"

    def __init__(self, content: object, status_code: int = 200) -> None:
        super().__init__(msgspec.json.encode(content, enc_hook=_plain), status_code)
        self.headers["content-type"] = "application/json; charset=utf-8"


def create_app(engine: Engine, settings: ServeSettings, *, hold_seconds: float = HOLD_SECONDS) -> Starlette:
    """The application over `engine`. With `settings.api_secret` every query needs a token signed with it.

    `hold_seconds` is how long a request waits for its query before the client is told to ask again.
    """
    waiting = Waiting(hold_seconds=hold_seconds, timeout_seconds=settings.query_timeout_seconds)
    api = RestApi(engine, Authenticator(settings.api_secret), waiting)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        api.close()

    return Starlette(
        routes=_routes(api),
        middleware=[Middleware(CrossOrigin)],
        exception_handlers={
            RestError: _answer_error,
            SemanticError: _answer_error,
            HeadraceError: _answer_error,
            HTTPException: _answer_http,
            Exception: _answer_defect,
        },
        lifespan=lifespan,
    )


def _routes(api: RestApi) -> list[BaseRoute]:
    both = ["GET", "POST"]
    v1 = f"{BASE_PATH}/v1"

    def route(path: str, endpoint: Endpoint, methods: list[str]) -> Route:
        async def answer(request: Request) -> Response:
            body = await endpoint(request)
            return body if isinstance(body, Response) else JsonResponse(body)

        return Route(path, answer, methods=methods)

    async def talk(socket: WebSocket) -> None:
        await Conversation(socket, api.methods, api.authenticate).run()

    return [
        Route("/", _welcome),
        WebSocketRoute("/", talk),
        route("/readyz", api.ready, ["GET"]),
        route("/livez", api.alive, ["GET"]),
        route(f"{v1}/load", api.load, both),
        route(f"{v1}/subscribe", api.load, both),
        route(f"{v1}/sql", api.sql, both),
        route(f"{v1}/dry-run", api.dry_run, both),
        route(f"{v1}/meta", api.meta, ["GET"]),
        route(f"{v1}/running-query/{{request_id}}", api.cancel, ["DELETE"]),
        route(f"{v1}/cubesql", api.cubesql, ["POST"]),
        route(f"{v1}/convert-query", api.convert_query, ["POST"]),
        route(f"{BASE_PATH}/graphql", api.graphql, both),
        route(f"{v1}/graphql-to-json", api.graphql_to_json, ["POST"]),
        route(f"{v1}/pre-aggregations/can-use", api.can_use, ["POST"]),
        route(f"{v1}/pre-aggregations/jobs", api.jobs, ["POST"]),
    ]


async def _welcome(_: Request) -> Response:
    return HTMLResponse(_WELCOME)


async def _answer_error(_: Request, error: Exception) -> Response:
    answer = translate(error)
    return JsonResponse(answer.body, answer.status)


async def _answer_defect(request: Request, error: Exception) -> Response:
    """What nobody foresaw is answered outside of all middleware, where pages of other origins may read it too."""
    response = await _answer_error(request, error)
    response.headers["access-control-allow-origin"] = "*"
    return response


async def _answer_http(request: Request, error: Exception) -> Response:
    """Paths and methods that do not exist, in the words of Cube's web server."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status not in (404, 405):
        return JsonResponse({"error": str(error)}, status)
    text = html.escape(f"Cannot {request.method} {request.url.path}")
    page = f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error</title>\n</head>\n<body>\n<pre>{text}</pre>\n</body>\n</html>\n'  # noqa: E501
    return HTMLResponse(page, 404)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


class CrossOrigin:
    """Lets pages of any origin ask, as Cube does: tokens travel in a header, never in cookies."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await self._answer_preflight(scope, receive, send)
        else:
            await self._app(scope, receive, _allowing_all(send))

    async def _answer_preflight(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = dict(scope["headers"]).get(b"access-control-request-headers")
        response = Response(status_code=204, headers={"content-length": "0"})
        response.raw_headers.append((b"access-control-allow-methods", _METHODS))
        if asked is not None:
            response.raw_headers.append((b"access-control-allow-headers", asked))
        await response(scope, receive, _allowing_all(send))


def _allowing_all(send: Send) -> Send:
    async def send_with_origin(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"access-control-allow-origin", b"*")]
        await send(message)

    return send_with_origin
