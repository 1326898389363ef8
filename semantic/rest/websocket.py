"""Cube's WebSocket transport: the same methods over one connection, and subscriptions that tell of changes.

The client first says who it is, `{"authorization": token}`, and hears `{"handshake": true}`. Then each message
`{"messageId", "method", "params"}` is answered by `{"messageId", "message", "status"}`; `{"unsubscribe": messageId}`
ends a subscription.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from semantic.rest.auth import Authenticator
from semantic.rest.errors import BadRequest, ContinueWait, Forbidden, RestError, translate
from semantic.rest.methods import Methods, SecurityContext
from semantic.rest.payload import NotJson, Parameters, decode

POLL_SECONDS = 5.0
"""How often a subscription looks for changes."""
MOST_AT_ONCE = 64
"""Messages of one connection that are answered at the same time."""

Message = Mapping[str, Any]
Method = Callable[[Parameters, SecurityContext, str], Awaitable[object]]


class Conversation:
    """One connection: who asks, and what is being answered."""

    def __init__(
        self, socket: WebSocket, methods: Methods, authenticate: Authenticator, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._socket = socket
        self._methods = methods
        self._authenticate = authenticate
        self._poll_seconds = poll_seconds
        self._context: SecurityContext | None = None if authenticate.secret else {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Answers until the client leaves; what is still running for it then stops."""
        await self._socket.accept()
        try:
            while True:
                await self._hear(await self._socket.receive_text())
        except (WebSocketDisconnect, KeyError):  # a binary frame has no text: nobody who speaks the protocol sends one
            return
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def _hear(self, text: str) -> None:
        try:
            message = decode(text)
            if not isinstance(message, dict):
                raise BadRequest("A message is a JSON object")
            await self._take(message)
        except NotJson as error:
            await self._send({"message": {"error": f"SyntaxError: {error}"}, "status": 500})
        except RestError as error:
            await self._send(_reply(None, error.body, error.status))

    async def _take(self, message: Message) -> None:
        if "authorization" in message:
            self._context = self._authenticate.context(str(message["authorization"] or ""))
            await self._send({"handshake": True})
        elif "unsubscribe" in message:
            self._end(str(message["unsubscribe"]))
        else:
            self._begin(message)

    def _begin(self, message: Message) -> None:
        if message.get("messageId") is None:
            raise BadRequest("messageId is required")
        number = str(message["messageId"])
        if len(self._tasks) >= MOST_AT_ONCE:
            raise BadRequest(f"more than {MOST_AT_ONCE} messages at once: wait for answers")
        self._end(number)
        task = asyncio.create_task(self._answer(message))
        self._tasks[number] = task
        task.add_done_callback(lambda done: self._forget(number, done))

    def _end(self, number: str) -> None:
        task = self._tasks.pop(number, None)
        if task is not None:
            task.cancel()

    def _forget(self, number: str, done: asyncio.Task[None]) -> None:
        if self._tasks.get(number) is done:
            del self._tasks[number]

    async def _answer(self, message: Message) -> None:
        number = message["messageId"]
        try:
            if self._context is None:
                raise Forbidden("Not authorized")
            if message.get("method") == "subscribe":
                await self._subscribe(message, self._context)
            else:
                body = await self._call(message, self._context)
                await self._send(_reply(number, body))
        except WebSocketDisconnect:
            return
        except Exception as error:
            answer = translate(error)
            await self._send(_reply(number, answer.body, answer.status))
            if answer is not error and answer.status == 500:
                raise

    async def _subscribe(self, message: Message, context: SecurityContext) -> None:
        """Sends the rows now and whenever they have changed."""
        last: object = None
        while True:
            try:
                body = await self._methods.load(_parameters(message), context, _request_id(message))
            except ContinueWait:
                continue
            content = {name: part for name, part in body.items() if name != "lastRefreshTime"}
            changed = msgspec.json.encode(_without_times(content), enc_hook=dict)
            if changed != last:
                await self._send(_reply(message["messageId"], body))
                last = changed
            await asyncio.sleep(self._poll_seconds)

    async def _call(self, message: Message, context: SecurityContext) -> object:
        parameters, method = _parameters(message), message.get("method")
        if method == "load":
            return await self._methods.load(parameters, context, _request_id(message))
        if method == "sql":
            return await self._methods.sql(parameters, context)
        if method == "dry-run":
            return self._methods.dry_run(parameters)
        if method == "meta":
            return self._methods.meta(parameters, context)
        raise BadRequest(f"Unsupported method: {method}")

    async def _send(self, body: Mapping[str, object]) -> None:
        await self._socket.send_text(msgspec.json.encode(body, enc_hook=dict).decode())


def _reply(number: object, body: object, status: int = 200) -> dict[str, object]:
    return {"messageId": number, "message": body, "status": status}


def _parameters(message: Message) -> Parameters:
    parameters = message.get("params")
    return Parameters(parameters if isinstance(parameters, dict) else {})


def _request_id(message: Message) -> str:
    return str(message.get("requestId") or message["messageId"])


def _without_times(body: Mapping[str, object]) -> dict[str, object]:
    """A body of `load` without the times of refreshing: they differ although nothing changed."""
    results = body.get("results")
    if not isinstance(results, list):
        return dict(body)
    plain = [{name: part for name, part in one.items() if name != "lastRefreshTime"} for one in results]
    return {**body, "results": plain}
