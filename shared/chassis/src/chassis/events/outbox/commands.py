"""`python -m app relay` and `python -m app outbox ...`, for the command line of any publisher."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import structlog
import typer
from prometheus_client import CollectorRegistry, start_http_server
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.events.outbox import administration
from chassis.events.outbox.administration import Failing, NotParked, Overview, Parked
from chassis.events.outbox.process import RelayProcess
from chassis.events.outbox.settings import PublisherSettings
from chassis.events.outbox.subscribers import remove_subscriber
from chassis.events.outbox.transport import IssueToken
from chassis.ops.cli import ResultT, fail, in_transaction, settings_or_exit, with_database
from chassis.ops.logs import configure_logging

logger = structlog.get_logger(__name__)

PublisherSettingsT = TypeVar("PublisherSettingsT", bound=PublisherSettings)

_TIME = "%Y-%m-%d %H:%M:%S"
_Numbers = Annotated[list[int] | None, typer.Argument(help="The numbers that `list` shows.")]
_Subscriber = Annotated[str | None, typer.Option("--subscriber", help="Only this subscriber.")]


def add_outbox_commands(
    cli: typer.Typer,
    name: str,
    settings_class: type[PublisherSettingsT],
    issue_tokens: Callable[[Database, PublisherSettingsT], IssueToken],
    *,
    source: str,
) -> None:
    """Add `relay` and `outbox` to the command line of the service `name`.

    `issue_tokens` makes what issues the tokens of deliveries.
    """

    @cli.command()
    def relay(
        metrics_port: Annotated[
            int | None,
            typer.Option(min=1, max=65535, help="Serve this process's metrics at this port."),
        ] = None,
    ) -> None:
        """Deliver events until SIGTERM or Ctrl-C. Any number of these may run, in addition to `serve` or not."""
        settings = settings_or_exit(settings_class)
        if not settings.events_subscribers:
            prefix = settings_class.model_config.get("env_prefix", "")
            fail(f"{prefix}EVENTS_SUBSCRIBERS is required: it names the services that get events.")
        configure_logging(settings, name)
        registry = CollectorRegistry()
        if metrics_port is not None:
            start_http_server(metrics_port, settings.host, registry)

        async def deliver(database: Database) -> None:
            tokens = issue_tokens(database, settings)
            async with RelayProcess(settings, database, tokens, registry, source=source).running():
                logger.info("relay_started")
                await _until_signalled()
                logger.info("relay_stopping")

        with_database(settings, deliver)

    cli.add_typer(_outbox_cli(settings_class), name="outbox")


async def _until_signalled() -> None:
    is_signalled = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, is_signalled.set)
    await is_signalled.wait()


def _outbox_cli(settings_class: type[PublisherSettings]) -> typer.Typer:
    cli = typer.Typer(help="Events that wait, and events that were refused.", no_args_is_help=True)
    for add in (_add_list, _add_retry, _add_discard, _add_remove_subscriber):
        add(cli, settings_class)
    return cli


def _add_list(cli: typer.Typer, settings_class: type[PublisherSettings]) -> None:
    @cli.command("list")
    def list_events(
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="Rows of each table.")] = 20,
        subscriber: _Subscriber = None,
    ) -> None:
        """Show how many events wait for each subscriber, which deliveries fail, and which events were refused."""

        async def look(database: Database) -> tuple[list[Overview], list[Failing], list[Parked]]:
            session = database.read_session()
            return (
                await administration.overview(session),
                await administration.failing_streams(session, limit=limit, subscriber=subscriber),
                await administration.parked_events(session, limit=limit, subscriber=subscriber),
            )

        seen, failing, parked = with_database(settings_or_exit(settings_class), look)
        _show([each for each in seen if subscriber in (None, each.subscriber)], failing, parked)


def _add_retry(cli: typer.Typer, settings_class: type[PublisherSettings]) -> None:
    @cli.command()
    def retry(
        numbers: _Numbers = None,
        every: Annotated[
            bool, typer.Option("--all", help="All parked events, and failing streams at once.")
        ] = False,
        subscriber: _Subscriber = None,
    ) -> None:
        """Deliver parked events again, and the later events of the same subjects after them."""
        chosen = _chosen(numbers, every)

        async def act(session: WriteSession) -> tuple[int, int]:
            hurried = await administration.retry_failing(session, subscriber) if every else 0
            return await administration.retry(session, chosen, subscriber), hurried

        retried, hurried = _change_parked(settings_class, act)
        failing = f" {hurried} failing streams are tried at once." if every else ""
        typer.echo(f"{retried} events will be delivered again.{failing}")


def _add_discard(cli: typer.Typer, settings_class: type[PublisherSettings]) -> None:
    @cli.command()
    def discard(
        numbers: _Numbers = None,
        every: Annotated[bool, typer.Option("--all", help="All parked events.")] = False,
        yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
        subscriber: _Subscriber = None,
    ) -> None:
        """Give parked events up. The next event of the same subject carries all that they would have."""
        chosen = _chosen(numbers, every)
        if not yes:
            which = "all parked events" if every else f"{len(set(chosen or ()))} parked events"
            typer.confirm(f"Discard {which}?", abort=True)
        count = _change_parked(
            settings_class, lambda session: administration.discard(session, chosen, subscriber)
        )
        typer.echo(f"{count} events discarded.")


def _add_remove_subscriber(cli: typer.Typer, settings_class: type[PublisherSettings]) -> None:
    @cli.command("remove-subscriber")
    def remove(
        name: Annotated[str, typer.Argument(help="A subscriber that the settings don't name.")],
    ) -> None:
        """Forget a subscriber and its position. Take it out of the settings of every process first."""
        settings = settings_or_exit(settings_class)
        if name in settings.subscriber_names:
            fail(f"{name} is in the settings: a relay would register it again.")
        if not in_transaction(settings, lambda session: remove_subscriber(session, name)):
            fail(f"no subscriber is called {name}.")
        typer.echo(f"{name} gets no more events.")


def _change_parked(
    settings_class: type[PublisherSettings], action: Callable[[WriteSession], Awaitable[ResultT]]
) -> ResultT:
    try:
        return in_transaction(settings_or_exit(settings_class), action)
    except NotParked:
        fail("one of these numbers isn't the number of a parked event; nothing was changed.")


def _chosen(numbers: list[int] | None, every: bool) -> list[int] | None:
    if bool(numbers) == every:
        fail("name the events by their numbers, or give --all.")
    return None if every else numbers


def _show(seen: Sequence[Overview], failing: Sequence[Failing], parked: Sequence[Parked]) -> None:
    console = Console()
    for each in seen:
        oldest = f", the oldest since {each.oldest:{_TIME}} UTC" if each.oldest else ""
        console.print(
            f"{each.subscriber}: {each.pending} pending{oldest}; "
            f"{each.failing} failing; {each.parked} parked."
        )
    if not seen:
        console.print("No subscriber is registered: a relay registers the ones of its settings.")
    if failing:
        console.print(_failing_table(failing))
    if parked:
        console.print(_parked_table(parked))
        console.print(
            "`outbox retry` delivers parked events again, `outbox discard` gives them up."
        )


def _failing_table(streams: Sequence[Failing]) -> Table:
    columns = ("Subscriber", "Subject", "Failures", "Next try (UTC)", "Last error")
    table = Table(*columns, title="Failing")
    for stream in streams:
        row = (stream.subscriber, str(stream.aggregate_id), str(stream.failures))
        # As a `Text`: in a string, rich would interpret brackets as its own markup.
        table.add_row(*row, f"{stream.due_at:{_TIME}}", Text(stream.last_error or ""))
    return table


def _parked_table(events: Sequence[Parked]) -> Table:
    columns = ("No.", "Subscriber", "Subject", "Event", "Version", "Parked at (UTC)", "Reason")
    table = Table(*columns, title="Parked")
    for event in events:
        row = (str(event.number), event.subscriber, str(event.aggregate_id), event.type)
        time = f"{event.parked_at:{_TIME}}"
        table.add_row(*row, str(event.version), time, Text(event.reason))
    return table
