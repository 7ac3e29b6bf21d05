"""The background work of a process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from app.jobs import pruning
from app.settings import UsersSettings
from chassis.db.database import Database
from chassis.ops.background import BackgroundTasks

_PAUSE_SECONDS = 3600.0


@asynccontextmanager
async def housekeeping(
    settings: UsersSettings, database: Database, registry: CollectorRegistry
) -> AsyncIterator[None]:
    """Work until the end of the block, if the settings ask for it."""
    tasks = BackgroundTasks(registry, stop_seconds=settings.shutdown_seconds)

    async def prune() -> float:
        async with database.transaction() as session:
            await pruning.prune(session, keep=pruning.KEEP)
        return _PAUSE_SECONDS

    if settings.background:
        tasks.add("prune", prune)
    async with tasks.running():
        yield
