"""The commands for streams and consumers on a real NATS server, and what readiness and metrics say of a consumer."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NoReturn, TypeVar

import nats
import pytest
import typer
from fastapi import FastAPI
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DiscardPolicy, StreamConfig
from prometheus_client import CollectorRegistry
from pydantic import AnyUrl, SecretStr
from pydantic_settings import SettingsConfigDict
from tests.example.app import UNUSED
from typer.testing import CliRunner, Result

from chassis.db.database import Database
from chassis.events.commands import add_consumer_commands
from chassis.events.consuming import (
    ConsumerSettings,
    ConsumerState,
    Receive,
    consumer_checks,
    consuming,
)
from chassis.events.outbox.commands import add_outbox_commands
from chassis.events.outbox.settings import PublisherSettings
from chassis.events.outbox.transport import MAX_RETRY_AFTER_SECONDS
from chassis.ops.metrics import HttpMetrics
from chassis.web.application import build_app
from service_testing.client import AppClient
from service_testing.events import create_event, event_request
from service_testing.lifespan import running
from service_testing.nats_server import NatsServer, nats_server

STREAM, READER = "notes", "reader"
ResultT = TypeVar("ResultT")


class NotesSettings(PublisherSettings):
    model_config = SettingsConfigDict(env_prefix="NOTES_")


class ReaderSettings(ConsumerSettings):
    model_config = SettingsConfigDict(env_prefix="READER_")


def _issue_tokens(database: Database, settings: NotesSettings) -> NoReturn:
    raise NotImplementedError


def _open_inbox(database: Database, registry: CollectorRegistry) -> Receive:
    async def receive(headers: Mapping[str, str], body: bytes) -> None:
        signal.raise_signal(signal.SIGTERM)

    return receive


publisher, reader = typer.Typer(), typer.Typer()
add_outbox_commands(publisher, STREAM, NotesSettings, _issue_tokens, source=f"/{STREAM}")
add_consumer_commands(reader, READER, ReaderSettings, _open_inbox)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    reads = {STREAM: [], READER: [STREAM]}
    with nats_server(tmp_path_factory.mktemp("nats"), reads) as running:
        yield running


@pytest.fixture
def run(server: NatsServer) -> Callable[..., Result]:
    """Runs a command of the publisher or of the reader, with an administrator's rights."""

    def run(cli: typer.Typer, *arguments: str, **environment: str) -> Result:
        variables = {
            "NATS_ADMIN_URL": server.url(with_password=True),
            "READER_EVENTS_URL": server.url(READER, path=f"/{STREAM}"),
            "READER_NATS_PASSWORD": READER,
            **{f"{name}_ENVIRONMENT": "development" for name in ("NOTES", "READER")},
            **{f"{name}_DATABASE_URL": UNUSED for name in ("NOTES", "READER")},
            **environment,
        }
        return CliRunner().invoke(cli, arguments, env=variables)

    return run


