"""When a relay calls its subscriber, and when it pauses."""

import random
import time

import pytest

from chassis.events.outbox.gate import STREAMS_THAT_TELL, State, SubscriberGate
from service_testing.frozen_time import FrozenTime


@pytest.fixture
def gate(frozen_time: FrozenTime, monkeypatch: pytest.MonkeyPatch) -> SubscriberGate:
    """Its pauses are the longest that jitter allows."""
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    return SubscriberGate(most_pause_seconds=30)


def close(gate: SubscriberGate) -> None:
    for aggregate_id in range(STREAMS_THAT_TELL):
        gate.failed(aggregate_id)


class TestOpen:
    def test_gate_is_open_at_first(self, gate: SubscriberGate) -> None:
        assert (gate.state, gate.is_open, gate.pause_seconds) == (State.OPEN, True, 0)

    def test_failures_with_a_success_between_do_not_close_it(self, gate: SubscriberGate) -> None:
        for aggregate_id in range(100):
            gate.failed(aggregate_id)
            assert gate.answered() is False
        assert gate.is_open

    def test_failures_of_some_streams_close_it_once(self, gate: SubscriberGate) -> None:
        assert [gate.failed(aggregate_id) for aggregate_id in range(5)] == [
            False,
            False,
            True,
            False,
            False,
        ]
        assert (gate.state, gate.pauses_in_a_row) == (State.PAUSED, 1)


class TestPause:
    def test_pause_ends_with_a_probe(self, gate: SubscriberGate, frozen_time: FrozenTime) -> None:
        close(gate)
        assert gate.pause_seconds == 0.5
        frozen_time.tick(0.49)
        assert gate.state is State.PAUSED
        frozen_time.tick(0.01)
        assert (gate.state, gate.pause_seconds) == (State.PROBING, 0)

    def test_pause_doubles_with_each_probe_that_fails(
        self, gate: SubscriberGate, frozen_time: FrozenTime
    ) -> None:
        close(gate)
        pauses = []
        for _ in range(8):
            pauses.append(gate.pause_seconds)
            frozen_time.tick(gate.pause_seconds)
            assert gate.failed(1) is True
        assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]

    def test_late_failures_do_not_lengthen_the_pause(self, gate: SubscriberGate) -> None:
        close(gate)
        for aggregate_id in range(100):
            gate.failed(aggregate_id)
        assert (gate.pause_seconds, gate.pauses_in_a_row) == (0.5, 1)

    def test_successful_probe_opens_it_and_resets_the_pause(
        self, gate: SubscriberGate, frozen_time: FrozenTime
    ) -> None:
        close(gate)
        frozen_time.tick(0.5)
        gate.failed(1)
        frozen_time.tick(1)
        assert gate.answered() is True
        assert gate.is_open
        close(gate)
        assert gate.pause_seconds == 0.5

    def test_success_under_way_opens_it_before_the_pause_is_over(
        self, gate: SubscriberGate
    ) -> None:
        close(gate)
        assert gate.answered() is True
        assert gate.is_open

    def test_step_of_the_clock_changes_no_pause(
        self, gate: SubscriberGate, frozen_time: FrozenTime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
        close(gate)
        for hours in (1, -2):
            frozen_time.tick(hours=hours)
            assert (gate.state, gate.pause_seconds) == (State.PAUSED, 0.5)


class TestFailureOfTheRelay:
    def test_one_failure_that_is_due_to_the_relay_closes_it(self, gate: SubscriberGate) -> None:
        assert gate.failed(7, is_due_to_relay=True) is True
        assert gate.pause_seconds == 0.5


class TestRetryAfter:
    def test_one_failure_that_asks_for_a_pause_closes_it(self, gate: SubscriberGate) -> None:
        assert gate.failed(7, 20) is True
        assert gate.pause_seconds == 20

    def test_request_for_less_than_the_backoff_is_none(
        self, gate: SubscriberGate, frozen_time: FrozenTime
    ) -> None:
        close(gate)
        frozen_time.tick(0.5)
        gate.failed(1, 0)
        assert gate.pause_seconds == 1
