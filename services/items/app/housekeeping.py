"""What a process of this service does beside its requests."""

from collections.abc import Callable
from datetime import timedelta

from app import pruning, removals
from app.settings import ItemsSettings
from chassis.db.database import Database
from chassis.ops.background import BackgroundTasks


def add_work(
    tasks: BackgroundTasks, settings: ItemsSettings, database: Database
) -> Callable[[], None]:
    """Add this service's work to `tasks`. What to call when there are items to delete."""
    if not settings.background:
        return _nobody_is_there

    async def remove_items() -> float:
        return await removals.remove_some(database)

    async def prune_events() -> float:
        keep = timedelta(days=settings.events_keep_days)
        return 0 if await pruning.prune_some(database, keep=keep) else pruning.PAUSE_SECONDS

    tasks.add("prune_events", prune_events)
    return tasks.add("remove_items", remove_items).wake


def _nobody_is_there() -> None:
    """Another process finds the order in the database."""
