"""Cube's WebSocket transport, spoken in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from semantic.engine import Engine
from semantic.rest.auth import Authenticator
from semantic.rest.methods import Methods
from semantic.rest.running import Waiting
from semantic.rest.websocket import MOST_AT_ONCE, Conversation
from tests.semantic.rest.library import SECRET, SocketTalk, event_loop, token
from tests.semantic.rest.test_load import BY_GENRE


@pytest.fixture
def socket(engine: Engine) -> Iterator[SocketTalk]:
    methods = Methods(engine, Waiting(hold_seconds=0.2))

    async def talk(socket: WebSocket) -> None:
        await Conversation(socket, methods, Authenticator(SECRET), poll_seconds=0.05).run()

    with event_loop() as loop:
        session = SocketTalk(loop, Starlette(routes=[WebSocketRoute("/", talk)]))
        yield session
        session.close()
        methods.close()


@pytest.fixture
def known(socket: SocketTalk) -> SocketTalk:
    """A connection whose client has said who it is."""
    socket.send_json({"authorization": token()})
    assert socket.receive_json() == {"handshake": True}
    return socket


def ask(socket: SocketTalk, method: str, number: int = 1, **parameters: object) -> Any:
    socket.send_json({"messageId": number, "method": method, "params": parameters})
    answer = socket.receive_json()
    assert answer["messageId"] == number
    return answer


def test_rows(known: SocketTalk) -> None:
    answer = ask(known, "load", query=BY_GENRE, queryType="multi")
    assert answer["status"] == 200
    assert len(answer["message"]["results"][0]["data"]) == 3


def test_the_other_methods(known: SocketTalk) -> None:
    assert "SELECT" in ask(known, "sql", query=BY_GENRE)["message"]["sql"]["sql"][0]
    assert ask(known, "dry-run", query=BY_GENRE)["message"]["queryType"] == "regularQuery"
    assert [one["name"] for one in ask(known, "meta", onlyViews=True)["message"]["cubes"]] == ["lending"]


def test_nobody_is_answered_before_he_says_who_he_is(socket: SocketTalk) -> None:
    assert ask(socket, "load", query=BY_GENRE) == {
        "messageId": 1,
        "message": {"error": "Not authorized"},
        "status": 403,
    }
    socket.send_json({"authorization": "nonsense"})
    assert socket.receive_json()["message"] == {"error": "Invalid token"}
    assert ask(socket, "meta")["status"] == 403


def test_errors_are_answers(known: SocketTalk) -> None:
    assert ask(known, "load", query={"measures": ["loans.nope"]})["status"] == 400
    assert ask(known, "dance")["message"] == {"error": "Unsupported method: dance"}
    known.send_json({"method": "load"})
    assert known.receive_json()["message"] == {"error": "messageId is required"}
    known.send_text("{bad")
    assert known.receive_json()["status"] == 500
    known.send_text("[]")
    assert known.receive_json()["message"] == {"error": "A message is a JSON object"}
    assert ask(known, "load", query=BY_GENRE)["status"] == 200, "the connection goes on"


def test_a_long_query_says_continue_wait_while_others_are_answered(known: SocketTalk) -> None:
    known.send_json({"messageId": 1, "method": "load", "params": {"query": {"measures": ["endless.total"]}}})
    assert ask(known, "meta", 2)["status"] == 200
    assert known.receive_json() == {"messageId": 1, "message": {"error": "Continue wait"}, "status": 200}


def test_a_subscription_is_silent_until_something_changes(known: SocketTalk) -> None:
    assert ask(known, "subscribe", 7, query=BY_GENRE)["status"] == 200
    assert ask(known, "dry-run", 8, query=BY_GENRE)["status"] == 200
    known.send_json({"unsubscribe": 7})
    assert ask(known, "meta", 9)["status"] == 200


def test_too_many_messages_at_once(known: SocketTalk) -> None:
    endless = {"query": {"measures": ["endless.total"]}}
    for number in range(MOST_AT_ONCE + 1):
        known.send_json({"messageId": number, "method": "load", "params": endless})
    answers = [known.receive_json() for _ in range(MOST_AT_ONCE + 1)]
    refused = [one for one in answers if one["status"] == 400]
    assert len(refused) == 1
    assert "at once" in refused[0]["message"]["error"]
