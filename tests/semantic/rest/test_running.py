"""Queries that outlive their request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from semantic.engine import Cancellation
from semantic.rest.errors import ContinueWait
from semantic.rest.running import RunningQueries, Waiting

WAIT = 5.0


def blocking(release: threading.Event, begun: list[Cancellation]) -> Callable[[Cancellation], str]:
    def work(cancellation: Cancellation) -> str:
        begun.append(cancellation)
        while not release.wait(0.01):
            if cancellation.cancelled:
                raise RuntimeError("stopped")
        return "done"

    return work


def test_the_same_question_runs_once() -> None:
    async def scenario() -> list[str]:
        queries: RunningQueries[str] = RunningQueries(Waiting())
        asked = [asyncio.create_task(queries.answer("key", work, str(number))) for number in range(5)]
        await asyncio.sleep(0.05)
        release.set()
        answers = await asyncio.gather(*asked)
        queries.close()
        return answers

    release, begun = threading.Event(), []
    work = blocking(release, begun)
    assert asyncio.run(scenario()) == ["done"] * 5
    assert len(begun) == 1


def test_a_long_run_says_continue_wait_and_is_found_again() -> None:
    async def scenario() -> str:
        queries: RunningQueries[str] = RunningQueries(Waiting(hold_seconds=0.05))
        with pytest.raises(ContinueWait):
            await queries.answer("key", work, "first")
        release.set()
        await asyncio.sleep(0.1)
        answer = await queries.answer("key", work, "second")
        queries.close()
        return answer

    release, begun = threading.Event(), []
    work = blocking(release, begun)
    assert asyncio.run(scenario()) == "done"
    assert len(begun) == 1


def test_nobody_comes_back_and_the_run_is_stopped() -> None:
    async def scenario() -> None:
        queries: RunningQueries[str] = RunningQueries(Waiting(hold_seconds=0.02, keep_seconds=0.05))
        with pytest.raises(ContinueWait):
            await queries.answer("key", work, "only")
        await asyncio.sleep(0.3)
        queries.close()

    begun: list[Cancellation] = []
    work = blocking(threading.Event(), begun)
    asyncio.run(scenario())
    assert begun[0].cancelled


def test_a_client_that_leaves_stops_its_run_unless_another_waits() -> None:
    async def scenario() -> tuple[bool, bool]:
        queries: RunningQueries[str] = RunningQueries(Waiting())
        one = asyncio.create_task(queries.answer("key", work, "one"))
        two = asyncio.create_task(queries.answer("key", work, "two"))
        await asyncio.sleep(0.05)
        one.cancel()
        await asyncio.sleep(0.05)
        first = begun[0].cancelled
        two.cancel()
        await asyncio.sleep(0.05)
        queries.close()
        return first, begun[0].cancelled

    begun: list[Cancellation] = []
    work = blocking(threading.Event(), begun)
    assert asyncio.run(scenario()) == (False, True)


def test_a_run_is_cancelled_by_the_id_of_its_request() -> None:
    async def scenario() -> tuple[list[str], list[str]]:
        queries: RunningQueries[str] = RunningQueries(Waiting())
        asked = asyncio.create_task(queries.answer("key", work, "mine"))
        await asyncio.sleep(0.05)
        unknown, known = queries.cancel("other"), queries.cancel("mine")
        with pytest.raises(RuntimeError, match="stopped"):
            await asked
        queries.close()
        return unknown, known

    work = blocking(threading.Event(), [])
    assert asyncio.run(scenario()) == ([], ["mine"])


def test_a_run_is_stopped_after_the_longest_time() -> None:
    async def scenario() -> None:
        queries: RunningQueries[str] = RunningQueries(Waiting(timeout_seconds=0.05))
        with pytest.raises(RuntimeError, match="stopped"):
            await asyncio.wait_for(queries.answer("key", work, "slow"), WAIT)
        queries.close()

    work = blocking(threading.Event(), [])
    asyncio.run(scenario())


def test_an_error_reaches_everybody_who_asked() -> None:
    def work(_: Cancellation) -> str:
        raise ValueError("wrong")

    async def scenario() -> None:
        queries: RunningQueries[str] = RunningQueries(Waiting())
        for _ in range(2):
            with pytest.raises(ValueError, match="wrong"):
                await queries.answer("key", work, "id")
        queries.close()

    asyncio.run(scenario())
