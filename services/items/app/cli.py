"""The command line of the items service: its own commands, and those of every service."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console

from app.clients.users_directory import DirectoryFailed, open_directory
from app.database import MIGRATIONS
from app.events.inbox import open_inbox
from app.jobs import pruning
from app.jobs.demo import create_items
from app.jobs.resync import Progress, TooManyDeletions
from app.jobs.resync import resync as read_all
from app.main import create_app
from app.models import metadata
from app.settings import ItemsSettings
from chassis.db.database import Database
from chassis.events.commands import add_consumer_commands
from chassis.ops.backups import add_after_restore, add_backup, add_subscriber_state
from chassis.ops.cli import database_cli, fail, in_transaction, settings_or_exit, with_database

cli = database_cli("items", ItemsSettings, create_app, MIGRATIONS)
add_consumer_commands(cli, "items", ItemsSettings, open_inbox)
add_backup(cli, ItemsSettings)
add_after_restore(cli, ItemsSettings)
add_subscriber_state(cli, ItemsSettings, "items", {"users": metadata.tables["owners"]})

_NAMED_IDS = 20
"""How many ids a warning names."""


@cli.command()
def prune(
    keep_days: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=36_500,
            help="Keep the events of this many days; by default ITEMS_EVENTS_KEEP_DAYS.",
        ),
    ] = None,
) -> None:
    """Delete old received events, and answers to requests with an `Idempotency-Key` after a day.

    The running service does this every hour.
    """
    settings = settings_or_exit(ItemsSettings)
    keep = timedelta(days=settings.events_keep_days if keep_days is None else keep_days)
    deleted = with_database(settings, lambda database: pruning.prune_all(database, keep=keep))
    typer.echo(f"Deleted {deleted} received events and stored answers.")


@cli.command()
def demo() -> None:
    """Create made-up items in a new database, in development only."""
    settings = settings_or_exit(ItemsSettings)
    if settings.environment != "development":
        fail("ITEMS_ENVIRONMENT must be development for made-up items.")
    count = in_transaction(settings, create_items)
    typer.echo(f"Created {count} items." if count else "The database has owners already.")


@cli.command()
def resync(
    max_deletions: Annotated[
        int,
        typer.Option(min=0, help="Delete no owner if more than this are missing in users."),
    ] = 100,
) -> None:
    """Read all users from the users service. The service may run at the same time.

    Newer states are stored. Owners that no longer exist in users are deleted, with their items.
    You may stop the command at any time and run it again.
    """
    settings = settings_or_exit(ItemsSettings)
    if settings.users_client_id is None or settings.users_client_secret is None:
        fail("ITEMS_USERS_CLIENT_ID and ITEMS_USERS_CLIENT_SECRET are required for this.")
    try:
        done = with_database(settings, lambda database: _resync(database, settings, max_deletions))
    except DirectoryFailed as error:
        fail(f"{error} What was read is stored, and no owner was deleted. Run the command again.")
    except TooManyDeletions as error:
        fail(
            f"{error.count} owners are missing in users, and none was deleted. If that is correct, "
            f"run the command again with --max-deletions {error.count}."
        )
    typer.echo(f"Read {done.users} users: {done.changed} changed, {done.deleted} deleted.")
    _warn(done.newer_ids, "are newer here than in users")
    _warn(done.deleted_ids, "exist in users, and are deleted here for ever")


def _warn(owner_ids: list[int], fact: str) -> None:
    if not owner_ids:
        return
    named = ", ".join(map(str, owner_ids[:_NAMED_IDS]))
    typer.echo(
        f"warning: {len(owner_ids)} owners {fact}, such as {named}. If the next run names them too, users "
        "was restored from a backup without its `after-restore`.",
        err=True,
    )


async def _resync(database: Database, settings: ItemsSettings, max_deletions: int) -> Progress:
    with Console(stderr=True).status("Reading from the users service") as status:

        def show(now: Progress) -> None:
            status.update(f"{now.users} users read, {now.changed} changed, {now.deleted} deleted")

        async with open_directory(settings) as directory:
            return await read_all(
                database, directory, max_deletions=max_deletions, on_progress=show
            )
