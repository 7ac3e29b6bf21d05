"""The background work of a process."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from prometheus_client import CollectorRegistry

from app.jobs import item_removal, pruning
from app.settings import ItemsSettings
from chassis.db.database import Database
from chassis.ops.background import BackgroundTasks


@asynccontextmanager
async def housekeeping(
    settings: ItemsSettings, database: Database, registry: CollectorRegistry
) -> AsyncIterator[Callable[[], None]]:
    """Work until the end of the block, if the settings ask for it.

    Yields a function to call when there are items to delete.
    """
    tasks = BackgroundTasks(registry, stop_seconds=settings.shutdown_seconds)

    async def remove_items() -> float:
        return await item_removal.remove_some(database)

    async def prune_events() -> float:
        keep = timedelta(days=settings.events_keep_days)
        return 0 if await pruning.prune_some(database, keep=keep) else pruning.PAUSE_SECONDS

    wake = _leave_it_to_another_process
    if settings.background:
        tasks.add("prune_events", prune_events)
        wake = tasks.add("remove_items", remove_items).wake
    async with tasks.running():
        yield wake


def _leave_it_to_another_process() -> None:
    """Another process finds the removal in the database."""
