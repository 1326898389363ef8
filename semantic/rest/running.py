"""Queries that outlive their request: run once, held ten seconds, asked for again, cancelled when unwanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from semantic.engine import Cancellation
from semantic.rest.errors import ContinueWait

HOLD_SECONDS = 10.0
"""How long Cube's server holds a request before it answers `Continue wait` (its `continueWaitTimeout`)."""
KEEP_SECONDS = 30.0
"""A finished or unattended run is dropped when nobody has asked for it again for so long."""

T = TypeVar("T")


@dataclass
class _Run(Generic[T]):
    future: asyncio.Future[T]
    cancellation: Cancellation
    request_ids: set[str] = field(default_factory=set)
    waiters: int = 0
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


@dataclass(frozen=True)
class Waiting:
    """How long a request is held, a run kept that nobody asks for, and a query may run."""

    hold_seconds: float = HOLD_SECONDS
    keep_seconds: float = KEEP_SECONDS
    timeout_seconds: float = 600.0


class RunningQueries(Generic[T]):
    """Runs questions in threads, each once however many clients ask it at the same time. For one event loop."""

    def __init__(self, waiting: Waiting, *, threads: int = 8) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="query")
        self._waiting = waiting
        self._runs: dict[Hashable, _Run[T]] = {}

    async def answer(self, key: Hashable, work: Callable[[Cancellation], T], request_id: str) -> T:
        """The result of `work`, which runs in a thread, at once or joined to the run of `key` under way.

        Raises ContinueWait after the holding time (the run goes on; asking again joins it), or what `work` raises.
        A caller that is cancelled (its client went away) stops the run when nobody else waits for it.
        """
        run = self._runs.get(key) or self._start(key, work)
        run.request_ids.add(request_id)
        run.waiters += 1
        try:
            finished, _ = await asyncio.wait({run.future}, timeout=self._waiting.hold_seconds)
            if not finished:
                self._expire_later(key, run)
                raise ContinueWait
            return run.future.result()
        except asyncio.CancelledError:
            if run.waiters == 1:
                run.cancellation.cancel()
            raise
        finally:
            run.waiters -= 1
            if run.future.done():
                self._drop(key, run)

    def cancel(self, request_id: str) -> list[str]:
        """Stop the runs that a request began or joined; the ids of what was stopped."""
        stopped = [run for run in self._runs.values() if request_id in run.request_ids]
        for run in stopped:
            run.cancellation.cancel()
        return [request_id for _ in stopped]

    def close(self) -> None:
        """Stop everything; waits for no thread."""
        for run in self._runs.values():
            run.cancellation.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, key: Hashable, work: Callable[[Cancellation], T]) -> _Run[T]:
        loop = asyncio.get_running_loop()
        cancellation = Cancellation()
        run: _Run[T] = _Run(loop.run_in_executor(self._pool, work, cancellation), cancellation)
        run.timers.append(loop.call_later(self._waiting.timeout_seconds, cancellation.cancel))
        run.future.add_done_callback(lambda future: _finish(run, future))
        self._runs[key] = run
        return run

    def _expire_later(self, key: Hashable, run: _Run[T]) -> None:
        def expire() -> None:
            if run.waiters == 0 and self._runs.get(key) is run:
                run.cancellation.cancel()
                self._drop(key, run)

        loop = asyncio.get_running_loop()
        run.timers.append(loop.call_later(self._waiting.keep_seconds, expire))

    def _drop(self, key: Hashable, run: _Run[T]) -> None:
        if self._runs.get(key) is run:
            del self._runs[key]


def _finish(run: _Run[T], future: asyncio.Future[T]) -> None:
    run.timers[0].cancel()
    if not future.cancelled():
        future.exception()  # taken note of: an error that nobody waits for any more is no news
