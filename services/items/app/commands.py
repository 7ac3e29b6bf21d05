"""The items service's own commands, beside those that every service has."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, TypeVar

import typer

from app import pruning
from app.database import MIGRATIONS, open_database
from app.main import create_app
from app.settings import ItemsSettings
from chassis.cli import run_async, service_cli, settings_or_exit
from chassis.database import Database

cli = service_cli("items", ItemsSettings, create_app, MIGRATIONS)

ResultT = TypeVar("ResultT")


@cli.command()
def prune(
    keep_days: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=36_500,
            help="Keep what came less than this many days ago; by default ITEMS_EVENTS_KEEP_DAYS.",
        ),
    ] = None,
) -> None:
    """Forget received events that are old. The service does so by itself, every hour."""
    settings = settings_or_exit(ItemsSettings)
    keep = timedelta(days=settings.events_keep_days if keep_days is None else keep_days)
    deleted = _with_database(settings, lambda database: pruning.prune_all(database, keep=keep))
    typer.echo(f"Forgot {deleted} received events.")


def _with_database(
    settings: ItemsSettings, action: Callable[[Database], Awaitable[ResultT]]
) -> ResultT:
    async def main() -> ResultT:
        database = open_database(settings)
        try:
            return await action(database)
        finally:
            await database.aclose()

    return run_async(main)
