import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from prometheus_client import CollectorRegistry
from sqlmodel import SQLModel
from tests.example.publisher import READER, FakeTransport, closing, opened, relay_to

from chassis.db.database import Database
from chassis.events.outbox.relay import Relay
from chassis.events.outbox.subscribers import register_subscriber
from service_testing.databases import delete_all_rows
from service_testing.frozen_time import FrozenTime
from service_testing.new_database import NewDatabase


@pytest.fixture(scope="session")
def _outbox_url(new_database: NewDatabase) -> Iterator[str]:
    with new_database("outbox") as url:
        asyncio.run(_create_tables(url))
        yield url


async def _create_tables(url: str) -> None:
    async with opened(url) as database, database.write_engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)


@pytest.fixture
def outbox_url(_outbox_url: str) -> Iterator[str]:
    """A database with the tables of the outbox and no rows."""
    yield _outbox_url
    asyncio.run(delete_all_rows(_outbox_url))


@pytest.fixture
async def outbox(frozen_time: FrozenTime, outbox_url: str) -> AsyncIterator[Database]:
    """The same, with the subscriber `READER`; time stands still."""
    async with opened(outbox_url) as database:
        async with database.transaction() as session:
            await register_subscriber(session, READER)
        yield database


@pytest.fixture
def transport() -> FakeTransport:
    """Where `relay` delivers to."""
    return FakeTransport()


@pytest.fixture
def registry() -> CollectorRegistry:
    """The metrics of `relay`."""
    return CollectorRegistry()


@pytest.fixture
async def relay(
    outbox: Database, transport: FakeTransport, registry: CollectorRegistry
) -> AsyncIterator[Relay]:
    """Works when it is told to. It is closed after the test."""
    relay = relay_to(transport, outbox, registry=registry)
    async with closing(relay):
        yield relay
