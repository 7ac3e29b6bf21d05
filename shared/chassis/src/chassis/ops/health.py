"""Liveness, readiness, and the gauges of a replica."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio
import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Gauge
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.pool import QueuePool

from chassis.ops.metrics import Measure
from chassis.web.state import ServiceState, get_database, get_state

logger = structlog.get_logger(__name__)

_CHECK_TIMEOUT_SECONDS = 2.0
_SCHEMA_VERSION = text("SELECT version_num FROM alembic_version")


@dataclass
class Lifecycle:
    """Whether the process is about to end. Until then it serves requests, but isn't ready."""

    is_stopping: bool = False
    is_out_of_memory: bool = False
    """A request raised a MemoryError: the process ends soon, to be started again."""


Check = Callable[[ServiceState], Awaitable[str]]
"""Returns "ok", or a word for what is missing. An exception means "unavailable"."""


class Liveness(BaseModel):
    status: Literal["ok"]


class Readiness(BaseModel):
    status: Literal["ok", "unavailable", "stopping"]
    checks: dict[str, str]


def database_check(migrations: Path | None) -> Check:
    """Ready means reachable, not read-only, and with a schema that isn't older than the folder's last migration."""
    needed = max(
        (path.stem[:4] for path in (migrations or Path()).glob("versions/0*.py")), default=""
    )

    async def check(state: ServiceState) -> str:
        # Alembic's own table. The migrations are numbered.
        database = get_database(state)
        version: str | None = await database.read_session().run(
            lambda connection: connection.scalar(_SCHEMA_VERSION)
        )
        if not version:
            return "not_migrated"
        if version < needed:
            return "schema_too_old"
        return "read_only" if await database.refuses_writes() else "ok"

    return check


async def run_checks(
    state: ServiceState, checks: Mapping[str, Check], lifecycle: Lifecycle
) -> Readiness:
    """Whether the service can serve requests, and if not, why."""
    if lifecycle.is_stopping or lifecycle.is_out_of_memory:
        return Readiness(status="stopping", checks={})
    results = {name: await _run(name, check, state) for name, check in checks.items()}
    is_ready = all(result == "ok" for result in results.values())
    return Readiness(status="ok" if is_ready else "unavailable", checks=results)


def health_router(checks: Mapping[str, Check], lifecycle: Lifecycle) -> APIRouter:
    router = APIRouter(prefix="/health", tags=["operations"])

    @router.get("/live", summary="Is the process alive?")
    async def read_liveness() -> Liveness:
        return Liveness(status="ok")

    @router.get(
        "/ready",
        summary="Can it serve requests?",
        responses={503: {"model": Readiness, "description": "Not ready; `checks` has the reason."}},
    )
    async def read_readiness(request: Request, response: Response) -> Readiness:
        found = await run_checks(get_state(request), checks, lifecycle)
        response.status_code = 200 if found.status == "ok" else 503
        return found

    return router


async def _run(name: str, check: Check, state: ServiceState) -> str:
    try:
        with anyio.fail_after(_CHECK_TIMEOUT_SECONDS):
            return await check(state)
    except Exception as error:  # noqa: BLE001 - any failure means not ready
        logger.warning("not_ready", check=name, reason=f"{type(error).__name__}: {error}")
        return "unavailable"


def measure_readiness(
    checks: Mapping[str, Check], lifecycle: Lifecycle, registry: CollectorRegistry
) -> Measure:
    """A gauge of the status of `/health/ready`."""
    gauge = Gauge("service_ready", "1 while /health/ready answers 200, else 0.", registry=registry)

    async def measure(state: ServiceState) -> None:
        gauge.set(0)  # stays when the checks take too long
        gauge.set((await run_checks(state, checks, lifecycle)).status == "ok")

    return measure


def measure_connections(registry: CollectorRegistry) -> Measure:
    """Gauges of the two connection pools: a pool is exhausted when in use equals the limit."""
    in_use = Gauge(
        "database_connections_in_use",
        "Connections that are in use now.",
        ("pool",),
        registry=registry,
    )
    limit = Gauge(
        "database_connections_limit",
        "Connections that the pool may open; further requests wait.",
        ("pool",),
        registry=registry,
    )

    async def measure(state: ServiceState) -> None:
        database = get_database(state)
        for name, engine in (("write", database.write_engine), ("read", database.read_engine)):
            if isinstance(engine.pool, QueuePool):
                in_use.labels(name).set(engine.pool.checkedout())
                limit.labels(name).set(engine.pool.size())

    return measure
