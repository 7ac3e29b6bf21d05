"""What an operator has to know of a replica beside its requests: whether it is ready, and its connections."""

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from chassis.db.database import Database
from chassis.ops.health import Readiness
from chassis.ops.metrics import Measure


def measure_readiness(
    look: Callable[[], Awaitable[Readiness]], registry: CollectorRegistry
) -> Measure:
    """A gauge that says what `/health/ready` would."""
    gauge = Gauge("ready", "1 while /health/ready says so, else 0.", registry=registry)

    async def measure() -> None:
        gauge.set(0)  # also when the look takes too long
        gauge.set((await look()).status == "ok")

    return measure


def watch_connections(database: Database, registry: CollectorRegistry) -> None:
    """Gauges of the two pools, read whenever somebody asks: in use and limit are equal in an exhausted one."""
    in_use = Gauge(
        "database_connections_in_use",
        "Connections that a request or background work holds right now.",
        ("pool",),
        registry=registry,
    )
    limit = Gauge(
        "database_connections_limit",
        "Connections that the pool may hold; whoever comes then waits.",
        ("pool",),
        registry=registry,
    )
    for name, engine in (("write", database.write_engine), ("read", database.read_engine)):
        in_use.labels(name).set_function(_reader(engine, QueuePool.checkedout))
        limit.labels(name).set_function(_reader(engine, QueuePool.size))


def _reader(engine: AsyncEngine, read: Callable[[QueuePool], int]) -> Callable[[], float]:
    def value() -> float:
        # An engine that is disposed of has a new pool.
        pool = engine.pool
        return float(read(pool)) if isinstance(pool, QueuePool) else 0.0

    return value
