"""Gauges of a replica: whether it is ready, and how many database connections it uses."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy.pool import QueuePool

from chassis.ops.health import Check, Lifecycle, run_checks
from chassis.ops.metrics import Measure
from chassis.web.state import ServiceState


def measure_readiness(
    checks: Mapping[str, Check], lifecycle: Lifecycle, registry: CollectorRegistry
) -> Measure:
    """A gauge of the answer of `/health/ready`."""
    gauge = Gauge("ready", "1 while /health/ready answers 200, else 0.", registry=registry)

    async def measure(state: ServiceState) -> None:
        gauge.set(0)  # stays when the checks take too long
        gauge.set((await run_checks(state, checks, lifecycle)).status == "ok")

    return measure


def measure_connections(registry: CollectorRegistry) -> Measure:
    """Gauges of the two connection pools: a pool is exhausted when in use equals the limit."""
    in_use = Gauge(
        "database_connections_in_use",
        "Connections that a request or background work holds right now.",
        ("pool",),
        registry=registry,
    )
    limit = Gauge(
        "database_connections_limit",
        "Connections that the pool may hold; further requests wait.",
        ("pool",),
        registry=registry,
    )

    async def measure(state: ServiceState) -> None:
        database = state.database
        for name, engine in (("write", database.write_engine), ("read", database.read_engine)):
            if isinstance(engine.pool, QueuePool):
                in_use.labels(name).set(engine.pool.checkedout())
                limit.labels(name).set(engine.pool.size())

    return measure
