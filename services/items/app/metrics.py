"""What this service counts beside its requests, which the chassis does (names: Prometheus's own rules)."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge

from app.user_events import USER_EVENT_TYPES
from chassis.circuit_breaker import CircuitBreaker
from chassis.events import MalformedEvent
from chassis.guarded_calls import CallFailed

_STATES = {"closed": 0, "half_open": 1, "open": 2}


class UsersMetrics:
    """The calls to the users service."""

    def __init__(self) -> None:
        self._calls = Counter(
            "users_calls_total",
            "Calls to the users service, each attempt counted.",
            ("result",),
            registry=None,
        )
        self._breakers = Gauge(
            "circuit_breaker_state",
            "Whether calls of a kind are made: 0 yes (closed), 1 one to try (half-open), 2 none (open).",
            ("calls",),
            registry=None,
        )

    def register(self, registry: CollectorRegistry) -> None:
        registry.register(self._calls)
        registry.register(self._breakers)

    def watch_breaker(self, calls: str, breaker: CircuitBreaker) -> None:
        self._breakers.labels(calls).set_function(lambda: _STATES[breaker.state])

    @contextmanager
    def counting_call(self) -> Iterator[None]:
        """Count the call that the block makes: as answered, as failed, or as given up by its caller."""
        result = "given_up"
        try:
            yield
            result = "answered"
        except CallFailed:
            result = "failed"
            raise
        finally:
            self._calls.labels(result).inc()


class EventMetrics:
    """The events that came in."""

    def __init__(self) -> None:
        self._received = Counter(
            "events_received_total", "Events received.", ("type", "result"), registry=None
        )

    def register(self, registry: CollectorRegistry) -> None:
        registry.register(self._received)

    def count(self, event_type: str, result: str) -> None:
        # A sender may write any type: those that this service doesn't know share one series.
        known = event_type if event_type in USER_EVENT_TYPES else "other"
        self._received.labels(known, result).inc()

    @contextmanager
    def counting_malformed(self, event_type: str = "other") -> Iterator[None]:
        """Count the event if the block finds it malformed."""
        try:
            yield
        except MalformedEvent:
            self.count(event_type, "malformed")
            raise