def ask(server: NatsServer, question: Callable[[JetStreamContext], Awaitable[ResultT]]) -> ResultT:
    async def main() -> ResultT:
        client = await nats.connect(server.url(with_password=True))
        try:
            return await question(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(main())


def stream(server: NatsServer) -> StreamConfig:
    return ask(server, lambda jetstream: jetstream.stream_info(STREAM)).config


class TestCommands:
    def test_stream_has_limits_and_refuses_what_is_too_much(
        self, server: NatsServer, run: Callable[..., Result]
    ) -> None:
        for arguments, days, max_bytes in (
            ((), 7, 2**30),
            (("--max-age-days", "2", "--max-bytes", "2000000"), 2, 2_000_000),  # changes them
        ):
            result = run(publisher, "outbox", "create-stream", *arguments)
            assert result.output == f"The stream notes keeps events for {days} days.\n"
            config = stream(server)
            assert config.subjects == [f"{STREAM}.>"]
            assert config.max_age == timedelta(days=days).total_seconds()
            assert config.max_bytes == max_bytes
            assert config.discard == DiscardPolicy.NEW

    @pytest.mark.parametrize("backoff_seconds", [30, 3600])
    def test_stream_knows_an_event_again_for_longer_than_any_pause_of_the_relay(
        self, server: NatsServer, run: Callable[..., Result], backoff_seconds: int
    ) -> None:
        longest = {"NOTES_EVENTS_MAX_BACKOFF_SECONDS": str(backoff_seconds)}
        assert run(publisher, "outbox", "create-stream", **longest).exit_code == 0
        assert stream(server).duplicate_window > max(backoff_seconds, MAX_RETRY_AFTER_SECONDS)

    def test_consumer_is_durable_and_made_once(
        self, server: NatsServer, run: Callable[..., Result]
    ) -> None:
        run(publisher, "outbox", "create-stream")
        for _ in range(2):
            result = run(reader, "create-consumer")
            assert result.output == "The consumer reader reads the stream notes.\n"
        info = ask(server, lambda jetstream: jetstream.consumer_info(STREAM, READER))
        assert info.config.durable_name == READER
        assert info.config.filter_subject == f"{STREAM}.>"
        assert info.config.ack_policy == "explicit"

    def test_consumer_of_a_missing_stream_is_an_error(self, run: Callable[..., Result]) -> None:
        result = run(reader, "create-consumer")
        assert result.exit_code == 2
        assert "NATS has no such stream" in result.stderr

    @pytest.mark.parametrize("command", ["consume", "create-consumer"])
    def test_command_without_a_broker_names_the_variable(
        self, run: Callable[..., Result], command: str
    ) -> None:
        result = run(reader, command, READER_EVENTS_URL="")
        assert result.exit_code == 2
        assert "READER_EVENTS_URL is required" in result.stderr

    def test_consume_receives_until_it_is_ended(
        self, server: NatsServer, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chassis.events.commands.configure_logging", lambda *_: None)
        run(publisher, "outbox", "create-stream")
        run(reader, "create-consumer")
        headers, body = event_request(create_event("note.created"))
        ask(server, lambda jetstream: jetstream.publish(f"{STREAM}.1", body, headers=headers))
        assert run(reader, "consume").exit_code == 0  # the inbox ends it
        info = ask(server, lambda jetstream: jetstream.consumer_info(STREAM, READER))
        assert (info.num_pending, info.num_ack_pending) == (0, 0)


async def ignore(headers: Mapping[str, str], body: bytes) -> None:
    pass


@asynccontextmanager
async def app_of_reader(server: NatsServer, *, password: str = READER) -> AsyncIterator[AppClient]:
    settings = ReaderSettings(
        database_url=SecretStr(UNUSED),
        events_url=AnyUrl(server.url(READER, path=f"/{STREAM}")),
        nats_password=SecretStr(password),
        shutdown_seconds=2,
        trusted_network=True,
    )
    metrics = HttpMetrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[ConsumerState]:
        async with consuming(settings, ignore) as consumer:
            yield ConsumerState(settings=settings, database=Database(UNUSED), consumer=consumer)

    app = build_app(
        name="reader",
        title="Reader",
        description="Reads.",
        settings=settings,
        routers=[],
        lifespan=lifespan,
        metrics=metrics,
        checks=consumer_checks(settings, metrics),
    )
    async with running(app) as client:
        yield client


async def events_check(client: AppClient) -> str:
    response = await client.get("/health/ready")
    check: str = response.json()["checks"]["events"]
    return check


async def until_consuming(client: AppClient) -> None:
    async with asyncio.timeout(30):
        while await events_check(client) != "ok":  # noqa: ASYNC110 - of another task
            await asyncio.sleep(0.02)


class TestReadiness:
    @pytest.mark.slow
    async def test_service_is_ready_when_its_consumer_exists(self, server: NatsServer) -> None:
        administrator = await nats.connect(server.url(with_password=True))
        async with app_of_reader(server) as client:
            assert await events_check(client) == "not_consuming"
            assert "events_consumer_connected 0.0" in (await client.get("/metrics")).text
            jetstream = administrator.jetstream()
            await jetstream.add_stream(name=STREAM, subjects=[f"{STREAM}.>"])
            await jetstream.add_consumer(STREAM, ConsumerConfig(durable_name=READER))
            await until_consuming(client)
            assert "events_consumer_connected 1.0" in (await client.get("/metrics")).text
        await administrator.close()

    async def test_failing_broker_is_an_alarm_and_no_reason_to_refuse_requests(
        self, server: NatsServer
    ) -> None:
        administrator = await nats.connect(server.url(with_password=True))
        jetstream = administrator.jetstream()
        await jetstream.add_stream(name=STREAM, subjects=[f"{STREAM}.>"])
        await jetstream.add_consumer(STREAM, ConsumerConfig(durable_name=READER))
        async with app_of_reader(server) as client:
            await until_consuming(client)
            await jetstream.delete_consumer(STREAM, READER)
            assert "events_consumer_connected 0.0" in (await client.get("/metrics")).text
            assert await events_check(client) == "ok"
        await administrator.close()
