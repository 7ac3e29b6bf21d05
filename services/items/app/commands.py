"""The items service's own commands, beside those that every service has."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from app import pruning
from app.database import MIGRATIONS
from app.main import create_app
from app.resync import Progress, TooManyDeletions
from app.resync import resync as read_all
from app.settings import ItemsSettings
from app.users_directory import DirectoryFailed, open_directory
from chassis.db.database import Database
from chassis.ops.cli import fail, service_cli, settings_or_exit, with_database

cli = service_cli("items", ItemsSettings, create_app, MIGRATIONS)


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
    deleted = with_database(settings, lambda database: pruning.prune_all(database, keep=keep))
    typer.echo(f"Forgot {deleted} received events.")


@cli.command()
def resync(
    max_deletions: Annotated[
        int,
        typer.Option(min=0, help="Delete nobody if users lacks more of this service's owners."),
    ] = 100,
) -> None:
    """Read all users from the users service, while this one may be running.

    Owners take what is newer; those whom users has no more are deleted, with their items. It
    may be ended at any time and run again.
    """
    settings = settings_or_exit(ItemsSettings)
    if settings.users_client_id is None or settings.users_client_secret is None:
        fail("ITEMS_USERS_CLIENT_ID and ITEMS_USERS_CLIENT_SECRET are required for this.")
    try:
        done = with_database(settings, lambda database: _resync(database, settings, max_deletions))
    except DirectoryFailed as error:
        fail(f"{error} What was read stays, nobody was deleted; run it again.")
    except TooManyDeletions as error:
        fail(
            f"users lacks {error.count} of this service's owners, and nobody was deleted. If that is "
            f"right, run it again with --max-deletions {error.count}."
        )
    typer.echo(f"Read {done.users} users: {done.changed} changed, {done.deleted} deleted.")


async def _resync(database: Database, settings: ItemsSettings, max_deletions: int) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with RichProgress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as display:
        task = display.add_task("Asking the users service", total=None)

        def show(now: Progress) -> None:
            text = f"{now.users} users read, {now.changed} changed, {now.deleted} deleted"
            display.update(task, description=text)

        async with open_directory(settings) as directory:
            return await read_all(
                database, directory, max_deletions=max_deletions, on_progress=show
            )
