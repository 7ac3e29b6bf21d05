import asyncio
import random
from collections.abc import AsyncIterator, Iterator

import pytest
from prometheus_client import CollectorRegistry
from tests.example.publisher import (
    READER,
    FakeTransport,
    Outbox,
    closing,
    create_tables,
    opened,
    relay_to,
)

from service_testing.databases import delete_all_rows
from service_testing.frozen_time import FrozenTime
from service_testing.new_database import NewDatabase


@pytest.fixture(scope="session")
def _outbox_url(new_database: NewDatabase) -> Iterator[str]:
    with new_database("outbox") as url:
        asyncio.run(create_tables(url))
        yield url


@pytest.fixture
def outbox_url(_outbox_url: str) -> Iterator[str]:
    """A database with the tables of the outbox and no rows."""
    yield _outbox_url
    asyncio.run(delete_all_rows(_outbox_url))


@pytest.fixture
def new_outbox_url(new_database: NewDatabase) -> Iterator[str]:
    """A database in whose tables there never was a row."""
    with new_database("new_outbox") as url:
        asyncio.run(create_tables(url))
        yield url


@pytest.fixture
async def outbox(
    frozen_time: FrozenTime, outbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Outbox]:
    # The longest pause after each failure: a random one can be so short that it is over at once.
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    transport, registry = FakeTransport(), CollectorRegistry()
    async with opened(outbox_url) as database:
        relay = relay_to(transport, database, registry=registry)
        outbox = Outbox(outbox_url, database, transport, registry, relay, frozen_time)
        await outbox.register(READER)
        async with closing(relay):
            yield outbox
