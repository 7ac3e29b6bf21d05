"""Prometheus metrics of one app. Each app has a registry of its own, so that several can live in one process."""

import os
from collections.abc import Awaitable, Callable

import anyio
import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from chassis.web.state import ServiceState, get_state

logger = structlog.get_logger(__name__)
# Otherwise there are twice as many series, and no query reads them.
disable_created_metrics()  # type: ignore[no-untyped-call]

Measure = Callable[[ServiceState], Awaitable[None]]
"""Sets gauges to their current values. It may raise, and marks them as unknown (NaN) before it does."""

_MEASURE_SECONDS = 2.0
# A client may send any word as the method; unknown ones share one series.
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class HttpMetrics:
    """Counts and times requests by route template, never by path: the number of series stays bounded."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._requests = Counter(
            "http_requests_total",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time from the first byte of a request to the last byte of its answer.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._measures: list[Measure] = []

    def measure_by(self, measure: Measure) -> None:
        """Call `measure` before each answer of `/metrics`, for what isn't counted as it happens."""
        self._measures.append(measure)

    async def measured(self, state: ServiceState) -> bytes:
        """All series, in Prometheus's text format."""
        for measure in self._measures:
            try:
                with anyio.fail_after(_MEASURE_SECONDS):
                    await measure(state)
            except Exception as error:  # noqa: BLE001 - the other metrics are valid
                logger.warning("metrics_not_measured", reason=f"{type(error).__name__}: {error}")
        return generate_latest(self.registry)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        if method not in _METHODS:
            method = "other"
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:  # `labels` takes several times as long as this look-up
            children = self._children[key] = (
                self._requests.labels(method, route, str(status)),
                self._seconds.labels(method, route),
            )
        counter, histogram = children
        counter.inc()
        histogram.observe(seconds)


def publish_build_info(registry: CollectorRegistry, version: str) -> None:
    """`service_build_info`, whose labels show which build a replica runs."""
    gauge = Gauge(
        "service_build_info",
        "1, with the version of the API and the commit that the image was built from.",
        ("version", "revision"),
        registry=registry,
    )
    gauge.labels(version, os.environ.get("SERVICE_REVISION", "unknown")).set(1)


def metrics_router(metrics: HttpMetrics) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/metrics", summary="Metrics for Prometheus", include_in_schema=False)
    async def read_metrics(request: Request) -> Response:
        text = await metrics.measured(get_state(request))
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return router
