"""A test of a race goes on when the one transaction really waits for the other."""

import asyncio

import pytest
from sqlalchemy import text

from chassis.db.database import Database
from service_testing import locks
from service_testing.locks import until_blocked

LOCK = text("SELECT pg_advisory_xact_lock(7)")

pytestmark = pytest.mark.committed


@pytest.fixture
def shared(database: Database) -> Database:
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    return database


async def test_until_blocked_returns_when_a_transaction_waits(shared: Database) -> None:
    async def wait_for_it() -> None:
        async with shared.transaction() as second:
            await second.execute(LOCK)

    async with shared.transaction() as first:
        await first.execute(LOCK)
        waiting = asyncio.create_task(wait_for_it())
        await until_blocked(shared)
        assert not waiting.done()
    await waiting


async def test_until_blocked_gives_up_when_none_does(
    shared: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(TimeoutError):
        await until_blocked(shared)
