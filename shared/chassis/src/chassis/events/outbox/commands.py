"""`python -m app relay` and `python -m app outbox ...`, for the command line of any publisher."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import Annotated, TypeVar

import structlog
import typer
from prometheus_client import CollectorRegistry, start_http_server
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.events.commands import AdminUrl, MetricsPort
from chassis.events.outbox import administration
from chassis.events.outbox.administration import NotParked, Overview
from chassis.events.outbox.models import OutboxEvent, OutboxStream, ParkedEvent
from chassis.events.outbox.process import delivering
from chassis.events.outbox.settings import PublisherSettings
from chassis.events.outbox.subscribers import redeliver, remove_subscriber
from chassis.events.outbox.transport import MAX_RETRY_AFTER_SECONDS, IssueToken
from chassis.ops.cli import (
    ResultT,
    fail,
    in_transaction,
    settings_or_exit,
    until_signalled,
    with_database,
)
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
        metrics_port: MetricsPort = None,
    ) -> None:
        """Deliver events until SIGTERM or Ctrl-C. Any number may run, with or without `serve`."""
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
            async with delivering(settings, database, tokens, registry, source=source):
                logger.info("relay_started")
                await until_signalled()
                logger.info("relay_stopping")

        with_database(settings, deliver)

    outbox = _outbox_cli(settings_class)
    _add_subscriber_commands(outbox, settings_class)
    _add_create_stream(outbox, settings_class, source)
    cli.add_typer(outbox, name="outbox")


def _add_create_stream(
    cli: typer.Typer, settings_class: type[PublisherSettings], source: str
) -> None:
    @cli.command("create-stream")
    def create_stream(
        url: AdminUrl,
        max_age_days: Annotated[int, typer.Option(min=1, help="Delete older events.")] = 7,
        max_bytes: Annotated[
            int, typer.Option(min=1_000_000, help="Refuse events when the stream is this large.")
        ] = 2**30,
    ) -> None:
        """Create this service's stream on NATS, or change its limits."""
        from chassis.events.nats import administration  # noqa: PLC0415 - an extra
        from chassis.events.nats.transport import stream_of  # noqa: PLC0415

        backoff_seconds = settings_or_exit(settings_class).events_max_backoff_seconds
        stream = stream_of(source)
        administration.administer(
            url,
            lambda jetstream: administration.create_stream(
                jetstream,
                stream,
                max_age_seconds=timedelta(days=max_age_days).total_seconds(),
                max_bytes=max_bytes,
                longest_backoff_seconds=max(backoff_seconds, MAX_RETRY_AFTER_SECONDS),
            ),
        )
        typer.echo(f"The stream {stream} keeps events for {max_age_days} days.")


def _outbox_cli(settings_class: type[PublisherSettings]) -> typer.Typer:
    cli = typer.Typer(help="Pending events, and events that were refused.", no_args_is_help=True)

    @cli.command("list")
    def list_events(
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="Rows of each table.")] = 20,
        subscriber: _Subscriber = None,
    ) -> None:
        """Show pending events by subscriber, failing deliveries, and events that were refused."""

        async def look(database: Database) -> None:
            seen = await administration.overview(database.read_session())
            async with database.transaction() as session:
                failing = await administration.failing_streams(
                    session, limit=limit, subscriber=subscriber
                )
                parked = await administration.parked_events(
                    session, limit=limit, subscriber=subscriber
                )
            _show([each for each in seen if subscriber in (None, each.subscriber)], failing, parked)

        with_database(settings_or_exit(settings_class), look)

    @cli.command()
    def retry(
        numbers: _Numbers = None,
        every: Annotated[
            bool, typer.Option("--all", help="All parked events, and at once all that wait.")
        ] = False,
        subscriber: _Subscriber = None,
    ) -> None:
        """Deliver parked events again, and the later events of the same subjects after them."""
        chosen = _chosen(numbers, every)

        async def act(session: WriteSession) -> tuple[int, int]:
            hurried = await administration.retry_waiting(session, subscriber) if every else 0
            return await administration.retry(session, chosen, subscriber), hurried

        retried, hurried = _change_parked(settings_class, act)
        waiting = f" {hurried} waiting streams are due now." if every else ""
        typer.echo(f"{retried} events will be delivered again.{waiting}")

    @cli.command()
    def discard(
        numbers: _Numbers = None,
        every: Annotated[bool, typer.Option("--all", help="All parked events.")] = False,
        yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
        subscriber: _Subscriber = None,
    ) -> None:
        """Delete parked events. The next event of the same subject has the full state, too."""
        chosen = _chosen(numbers, every)
        if not yes:
            which = "all parked events" if every else f"{len(set(chosen or ()))} parked events"
            typer.confirm(f"Discard {which}?", abort=True)
        count = _change_parked(
            settings_class, lambda session: administration.discard(session, chosen, subscriber)
        )
        typer.echo(f"{count} events discarded.")

    return cli


def _add_subscriber_commands(cli: typer.Typer, settings_class: type[PublisherSettings]) -> None:
    @cli.command("remove-subscriber")
    def remove(
        name: Annotated[str, typer.Argument(help="A subscriber that the settings don't name.")],
    ) -> None:
        """Delete a subscriber and its position. First remove it from the settings of every process."""
        settings = settings_or_exit(settings_class)
        if name in settings.subscriber_names:
            fail(f"{name} is in the settings: a relay would register it again.")
        if not in_transaction(settings, lambda session: remove_subscriber(session, name)):
            fail(f"no subscriber is called {name}.")
        typer.echo(f"{name} gets no more events.")

    @cli.command("redeliver")
    def deliver_again(
        name: Annotated[str, typer.Argument(help="The subscriber that has lost events.")],
    ) -> None:
        """Deliver every stored event to a subscriber again, such as a stream that was deleted."""
        settings = settings_or_exit(settings_class)
        if not in_transaction(settings, lambda session: redeliver(session, name)):
            fail(f"no subscriber is called {name}.")
        typer.echo(f"{name} gets every stored event again.")


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


def _show(
    seen: Sequence[Overview],
    failing: Sequence[OutboxStream],
    parked: Sequence[tuple[ParkedEvent, OutboxEvent]],
) -> None:
    for each in seen:
        oldest = f", the oldest since {each.oldest:{_TIME}} UTC" if each.oldest else ""
        typer.echo(
            f"{each.subscriber}: {each.pending} pending{oldest}; "
            f"{each.failing} failing; {each.parked} parked."
        )
    if not seen:
        typer.echo(
            "No subscriber is registered: a relay registers the subscribers of its settings."
        )
    if failing:
        columns = ("Subscriber", "Subject", "Failures", "Next try (UTC)", "Last error")
        rows = (
            (s.subscriber, s.aggregate_id, s.failures, f"{s.due_at:{_TIME}}", s.last_error or "")
            for s in failing
        )
        _print_table("Failing", columns, rows)
    if parked:
        titles = ("No.", "Subscriber", "Subject", "Event", "Version", "Parked at (UTC)", "Reason")
        refused = (
            (
                e.id,
                p.subscriber,
                e.aggregate_id,
                e.type,
                e.version,
                f"{p.parked_at:{_TIME}}",
                p.reason,
            )
            for p, e in parked
        )
        _print_table("Parked", titles, refused)
        typer.echo("`outbox retry` delivers parked events again, `outbox discard` deletes them.")


def _print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(*columns, title=title)
    for row in rows:
        # As a `Text`: in a string, rich would interpret brackets as its own markup.
        table.add_row(*(Text(str(value)) for value in row))
    Console().print(table)
