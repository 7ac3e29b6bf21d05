"""The circuit breaker, with time that stands still."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from prometheus_client import CollectorRegistry

from chassis.http.circuit_breaker import BreakerPolicy, CircuitBreaker, CircuitOpen
from chassis.http.metrics import BreakerGauge
from service_testing.frozen_time import FrozenTime, frozen

POLICY = BreakerPolicy(failures=3, recent_seconds=30, open_seconds=5)


class Failure(Exception):
    """The neighbour didn't do its part."""


class Refusal(Exception):
    """The neighbour answered, and the answer is no."""


def is_failure(error: BaseException) -> bool:
    return isinstance(error, Failure)


def attempt(breaker: CircuitBreaker, outcome: type[BaseException] | None = None) -> None:
    with breaker.attempt(is_failure):
        if outcome:
            raise outcome


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(Failure):
            attempt(breaker, Failure)


@pytest.fixture
def breaker(frozen_time: FrozenTime) -> CircuitBreaker:
    return CircuitBreaker(POLICY)


@pytest.fixture
def half_open(breaker: CircuitBreaker, frozen_time: FrozenTime) -> CircuitBreaker:
    fail(breaker, 3)
    frozen_time.tick(5)
    return breaker


class TestClosed:
    def test_a_closed_circuit_lets_exceptions_pass(self, breaker: CircuitBreaker) -> None:
        fail(breaker, 2)
        assert breaker.state == "closed"

    def test_a_closed_circuit_opens_at_the_last_failure_of_the_policy(
        self, breaker: CircuitBreaker
    ) -> None:
        fail(breaker, 3)
        assert breaker.state == "open"

    def test_a_closed_circuit_stays_so_while_most_calls_succeed(
        self, breaker: CircuitBreaker
    ) -> None:
        for _ in range(20):
            fail(breaker)
            attempt(breaker)
            attempt(breaker)
        assert breaker.state == "closed"

    def test_a_closed_circuit_opens_when_every_second_call_fails(
        self, breaker: CircuitBreaker
    ) -> None:
        for _ in range(3):
            attempt(breaker)
            fail(breaker)
        assert breaker.state == "open"

    def test_a_closed_circuit_forgets_failures_that_are_long_ago(
        self, breaker: CircuitBreaker, frozen_time: FrozenTime
    ) -> None:
        fail(breaker, 2)
        frozen_time.tick(31)
        fail(breaker, 2)
        assert breaker.state == "closed"

    def test_an_answer_that_says_no_is_no_failure(self, breaker: CircuitBreaker) -> None:
        for _ in range(20):
            with pytest.raises(Refusal):
                attempt(breaker, Refusal)
        assert breaker.state == "closed"

    def test_a_caller_who_goes_away_says_nothing_of_the_neighbour(
        self, breaker: CircuitBreaker
    ) -> None:
        fail(breaker, 2)
        for _ in range(20):
            with pytest.raises(asyncio.CancelledError):
                attempt(breaker, asyncio.CancelledError)
        fail(breaker)
        assert breaker.state == "open"


class TestOpen:
    def test_an_open_circuit_makes_no_call_and_says_when_to_come_back(
        self, breaker: CircuitBreaker, frozen_time: FrozenTime
    ) -> None:
        fail(breaker, 3)
        frozen_time.tick(1.5)
        with pytest.raises(CircuitOpen):
            attempt(breaker, Failure)
        assert breaker.retry_after_seconds == 4

    def test_an_open_circuit_heeds_no_call_that_began_before(
        self, breaker: CircuitBreaker, frozen_time: FrozenTime
    ) -> None:
        slow = breaker.attempt(is_failure)
        slow.__enter__()
        fail(breaker, 3)
        frozen_time.tick(5)
        slow.__exit__(None, None, None)
        assert breaker.state == "half_open"


class TestHalfOpen:
    def test_a_half_open_circuit_lets_one_probe_through(self, half_open: CircuitBreaker) -> None:
        with half_open.attempt(is_failure):
            assert not half_open.admits
            for _ in range(50):
                with pytest.raises(CircuitOpen):
                    attempt(half_open)
                assert half_open.retry_after_seconds == 1
        assert half_open.state == "closed"

    def test_a_half_open_circuit_closes_with_an_answer_that_says_no(
        self, half_open: CircuitBreaker
    ) -> None:
        with pytest.raises(Refusal):
            attempt(half_open, Refusal)
        assert half_open.state == "closed"

    def test_a_half_open_circuit_opens_again_with_a_failure(
        self, half_open: CircuitBreaker, frozen_time: FrozenTime
    ) -> None:
        fail(half_open)
        frozen_time.tick(4.9)
        assert half_open.state == "open"

    def test_a_circuit_that_has_closed_again_counts_from_nothing(
        self, half_open: CircuitBreaker
    ) -> None:
        attempt(half_open)
        fail(half_open, 2)
        assert half_open.state == "closed"

    def test_a_probe_whose_caller_goes_away_leaves_the_next_one_to_probe(
        self, half_open: CircuitBreaker
    ) -> None:
        with pytest.raises(asyncio.CancelledError):
            attempt(half_open, asyncio.CancelledError)
        attempt(half_open)
        assert half_open.state == "closed"


class AnyHistory(RuleBasedStateMachine):
    """Attempts begin and end in any order, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self._frozen = frozen()
        self._time = self._frozen.__enter__()
        self.breaker = CircuitBreaker(POLICY)
        self.running: list[tuple[object, str]] = []

    def teardown(self) -> None:
        self._frozen.__exit__(None, None, None)

    @rule()
    def begin(self) -> None:
        state, running = self.breaker.state, self.breaker.attempt(is_failure)
        probes = [begun_in for _, begun_in in self.running if begun_in == "half_open"]
        admits = self.breaker.admits
        try:
            running.__enter__()
        except CircuitOpen:
            assert not admits
            assert state != "closed"
            return
        assert admits
        assert state == "closed" or (state == "half_open" and not probes)
        self.running.append((running, state))

    @rule(
        index=st.integers(0, 20),
        outcome=st.sampled_from([None, Failure, Refusal, KeyboardInterrupt]),
    )
    def end(self, index: int, outcome: type[BaseException] | None) -> None:
        if not self.running:
            return
        running, begun_in = self.running.pop(index % len(self.running))
        before = self.breaker.state
        error = outcome() if outcome else None
        with suppress(Failure, Refusal, KeyboardInterrupt):
            running.__exit__(outcome, error, None)  # type: ignore[attr-defined]
        if begun_in == "half_open" and outcome is not KeyboardInterrupt:
            assert self.breaker.state == ("open" if outcome is Failure else "closed")
        elif before != "closed":
            assert self.breaker.state == before

    @rule(seconds=st.floats(0, 10))
    def pass_time(self, seconds: float) -> None:
        self._time.tick(seconds)

    @invariant()
    def it_says_a_time_to_come_back(self) -> None:
        assert 1 <= self.breaker.retry_after_seconds <= 5


def test_any_history_keeps_the_rules() -> None:
    run_state_machine_as_test(AnyHistory)


def test_gauge_shows_the_state_at_each_scrape() -> None:
    registry = CollectorRegistry()
    breaker = CircuitBreaker(POLICY)
    BreakerGauge(registry).watch("lookups", breaker)

    def value() -> float | None:
        return registry.get_sample_value("circuit_breaker_state", {"calls": "lookups"})

    assert value() == 0
    fail(breaker, POLICY.failures)
    assert value() == 2
