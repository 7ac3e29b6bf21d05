"""The metric of circuit breakers."""

from prometheus_client import CollectorRegistry, Gauge

from chassis.http.circuit_breaker import CircuitBreaker

_STATES = {"closed": 0, "half_open": 1, "open": 2}


class BreakerGauge:
    """`circuit_breaker_state{calls}`, for each breaker that is watched."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._gauge = Gauge(
            "circuit_breaker_state",
            "State of the circuit breaker: 0 closed, 1 half-open, 2 open.",
            ("calls",),
            registry=registry,
        )

    def watch(self, calls: str, breaker: CircuitBreaker) -> None:
        self._gauge.labels(calls).set_function(lambda: _STATES[breaker.state])
