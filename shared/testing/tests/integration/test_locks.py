"""`until_blocked` returns when a transaction really waits for a lock."""

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
            await second.scalar(LOCK)

    async with shared.transaction() as first:
        await first.scalar(LOCK)
        waiting = asyncio.create_task(wait_for_it())
        await until_blocked(shared)
        assert not waiting.done()
    await waiting


async def test_until_blocked_fails_when_no_transaction_waits(
    shared: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(pytest.fail.Exception, match="no transaction has waited for a lock"):
        await until_blocked(shared)
