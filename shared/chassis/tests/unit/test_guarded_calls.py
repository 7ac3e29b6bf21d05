"""Calls to a service that is slow, failing or unavailable."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
import stamina
from hypothesis import given
from hypothesis import strategies as st

from chassis.http.circuit_breaker import BreakerPolicy
from chassis.http.guarded_calls import (
    CallFailed,
    CallGivenUp,
    CallPolicy,
    GuardedCalls,
    RetryBudget,
)
from service_testing.frozen_time import FrozenTime

POLICY = CallPolicy(
    deadline_seconds=30, attempts=3, max_concurrent=20, breaker=BreakerPolicy(failures=5)
)


class FakeService:
    """Counts its calls, and may fail or let them wait."""

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
def other() -> FakeService:
    return FakeService()


@pytest.fixture
def failing(other: FakeService) -> FakeService:
    other.failure = CallFailed("down")
    return other


async def give_up(calls: GuardedCalls, other: FakeService) -> CallGivenUp:
    with pytest.raises(CallGivenUp) as given_up:
        await calls.call(other.ask)
    return given_up.value


class TestAttempts:
    async def test_failed_call_is_retried(self, failing: FakeService) -> None:
        assert str(await give_up(GuardedCalls(POLICY), failing)) == "down"
        assert failing.calls == 3

    async def test_answer_needs_one_call(self, other: FakeService) -> None:
        assert await GuardedCalls(POLICY).call(other.ask) == "answer"
        assert other.calls == 1

    async def test_other_exception_is_raised_at_once(self, other: FakeService) -> None:
        other.failure = KeyError("a bug")
        with pytest.raises(KeyError):
            await GuardedCalls(POLICY).call(other.ask)
        assert other.calls == 1

    @pytest.mark.parametrize(
        ("asked_seconds", "calls", "told_seconds"), [(2, 3, 2), (31, 1, 31), (1e9, 1, 60)]
    )
    async def test_retry_after_is_followed_within_the_deadline_and_passed_on(
        self, other: FakeService, asked_seconds: float, calls: int, told_seconds: int
    ) -> None:
        other.failure = CallFailed("status 429", retry_after_seconds=asked_seconds)
        given_up = await give_up(GuardedCalls(POLICY), other)
        assert other.calls == calls
        assert given_up.retry_after_seconds == told_seconds


async def test_retries_are_a_share_of_the_calls(failing: FakeService) -> None:
    breaker = BreakerPolicy(failures=1_000_000)
    calls = GuardedCalls(replace(POLICY, breaker=breaker, retry_share=0.2, retry_reserve=10))
    for _ in range(1000):
        await give_up(calls, failing)
    assert 1000 + 200 <= failing.calls <= 1000 + 10 + 200


class TestDeadline:
    async def test_slow_call_ends_at_the_deadline_and_is_a_failure(
        self, other: FakeService
    ) -> None:
        other.answers.clear()
        calls = GuardedCalls(replace(POLICY, deadline_seconds=0.001))
        for _ in range(5):
            assert str(await give_up(calls, other)) == "no answer before the deadline"
        assert calls.breaker.state == "open"

    async def test_cancelled_call_is_no_failure_and_leaves_room(self, other: FakeService) -> None:
        other.answers.clear()
        calls = GuardedCalls(replace(POLICY, max_concurrent=1))
        for _ in range(10):
            task = asyncio.create_task(calls.call(other.ask))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert calls.breaker.state == "closed"
        other.answers.set()
        assert await calls.call(other.ask) == "answer"


async def test_calls_beyond_the_limit_fail_at_once(other: FakeService) -> None:
    other.answers.clear()
    calls = GuardedCalls(POLICY)
    running = [asyncio.create_task(calls.call(other.ask)) for _ in range(20)]
    await asyncio.sleep(0)
    assert str(await give_up(calls, other)) == "too many calls at once"
    assert other.calls == 20
    other.answers.set()
    assert await asyncio.gather(*running) == ["answer"] * 20
    assert await calls.call(other.ask) == "answer"


class TestOutage:
    async def test_thousand_concurrent_callers_cause_few_calls(self, failing: FakeService) -> None:
        calls = GuardedCalls(POLICY)
        results = await asyncio.gather(
            *(calls.call(failing.ask) for _ in range(1000)), return_exceptions=True
        )
        assert {type(result) for result in results} == {CallGivenUp}
        assert failing.calls <= 20

    async def test_open_circuit_probes_and_closes_with_an_answer(
        self, failing: FakeService, frozen_time: FrozenTime
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


class TestRetryBudget:
    def test_budget_begins_with_its_reserve(self) -> None:
        budget = RetryBudget(share=0, reserve=3)
        assert [budget.take() for _ in range(5)] == [True, True, True, False, False]

    def test_budget_grows_with_the_calls(self) -> None:
        budget = RetryBudget(share=0.5, reserve=1)
        assert budget.take()
        budget.record_call()
        assert not budget.take()
        budget.record_call()
        assert budget.take()

    @given(
        share=st.floats(0, 1),
        reserve=st.integers(0, 20),
        steps=st.lists(st.booleans(), max_size=200),
    )
    def test_retries_are_never_more_than_the_reserve_and_the_share(
        self, share: float, reserve: int, steps: list[bool]
    ) -> None:
        budget = RetryBudget(share=share, reserve=reserve)
        calls = retries = in_a_row = 0
        for is_call in steps:
            if is_call:
                calls += 1
                in_a_row = 0
                budget.record_call()
            elif budget.take():
                retries += 1
                in_a_row += 1
            assert in_a_row <= reserve
            assert retries <= reserve + share * calls + 1e-6
