"""Calls to a neighbour that is slow, failing or away."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
import stamina

from chassis.http.circuit_breaker import BreakerPolicy
from chassis.http.guarded_calls import CallFailed, CallGivenUp, CallPolicy, GuardedCalls
from service_testing.frozen_time import FrozenTime

POLICY = CallPolicy(
    deadline_seconds=30, attempts=3, max_concurrent=20, breaker=BreakerPolicy(failures=5)
)


class Neighbour:
    """Counts how often it is asked, and may fail or keep everyone waiting."""

    def __init__(self) -> None:
        self.calls = 0
        self.failure: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def ask(self) -> str:
        self.calls += 1
        await self.answers.wait()
        if self.failure:
            raise self.failure
        return "answer"


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1_000_000, cap=True):
        yield


@pytest.fixture
def neighbour() -> Neighbour:
    return Neighbour()


@pytest.fixture
def failing(neighbour: Neighbour) -> Neighbour:
    neighbour.failure = CallFailed("down")
    return neighbour


async def give_up(calls: GuardedCalls, neighbour: Neighbour) -> CallGivenUp:
    with pytest.raises(CallGivenUp) as given_up:
        await calls.call(neighbour.ask)
    return given_up.value


class TestAttempts:
    async def test_a_call_that_fails_is_tried_again_so_often(self, failing: Neighbour) -> None:
        assert str(await give_up(GuardedCalls(POLICY), failing)) == "down"
        assert failing.calls == 3

    async def test_an_answer_is_not_asked_for_again(self, neighbour: Neighbour) -> None:
        assert await GuardedCalls(POLICY).call(neighbour.ask) == "answer"
        assert neighbour.calls == 1

    async def test_an_exception_of_another_kind_passes_at_once(self, neighbour: Neighbour) -> None:
        neighbour.failure = KeyError("a bug")
        with pytest.raises(KeyError):
            await GuardedCalls(POLICY).call(neighbour.ask)
        assert neighbour.calls == 1

    async def test_a_neighbour_that_asks_for_more_time_than_there_is_gets_no_retry(
        self, neighbour: Neighbour
    ) -> None:
        neighbour.failure = CallFailed("status 429", retry_after_seconds=31)
        given_up = await give_up(GuardedCalls(POLICY), neighbour)
        assert neighbour.calls == 1
        assert given_up.retry_after_seconds == 31

    async def test_a_neighbour_s_wish_is_passed_on_within_bounds(
        self, neighbour: Neighbour
    ) -> None:
        neighbour.failure = CallFailed("status 503", retry_after_seconds=1e9)
        assert (await give_up(GuardedCalls(POLICY), neighbour)).retry_after_seconds == 60

    async def test_a_neighbour_that_asks_for_a_moment_gets_it(self, neighbour: Neighbour) -> None:
        neighbour.failure = CallFailed("status 429", retry_after_seconds=2)
        await give_up(GuardedCalls(POLICY), neighbour)
        assert neighbour.calls == 3


class TestBudget:
    async def test_retries_are_a_share_of_the_calls_in_the_long_run(
        self, failing: Neighbour
    ) -> None:
        breaker = BreakerPolicy(failures=1_000_000)
        calls = GuardedCalls(replace(POLICY, breaker=breaker, retry_share=0.2, retry_reserve=10))
        for _ in range(1000):
            await give_up(calls, failing)
        assert 1000 + 200 <= failing.calls <= 1000 + 10 + 200


class TestDeadline:
    async def test_a_slow_call_ends_at_the_deadline(self, neighbour: Neighbour) -> None:
        neighbour.answers.clear()
        calls = GuardedCalls(replace(POLICY, deadline_seconds=0.01))
        assert str(await give_up(calls, neighbour)) == "no answer before the deadline"

    async def test_a_call_that_was_too_slow_counts_as_a_failure(self, neighbour: Neighbour) -> None:
        neighbour.answers.clear()
        calls = GuardedCalls(replace(POLICY, deadline_seconds=0.001))
        for _ in range(5):
            await give_up(calls, neighbour)
        assert calls.breaker.state == "open"

    async def test_a_caller_who_goes_away_is_no_failure_and_leaves_room(
        self, neighbour: Neighbour
    ) -> None:
        neighbour.answers.clear()
        calls = GuardedCalls(replace(POLICY, max_concurrent=1))
        for _ in range(10):
            task = asyncio.create_task(calls.call(neighbour.ask))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert calls.breaker.state == "closed"
        neighbour.answers.set()
        assert await calls.call(neighbour.ask) == "answer"


class TestConcurrency:
    async def test_more_calls_than_allowed_at_once_are_given_up_at_once(
        self, neighbour: Neighbour
    ) -> None:
        neighbour.answers.clear()
        calls = GuardedCalls(POLICY)
        running = [asyncio.create_task(calls.call(neighbour.ask)) for _ in range(20)]
        await asyncio.sleep(0)
        assert str(await give_up(calls, neighbour)) == "too many calls at once"
        assert neighbour.calls == 20
        neighbour.answers.set()
        assert await asyncio.gather(*running) == ["answer"] * 20
        assert await calls.call(neighbour.ask) == "answer"


class TestStorm:
    async def test_a_thousand_calls_to_a_neighbour_that_is_down_are_few(
        self, failing: Neighbour
    ) -> None:
        calls = GuardedCalls(POLICY)
        results = await asyncio.gather(
            *(calls.call(failing.ask) for _ in range(1000)), return_exceptions=True
        )
        assert {type(result) for result in results} == {CallGivenUp}
        assert failing.calls <= 20

    async def test_an_open_circuit_asks_once_in_a_while_and_closes_when_answered(
        self, failing: Neighbour, frozen_time: FrozenTime
    ) -> None:
        calls = GuardedCalls(POLICY)
        for _ in range(100):
            await give_up(calls, failing)
        assert failing.calls == 5
        for _ in range(3):
            frozen_time.tick(5)
            for _ in range(100):
                assert (await give_up(calls, failing)).retry_after_seconds == 5
        assert failing.calls == 5 + 3
        failing.failure = None
        frozen_time.tick(5)
        assert await calls.call(failing.ask) == "answer"
        assert calls.breaker.state == "closed"
