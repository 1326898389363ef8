"""A BigQuery that refuses: every request gets the next of some answers, the last one again and again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from google.auth.credentials import AnonymousCredentials

from headrace.bigquery import client


@dataclass(frozen=True)
class Answer:
    """A status with BigQuery's reason and message, or with a body of its own; it may be late."""

    status: int = 200
    reason: str = ""
    message: str = ""
    body: dict[str, object] = field(default_factory=dict)
    after_seconds: float = 0.0

    @property
    def content(self) -> bytes:
        errors = [{"reason": self.reason, "message": self.message}]
        refusal = {"error": {"code": self.status, "message": self.message, "errors": errors}}
        return json.dumps(self.body if self.status == 200 else refusal).encode()


@dataclass(frozen=True)
class Stub:
    """Where it listens, and the paths that were asked for."""

    url: str
    asked: list[str]


@contextmanager
def refusing(*answers: Answer) -> Iterator[Stub]:
    """Answer on a free port of this machine until the end."""
    asked: list[str] = []
    waiting = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer()

        def _answer(self) -> None:
            asked.append(self.path)
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            time.sleep(answer.after_seconds)
            try:
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)
            except (BrokenPipeError, ConnectionResetError):
                return  # who asked has not waited

        def log_message(self, *_: object) -> None:
            """Nothing is said."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield Stub(f"http://127.0.0.1:{server.server_port}", asked)
        finally:
            server.shutdown()
            thread.join(10)


@contextmanager
def instead_of_bigquery(patch: pytest.MonkeyPatch, *answers: Answer) -> Iterator[Stub]:
    """What the gateway `bigquery` reaches, with its own client and without credentials."""
    with refusing(*answers) as stub:
        patch.setenv("BIGQUERY_EMULATOR_HOST", stub.url)
        patch.setenv("HEADRACE_GATEWAY", "bigquery")
        patch.setenv("HEADRACE_BIGQUERY_PROJECT", "shop")
        patch.setattr(client, "_credentials", lambda _: (AnonymousCredentials(), None))  # type: ignore[no-untyped-call]
        yield stub
