"""Calls to another service: deadline, few retries, circuit breaker (ADR 0021), and their metrics."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import httpx
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from pydantic import BaseModel, ValidationError

from chassis.http.circuit_breaker import CircuitBreaker
from chassis.http.client import send_or_fail, service_client
from chassis.http.guarded_calls import CallFailed, CallGivenUp, CallPolicy, GuardedCalls
from chassis.web.errors import Unavailable

logger = structlog.get_logger(__name__)
BodyT = TypeVar("BodyT", bound=BaseModel)
_BREAKER_STATES = {"closed": 0, "half_open": 1, "open": 2}


class CallMetrics:
    """`calls_total{calls,result}` and `circuit_breaker_state{calls}`."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._calls = Counter(
            "calls_total",
            "Calls to other services, each attempt counted.",
            ("calls", "result"),
            registry=registry,
        )
        self._breakers = Gauge(
            "circuit_breaker_state",
            "State of the circuit breaker: 0 closed, 1 half-open, 2 open.",
            ("calls",),
            registry=registry,
        )

    def watch(self, calls: str, breaker: CircuitBreaker) -> None:
        self._breakers.labels(calls).set_function(lambda: _BREAKER_STATES[breaker.state])

    @contextmanager
    def counting_call(self, calls: str) -> Iterator[None]:
        """Count the call in the block as answered, failed, or given up by its caller."""
        result = "given_up"
        try:
            yield
            result = "answered"
        except CallFailed:
            result = "failed"
            raise
        finally:
            self._calls.labels(calls, result).inc()


class Provider:
    """The calls of one kind to one service. Each method raises this kind's `Unavailable`."""

    def __init__(
        self,
        calls: str,
        http: httpx.AsyncClient,
        policy: CallPolicy,
        unavailable: type[Unavailable],
        metrics: CallMetrics,
    ) -> None:
        """`calls` is the label of their metrics."""
        self._calls = calls
        self._http = http
        self._guarded = GuardedCalls(policy)
        self._unavailable = unavailable
        self._metrics = metrics
        metrics.watch(calls, self._guarded.breaker)

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """A response below 500, within the deadline."""
        try:
            return await self._guarded.call(lambda: self._get_once(path, headers))
        except CallGivenUp as error:
            raise self.failed(str(error), error.retry_after_seconds) from None

    def text(self, response: httpx.Response) -> str:
        """The body of a 200; nothing else is expected."""
        if response.status_code != httpx.codes.OK:
            raise self.failed(f"status {response.status_code}")
        return response.text

    def parsed(self, response: httpx.Response, model: type[BodyT]) -> BodyT:
        """Like `text`, for a body that the model describes."""
        try:
            return model.model_validate_json(self.text(response))
        except ValidationError:
            raise self.failed("an invalid answer") from None

    def failed(self, reason: str, retry_after_seconds: int = 1) -> Unavailable:
        """To raise, for an answer that can't be used."""
        logger.warning("provider_unavailable", calls=self._calls, reason=reason)
        return self._unavailable(headers={"Retry-After": str(retry_after_seconds)})

    async def _get_once(self, path: str, headers: Mapping[str, str] | None) -> httpx.Response:
        with self._metrics.counting_call(self._calls):
            return await send_or_fail(self._http, "GET", path, headers=headers)


@asynccontextmanager
async def open_provider(
    calls: str,
    url: str,
    policy: CallPolicy,
    unavailable: type[Unavailable],
    metrics: CallMetrics,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Provider]:
    """Closed after the block."""
    http = service_client(url, timeout_seconds=policy.deadline_seconds, transport=transport)
    async with http:
        yield Provider(calls, http, policy, unavailable, metrics)
