"""The circuit breaker, with time that stands still."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from prometheus_client import CollectorRegistry

from chassis.http.circuit_breaker import BreakerPolicy, CircuitBreaker, CircuitOpen
from chassis.http.provider import CallMetrics
from service_testing.frozen_time import FrozenTime, frozen

POLICY = BreakerPolicy(failures=3, recent_seconds=30, open_seconds=5)


class Failure(Exception):
    """The service didn't respond."""


class Refusal(Exception):
    """The service responded with a refusal."""


def is_failure(error: BaseException) -> bool:
    return isinstance(error, Failure)


def attempt(breaker: CircuitBreaker, outcome: type[BaseException] | None = None) -> None:
    with breaker.attempt(is_failure):
        if outcome:
            raise outcome


def fail(breaker: CircuitBreaker, times: int = 1, kind: type[BaseException] = Failure) -> None:
    for _ in range(times):
        with pytest.raises(kind):
            attempt(breaker, kind)


@pytest.fixture
def breaker(frozen_time: FrozenTime) -> CircuitBreaker:
    return CircuitBreaker(POLICY)


@pytest.fixture
def half_open(breaker: CircuitBreaker, frozen_time: FrozenTime) -> CircuitBreaker:
    fail(breaker, 3)
    frozen_time.tick(5)
    return breaker


class TestClosed:
    def test_circuit_opens_at_the_last_failure_of_the_policy(self, breaker: CircuitBreaker) -> None:
        states = []
        for _ in range(3):
            fail(breaker)
            states.append(breaker.state)
        assert states == ["closed", "closed", "open"]

    @pytest.mark.parametrize(("successes", "state"), [(1, "open"), (2, "closed")])
    def test_circuit_opens_if_half_of_the_calls_fail(
        self, breaker: CircuitBreaker, successes: int, state: str
    ) -> None:
        for _ in range(3):
            for _ in range(successes):
                attempt(breaker)
            fail(breaker)
        assert breaker.state == state

    def test_old_failures_do_not_count(
        self, breaker: CircuitBreaker, frozen_time: FrozenTime
    ) -> None:
        fail(breaker, 2)
        frozen_time.tick(31)
        fail(breaker, 2)
        assert breaker.state == "closed"

    def test_refusals_are_no_failures(self, breaker: CircuitBreaker) -> None:
        fail(breaker, 20, Refusal)
        assert breaker.state == "closed"

    def test_callers_who_go_away_do_not_count(self, breaker: CircuitBreaker) -> None:
        fail(breaker, 2)
        fail(breaker, 20, asyncio.CancelledError)
        fail(breaker)
        assert breaker.state == "open"


class TestOpen:
    def test_open_circuit_makes_no_attempt(
        self, breaker: CircuitBreaker, frozen_time: FrozenTime
    ) -> None:
        fail(breaker, 3)
        frozen_time.tick(1.5)
        with pytest.raises(CircuitOpen):
            attempt(breaker, Failure)
        assert breaker.retry_after_seconds == 4

    def test_call_from_before_the_opening_does_not_count(
        self, breaker: CircuitBreaker, frozen_time: FrozenTime
    ) -> None:
        slow = breaker.attempt(is_failure)
        slow.__enter__()
        fail(breaker, 3)
        frozen_time.tick(5)
        slow.__exit__(None, None, None)
        assert breaker.state == "half_open"


class TestHalfOpen:
    def test_half_open_circuit_allows_one_probe(self, half_open: CircuitBreaker) -> None:
        with half_open.attempt(is_failure):
            assert not half_open.admits
            for _ in range(50):
                with pytest.raises(CircuitOpen):
                    attempt(half_open)
            assert half_open.retry_after_seconds == 1
        assert half_open.state == "closed"

    def test_refused_probe_closes_the_circuit(self, half_open: CircuitBreaker) -> None:
        fail(half_open, kind=Refusal)
        assert half_open.state == "closed"

    def test_failed_probe_opens_the_circuit_again(
        self, half_open: CircuitBreaker, frozen_time: FrozenTime
    ) -> None:
        fail(half_open)
        frozen_time.tick(4.9)
        assert half_open.state == "open"

    def test_closed_circuit_counts_from_zero(self, half_open: CircuitBreaker) -> None:
        attempt(half_open)
        fail(half_open, 2)
        assert half_open.state == "closed"

    def test_cancelled_probe_allows_another(self, half_open: CircuitBreaker) -> None:
        fail(half_open, kind=asyncio.CancelledError)
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
    def retry_after_is_within_the_policy(self) -> None:
        assert 1 <= self.breaker.retry_after_seconds <= 5


def test_any_history_follows_the_rules() -> None:
    run_state_machine_as_test(AnyHistory)


def test_gauge_shows_the_state_at_each_scrape() -> None:
    registry = CollectorRegistry()
    breaker = CircuitBreaker(POLICY)
    CallMetrics(registry).watch("lookups", breaker)

    def value() -> float | None:
        return registry.get_sample_value("circuit_breaker_state", {"calls": "lookups"})

    assert value() == 0
    fail(breaker, POLICY.failures)
    assert value() == 2
