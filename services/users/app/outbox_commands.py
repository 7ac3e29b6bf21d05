"""`python -m app relay`, and `python -m app outbox …`."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import structlog
import typer
from prometheus_client import CollectorRegistry, start_http_server
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.models import OutboxEvent, OutboxStream
from app.outbox import administration
from app.outbox.administration import NotParked, Overview
from app.outbox.process import RelayProcess
from app.services.access_tokens import TokenIssuer
from app.services.signing_keys import KeyRing
from app.settings import UsersSettings
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.ops.cli import fail, in_transaction, settings_or_exit, with_database
from chassis.ops.logs import configure_logging

logger = structlog.get_logger(__name__)

outbox_cli = typer.Typer(
    help="Events that wait, and events that were refused.", no_args_is_help=True
)

ResultT = TypeVar("ResultT")

_TIME = "%Y-%m-%d %H:%M:%S"
Numbers = Annotated[list[int] | None, typer.Argument(help="Their numbers, as `list` shows them.")]


def relay(
    metrics_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Serve this process's metrics at this port."),
    ] = None,
) -> None:
    """Deliver events until SIGTERM or Ctrl-C. Any number of these may run, beside `serve` or instead of its own."""
    settings = settings_or_exit(UsersSettings)
    if settings.events_sink_url is None:
        fail("EVENTS_SINK_URL is required: it says where events are delivered to.")
    configure_logging(settings, "users")
    registry = CollectorRegistry()
    if metrics_port is not None:
        start_http_server(metrics_port, settings.host, registry)

    async def deliver(database: Database) -> None:
        keys = KeyRing(database, settings)
        issuer = TokenIssuer(
            keys,
            lifetime_seconds=settings.access_token_seconds,
            user_audiences=settings.token_audiences,
        )
        async with RelayProcess(settings, database, issuer, registry).running():
            logger.info("relay_started")
            await _until_signalled()
            logger.info("relay_stopping")

    with_database(settings, deliver)


async def _until_signalled() -> None:
    is_signalled = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, is_signalled.set)
    await is_signalled.wait()


@outbox_cli.command("list")
def list_events(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Rows of each table.")] = 20,
) -> None:
    """Show how many events wait, whose deliveries fail, and which were refused, with the reason."""
    settings = settings_or_exit(UsersSettings)

    async def look(
        database: Database,
    ) -> tuple[Overview, list[OutboxStream], list[OutboxEvent]]:
        async with database.orm_read_session() as session:
            return (
                await administration.overview(session),
                list(await administration.failing_streams(session, limit)),
                list(await administration.parked_events(session, limit)),
            )

    seen, failing, parked = with_database(settings, look)
    console = Console()
    oldest = f", the oldest since {seen.oldest:{_TIME}} UTC" if seen.oldest else ""
    console.print(f"{seen.pending} pending{oldest}; {seen.failing} failing; {seen.parked} parked.")
    if failing:
        console.print(_failing_table(failing))
    if parked:
        console.print(_parked_table(parked))
        console.print(
            "`outbox retry` delivers parked events after all, `outbox discard` deletes them."
        )


@outbox_cli.command()
def retry(
    numbers: Numbers = None,
    every: Annotated[
        bool, typer.Option("--all", help="All of them, and failing ones now.")
    ] = False,
) -> None:
    """Deliver parked events after all.

    Order doesn't matter to a sink that goes by the version: an older event than it knows is passed over.
    """
    settings = settings_or_exit(UsersSettings)
    ids = _chosen(numbers, every)

    async def act(session: WriteSession) -> tuple[int, int]:
        hurried = await administration.retry_failing(session) if every else 0
        return await administration.retry(session, ids), hurried

    retried, hurried = _on_parked(settings, act)
    failing = f" {hurried} failing users' events are tried at once." if every else ""
    typer.echo(f"{retried} events will be delivered again.{failing}")


@outbox_cli.command()
def discard(
    numbers: Numbers = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Delete parked events. The next event of the same user tells the sink all that this one would have."""
    settings = settings_or_exit(UsersSettings)
    ids = _chosen(numbers, every)
    if not yes:
        which = "all parked events" if every else f"{len(set(ids or ()))} parked events"
        typer.confirm(f"Delete {which}?", abort=True)
    deleted = _on_parked(settings, lambda session: administration.discard(session, ids))
    typer.echo(f"{deleted} events deleted.")


def _chosen(numbers: list[int] | None, every: bool) -> list[int] | None:
    if bool(numbers) == every:
        fail("name the events by their numbers, or give --all.")
    return None if every else numbers


def _on_parked(
    settings: UsersSettings, action: Callable[[WriteSession], Awaitable[ResultT]]
) -> ResultT:
    try:
        return in_transaction(settings, action)
    except NotParked:
        fail("one of these numbers is none of a parked event; nothing was changed.")


def _failing_table(streams: list[OutboxStream]) -> Table:
    table = Table("User", "Failures", "Next try (UTC)", "Last error", title="Failing")
    for stream in streams:
        row = (str(stream.user_id), str(stream.failures), f"{stream.due_at:{_TIME}}")
        # As a text: in a string rich would take brackets for its own markup.
        table.add_row(*row, Text(stream.last_error or ""))
    return table


def _parked_table(events: list[OutboxEvent]) -> Table:
    table = Table("No.", "User", "Event", "Version", "Parked at (UTC)", "Reason", title="Parked")
    for event in events:
        row = (str(event.id), str(event.user_id), event.type, str(event.version))
        table.add_row(*row, f"{event.parked_at:{_TIME}}", Text(event.parked_reason or ""))
    return table
