"""LISTEN and NOTIFY between the processes that use one PostgreSQL database."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.engine import make_url

from chassis.db.database import Database
from chassis.db.notifications import listen
from chassis.ops import background
from chassis.ops.background import BackgroundTasks

pytestmark = pytest.mark.usefixtures("on_postgres")

CHANNEL = "notes"
LISTENERS = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'"


class Ear:
    """Counts what it hears, and lets one wait for it."""

    def __init__(self) -> None:
        self.heard = 0
        self._changed = asyncio.Event()

    def notify(self) -> None:
        self.heard += 1
        self._changed.set()

    async def hears(self, times: int) -> None:
        while self.heard < times:
            self._changed.clear()
            await self._changed.wait()


@pytest.fixture
async def ear(spare_database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ear]:
    """It listens, and has heard that it does."""
    monkeypatch.setattr(background, "full_jitter", lambda *_, **__: 0)
    ear = Ear()
    tasks = BackgroundTasks(CollectorRegistry(), stop_seconds=5)
    listening = partial(listen, make_url(spare_database_url), CHANNEL, ear.notify)
    tasks.add("listener", listening, may_be_cancelled=True)
    async with tasks.running():
        await ear.hears(1)
        yield ear


@pytest.fixture
async def other(spare_database_url: str) -> AsyncIterator[Database]:
    """Another process's connections."""
    database = Database(spare_database_url)
    yield database
    await database.aclose()


async def notify(database: Database) -> None:
    async with database.transaction() as session:
        await (await session.connection()).execute(
            text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL}
        )


async def test_a_connection_that_is_ended_is_opened_anew_and_may_have_missed_some(
    ear: Ear, other: Database
) -> None:
    async with other.read_session().connection() as connection:
        await connection.execute(text(f"SELECT pg_terminate_backend(pid) {LISTENERS}"))
    await ear.hears(2)
    await notify(other)
    await ear.hears(3)
