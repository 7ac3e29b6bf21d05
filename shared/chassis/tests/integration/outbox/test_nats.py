"""Events over a real NATS server, with the rights that each service has."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from prometheus_client import CollectorRegistry
from pydantic import AnyUrl, SecretStr
from tests.example.app import UNUSED
from tests.example.publisher import change, create, opened

from chassis.events.cloudevents import Event, from_http
from chassis.events.consuming import Consumer, ConsumerSettings, consuming
from chassis.events.nats.administration import create_consumer, create_stream
from chassis.events.nats.connection import open_broker
from chassis.events.nats.transport import NatsTransport
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.process import delivering
from chassis.events.outbox.settings import PublisherSettings, Subscriber
from chassis.events.outbox.transport import Answer, Delivered, Failed, Refused
from service_testing.nats_server import NatsServer, nats_server

STREAM, SOURCE, READER = "notes", "/notes", "reader"
DEADLINE_SECONDS = 2.0


def event(number: int, *, filling: str = "") -> OutboxEvent:
    return OutboxEvent(
        event_id=f"a-{number}",
        type="note.created",
        aggregate_id=number,
        version=1,
        data={"id": number, "version": 1, "filling": filling},
        occurred_at=datetime.now(UTC),
    )


EVENT = event(1)


class Token(NamedTuple):
    access_token: str = "unused"
    expires_in: int = 60


class Inbox:
    """Records what arrives. The next events raise what is in `failures`."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.failures: list[Exception] = []
        self.headers: list[Mapping[str, str]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def receive(self, headers: Mapping[str, str], body: bytes) -> None:
        self.headers.append(headers)
        await self.may_go_on.wait()
        event = from_http(headers, body)
        if self.failures:
            raise self.failures.pop(0)
        self.events.append(event)

    @property
    def versions(self) -> list[tuple[str, int]]:
        return [(event.subject or "", event.data["version"]) for event in self.events]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    reads = {STREAM: [], READER: [STREAM]}
    with nats_server(tmp_path_factory.mktemp("nats"), reads) as running:
        yield running


@pytest.fixture
async def jetstream(server: NatsServer) -> AsyncIterator[JetStreamContext]:
    """An administrator's, on a server with an empty stream and its consumer."""
    client = await nats.connect(server.url(with_password=True))
    found = client.jetstream()
    with suppress(NotFoundError):
        await found.delete_stream(STREAM)
    await make_stream(found)
    await create_consumer(found, STREAM, READER)
    yield found
    await client.close()


async def make_stream(jetstream: JetStreamContext, *, max_bytes: int = 10_000_000) -> None:
    await create_stream(
        jetstream, STREAM, max_age_seconds=3600, max_bytes=max_bytes, longest_backoff_seconds=30
    )


@pytest.fixture
async def transport(
    server: NatsServer, jetstream: JetStreamContext
) -> AsyncIterator[NatsTransport]:
    url, password = AnyUrl(server.url(STREAM)), SecretStr(STREAM)
    async with open_broker(url, password, stop_seconds=DEADLINE_SECONDS) as broker:
        yield NatsTransport(broker, source=SOURCE, deadline_seconds=DEADLINE_SECONDS)


Run = Callable[[Inbox], AbstractAsyncContextManager[Consumer]]


@pytest.fixture
def consume(server: NatsServer, jetstream: JetStreamContext) -> Run:
    """Runs the service's consumer; the block begins when it has started."""

    @asynccontextmanager
    async def run(inbox: Inbox) -> AsyncIterator[Consumer]:
        settings = ConsumerSettings(
            database_url=SecretStr(UNUSED),
            events_url=AnyUrl(server.url(READER, path=f"/{STREAM}")),
            nats_password=SecretStr(READER),
            database_pool_size=4,
            trusted_network=True,
            shutdown_seconds=2,
        )
        async with consuming(settings, inbox.receive) as consumer:
            assert consumer is not None
            await until(lambda: consumer.has_started)
            yield consumer

    return run


async def until(condition: Callable[[], bool]) -> None:
    async def now() -> bool:
        return condition()

    await until_true(now)


async def until_true(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - it's the server's state
            await asyncio.sleep(0.02)


async def stored(jetstream: JetStreamContext, number: int) -> int:
    """How many messages about this note the stream has. One that an earlier test sent may arrive late."""
    subject = f"{STREAM}.{number}"
    state = (await jetstream.stream_info(STREAM, subjects_filter=subject)).state
    return (state.subjects or {}).get(subject, 0)


class TestPublishing:
    async def test_event_is_delivered_when_the_stream_has_it(
        self, transport: NatsTransport, jetstream: JetStreamContext
    ) -> None:
        assert await transport.deliver(EVENT) == Delivered()
        stored = await jetstream.get_msg(STREAM, 1)
        assert stored.subject == f"{STREAM}.1"
        found = from_http(stored.headers or {}, stored.data or b"")
        assert (found.id, found.source, found.type) == ("a-1", SOURCE, "note.created")

    async def test_deliveries_at_the_same_time_share_one_connection(
        self, transport: NatsTransport
    ) -> None:
        before = len(clients())
        answers = await asyncio.gather(*(transport.deliver(event(n)) for n in range(1, 6)))
        assert set(answers) == {Delivered()}
        assert len(clients()) == before + 1

    async def test_event_that_is_sent_again_is_stored_once(
        self, transport: NatsTransport, jetstream: JetStreamContext
    ) -> None:
        for _ in range(3):
            assert await transport.deliver(event(7)) == Delivered()
        assert await stored(jetstream, 7) == 1

    async def test_full_stream_refuses_events_and_none_vanishes(
        self, transport: NatsTransport, jetstream: JetStreamContext
    ) -> None:
        await make_stream(jetstream, max_bytes=2_000)
        events = [event(number, filling="x" * 300) for number in range(5)]
        answers: list[Answer] = [await transport.deliver(each) for each in events]
        assert isinstance(answers[0], Delivered)
        assert isinstance(answers[-1], Failed)
        assert "maximum bytes exceeded" in answers[-1].detail
        stored = (await jetstream.stream_info(STREAM)).state
        assert stored.first_seq == 1
        assert stored.messages == answers.count(Delivered())

    async def test_event_larger_than_the_server_accepts_is_refused(
        self, transport: NatsTransport
    ) -> None:
        answer = await transport.deliver(event(1, filling="x" * 1_100_000))
        assert isinstance(answer, Refused)
        assert answer.reason == "too large"

    async def test_missing_stream_is_a_failure(
        self, transport: NatsTransport, jetstream: JetStreamContext
    ) -> None:
        await jetstream.delete_stream(STREAM)
        assert isinstance(await transport.deliver(EVENT), Failed)
        await make_stream(jetstream)
        assert await transport.deliver(EVENT) == Delivered()

    async def test_publisher_has_no_right_to_other_subjects(
        self, server: NatsServer, jetstream: JetStreamContext
    ) -> None:
        url, password = AnyUrl(server.url(READER)), SecretStr(READER)
        async with open_broker(url, password, stop_seconds=1) as broker:
            sink = NatsTransport(broker, source=SOURCE, deadline_seconds=0.5)
            assert isinstance(await sink.deliver(event(8)), Failed)
        assert await stored(jetstream, 8) == 0

    async def test_wrong_password_is_a_failure(
        self, server: NatsServer, jetstream: JetStreamContext
    ) -> None:
        url = AnyUrl(server.url(STREAM))
        async with open_broker(url, SecretStr("wrong"), stop_seconds=1) as broker:
            sink = NatsTransport(broker, source=SOURCE, deadline_seconds=0.5)
            assert isinstance(await sink.deliver(EVENT), Failed)
        with (
            warnings.catch_warnings()
        ):  # nats-py leaves the refused socket to the garbage collector
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    @pytest.mark.slow
    async def test_paused_server_is_a_failure_and_the_event_is_stored_once(
        self, transport: NatsTransport, server: NatsServer, jetstream: JetStreamContext
    ) -> None:
        assert await transport.deliver(event(1)) == Delivered()
        with server.paused():
            answer = await transport.deliver(event(2))
        assert answer == Failed("no acknowledgement in time", is_late=True)
        assert await transport.deliver(event(2)) == Delivered()
        assert (await jetstream.stream_info(STREAM)).state.messages == 2

    @pytest.mark.slow
    async def test_killed_server_loses_nothing(
        self, transport: NatsTransport, server: NatsServer, jetstream: JetStreamContext
    ) -> None:
        assert await transport.deliver(event(1)) == Delivered()
        server.kill()
        try:
            assert isinstance(await transport.deliver(event(2)), Failed)
        finally:
            server.start()
        await until_true(partial(delivers, transport, event(2)))
        assert (await jetstream.stream_info(STREAM)).state.messages == 2

    @pytest.mark.slow
    async def test_client_whose_server_is_away_is_closed_at_the_end(
        self, server: NatsServer, jetstream: JetStreamContext
    ) -> None:
        url, password = AnyUrl(server.url(STREAM)), SecretStr(STREAM)
        async with open_broker(url, password, stop_seconds=1) as broker:
            client = await broker.connect()
            server.kill()
            await until(lambda: not client.is_connected)
        server.start()
        assert client.is_closed

    @pytest.mark.slow
    async def test_connection_to_a_silent_server_is_given_up(
        self, server: NatsServer, jetstream: JetStreamContext
    ) -> None:
        url, password = AnyUrl(server.url(STREAM)), SecretStr(STREAM)
        async with open_broker(url, password, stop_seconds=1) as broker:
            client = await broker.connect()
            with server.paused():
                await until(lambda: not client.is_connected)
            await until(lambda: client.is_connected)


class TestConsuming:
    async def test_event_is_acknowledged_when_it_is_applied(
        self, consume: Run, transport: NatsTransport
    ) -> None:
        inbox = Inbox()
        async with consume(inbox) as consumer:
            await transport.deliver(EVENT)
            await until(lambda: inbox.versions == [("1", 1)])
            await until_pending(consumer, 0)
        assert inbox.headers[0]["x-request-id"]

    async def test_event_from_before_the_start_is_received(
        self, consume: Run, transport: NatsTransport
    ) -> None:
        await transport.deliver(EVENT)
        inbox = Inbox()
        async with consume(inbox):
            await until(lambda: inbox.versions == [("1", 1)])

    async def test_event_that_fails_comes_again(
        self, consume: Run, transport: NatsTransport
    ) -> None:
        inbox = Inbox()
        inbox.failures = [OSError("the database is unavailable")]
        async with consume(inbox) as consumer:
            await transport.deliver(EVENT)
            await until(lambda: inbox.versions == [("1", 1)])
            await until_pending(consumer, 0)

    async def test_malformed_event_is_terminated_and_the_next_follows(
        self, consume: Run, transport: NatsTransport, jetstream: JetStreamContext
    ) -> None:
        inbox = Inbox()
        await jetstream.publish(
            f"{STREAM}.1", b"{}", headers={"content-type": "application/cloudevents+json"}
        )
        await transport.deliver(EVENT)
        async with consume(inbox) as consumer:
            await until(lambda: inbox.versions == [("1", 1)])
            await until_pending(consumer, 0)

    async def test_events_leave_half_of_the_connections_to_requests(
        self, consume: Run, transport: NatsTransport
    ) -> None:
        inbox = Inbox()
        inbox.may_go_on.clear()
        for number in range(5):
            await transport.deliver(event(number))
        async with consume(inbox) as consumer:
            await until(lambda: len(inbox.headers) == 2)
            await asyncio.sleep(0.1)
            assert len(inbox.headers) == 2
            inbox.may_go_on.set()
            await until_pending(consumer, 0)
        assert len(inbox.events) == 5

    async def test_two_replicas_share_the_events(
        self, consume: Run, transport: NatsTransport
    ) -> None:
        first, second = Inbox(), Inbox()
        async with consume(first) as consumer, consume(second):
            for number in range(40):
                await transport.deliver(event(number))
            await until_pending(consumer, 0)
        received = sorted(event.id for inbox in (first, second) for event in inbox.events)
        assert received == sorted(f"a-{number}" for number in range(40))

    @pytest.mark.slow
    async def test_consumer_that_is_deleted_and_made_again_reads_on(
        self, consume: Run, transport: NatsTransport, jetstream: JetStreamContext
    ) -> None:
        inbox = Inbox()
        async with consume(inbox) as consumer:
            await jetstream.delete_consumer(STREAM, READER)
            with pytest.raises(NotFoundError):
                await consumer.pending()
            await create_consumer(jetstream, STREAM, READER)
            await transport.deliver(EVENT)
            await until(lambda: inbox.versions == [("1", 1)])

    async def test_consumer_that_is_missing_is_asked_with_pauses(
        self, consume: Run, jetstream: JetStreamContext
    ) -> None:
        async with consume(Inbox()):
            await jetstream.delete_consumer(STREAM, READER)
            before = sent_messages()
            await until(lambda: sent_messages() > before)
            before = sent_messages()
            for _ in range(200):
                await jetstream.account_info()
            others = sent_messages() - before - 200
        assert others < 100, "it asks whenever it was answered"

    @pytest.mark.slow
    async def test_missing_consumer_keeps_the_service_from_starting_until_it_exists(
        self, server: NatsServer, jetstream: JetStreamContext, transport: NatsTransport
    ) -> None:
        await jetstream.delete_consumer(STREAM, READER)
        settings = ConsumerSettings(
            database_url=SecretStr(UNUSED),
            events_url=AnyUrl(server.url(READER, path=f"/{STREAM}")),
            nats_password=SecretStr(READER),
            database_pool_size=4,
            trusted_network=True,
            shutdown_seconds=2,
        )
        inbox = Inbox()
        async with consuming(settings, inbox.receive) as consumer:
            assert consumer is not None
            await asyncio.sleep(0.5)
            assert not consumer.has_started
            await create_consumer(jetstream, STREAM, READER)
            await until(lambda: consumer.has_started)
            await transport.deliver(EVENT)
            await until(lambda: inbox.versions == [("1", 1)])

    @pytest.mark.slow
    async def test_killed_server_loses_nothing(
        self, consume: Run, transport: NatsTransport, server: NatsServer
    ) -> None:
        inbox = Inbox()
        async with consume(inbox):
            await transport.deliver(event(1))
            server.kill()
            server.start()
            await until_true(partial(delivers, transport, event(2)))
            await until(lambda: {event.id for event in inbox.events} == {"a-1", "a-2"})


class TestOutbox:
    async def test_every_change_reaches_the_subscriber(
        self, outbox_url: str, consume: Run, server: NatsServer
    ) -> None:
        settings = PublisherSettings(
            database_url=SecretStr(UNUSED),
            events_subscribers=(Subscriber(name="broker", url=AnyUrl(server.url(STREAM))),),
            events_deadline_seconds=DEADLINE_SECONDS,
            nats_password=SecretStr(STREAM),
            trusted_network=True,
        )
        inbox = Inbox()
        async with (
            opened(outbox_url) as database,
            consume(inbox),
            delivering(settings, database, issue, CollectorRegistry(), source=SOURCE),
        ):
            for number in range(1, 6):
                await create(database, number)
                await change(database, number, times=2)
            expected = {(str(number), version) for number in range(1, 6) for version in (1, 2, 3)}
            await until(lambda: expected <= set(inbox.versions))


def clients() -> list[Client]:
    return [each for each in gc.get_objects() if isinstance(each, Client) and each.is_connected]


def sent_messages() -> int:
    return sum(client.stats["out_msgs"] for client in clients())


async def issue(_: str) -> Token:
    return Token()


async def delivers(transport: NatsTransport, one: OutboxEvent) -> bool:
    return isinstance(await transport.deliver(one), Delivered)


async def until_pending(consumer: Consumer, count: int) -> None:
    async def now() -> bool:
        return await consumer.pending() == count

    await until_true(now)
