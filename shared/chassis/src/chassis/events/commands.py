"""`python -m app consume` and `create-consumer`, for the command line of a service that receives events."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar

import structlog
import typer
from prometheus_client import CollectorRegistry, start_http_server

from chassis.db.database import Database
from chassis.events.consuming import ConsumerSettings, Receive, consuming
from chassis.ops.cli import fail, settings_or_exit, until_signalled, with_database
from chassis.ops.logs import configure_logging

logger = structlog.get_logger(__name__)

ConsumerSettingsT = TypeVar("ConsumerSettingsT", bound=ConsumerSettings)

AdminUrl = Annotated[
    str,
    typer.Option(
        envvar="NATS_ADMIN_URL",
        help="nats://user:password@host:4222, of a user who may change streams.",
    ),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="Serve this process's metrics at this port."),
]


def add_consumer_commands(
    cli: typer.Typer,
    name: str,
    settings_class: type[ConsumerSettingsT],
    open_inbox: Callable[[Database, CollectorRegistry], Receive],
) -> None:
    """Add them to the command line of the service `name`. `open_inbox` makes what applies the events."""

    @cli.command()
    def consume(metrics_port: MetricsPort = None) -> None:
        """Receive events until SIGTERM or Ctrl-C. Any number may run, with or without `serve`."""
        settings = _settings_with_url(settings_class)
        configure_logging(settings, name)
        registry = CollectorRegistry()
        if metrics_port is not None:
            start_http_server(metrics_port, settings.host, registry)

        async def receive(database: Database) -> None:
            async with consuming(settings, open_inbox(database, registry)):
                await until_signalled()
                logger.info("events_consumer_stopping")

        with_database(settings, receive)

    @cli.command("create-consumer")
    def create_consumer(url: AdminUrl) -> None:
        """Create this service's durable consumer on NATS."""
        from chassis.events.nats import administration  # noqa: PLC0415 - an extra

        settings = _settings_with_url(settings_class)
        consumer = settings.events_consumer
        for stream in settings.events_streams:
            create = partial(administration.create_consumer, stream=stream, consumer=consumer)
            administration.administer(url, create)
            typer.echo(f"The consumer {consumer} reads the stream {stream}.")


def _settings_with_url(settings_class: type[ConsumerSettingsT]) -> ConsumerSettingsT:
    settings = settings_or_exit(settings_class)
    if settings.events_url is None:
        fail(f"{settings_class.model_config.get('env_prefix', '')}EVENTS_URL is required for this.")
    return settings
