"""`/health/live`, `/health/ready`, and the gauges of a replica in `/metrics`."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text as sql
from structlog.types import EventDict
from tests.example.app import MIGRATIONS, OpenDatabase, client_of, client_of_app, create_app

from chassis.db import migrations
from chassis.db.database import Database
from chassis.ops import health, metrics
from chassis.web.state import ServiceState
from service_testing.client import AppClient

UNREACHABLE = "postgresql://u:hunter2@127.0.0.1:1/test"
NOT_READY = {"status": "unavailable", "checks": {"database": "unavailable"}}
READ_ONLY = {"status": "unavailable", "checks": {"database": "read_only"}}
READY = {"status": "ok", "checks": {"database": "ok"}}


async def readiness(client: AppClient) -> tuple[int, dict[str, object]]:
    response = await client.get("/health/ready")
    return response.status_code, response.json()


@pytest.fixture
def migrated(open_database: OpenDatabase, database_url: str, create_tables: None) -> Database:
    return open_database(database_url, connections=1, wait_seconds=60)


async def test_process_is_alive_without_its_database() -> None:
    response = await client_of(database=Database(UNREACHABLE)).get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


class TestDatabase:
    async def test_database_before_its_migrations_is_not_ready(
        self, open_database: OpenDatabase, empty_database_url: str
    ) -> None:
        client = client_of(database=open_database(empty_database_url))
        assert await readiness(client) == (503, NOT_READY)
        await asyncio.to_thread(migrations.upgrade, empty_database_url, MIGRATIONS)
        assert await readiness(client) == (200, READY)
        await asyncio.to_thread(migrations.downgrade, empty_database_url, MIGRATIONS, "base")
        not_migrated = {"status": "unavailable", "checks": {"database": "not_migrated"}}
        assert await readiness(client) == (503, not_migrated)

    async def test_unreachable_database_is_not_ready_and_the_reason_is_logged(
        self, logs: list[EventDict]
    ) -> None:
        assert await readiness(client_of(database=Database(UNREACHABLE))) == (503, NOT_READY)
        assert (logs[0]["event"], logs[0]["check"]) == ("not_ready", "database")
        assert logs[0]["reason"].startswith("DatabaseUnreachable: ")
        assert "hunter2" not in str(logs)

    async def test_exhausted_pool_is_not_ready(
        self, migrated: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = client_of(database=migrated)
        with monkeypatch.context() as patch:
            patch.setattr(health, "_CHECK_TIMEOUT_SECONDS", 0.05)
            # Without the check's own limit, the pool would give up after a minute and look the same.
            async with migrated.read_session().connection(), asyncio.timeout(10):
                assert await readiness(client) == (503, NOT_READY)
        assert await readiness(client) == (200, READY)


class TestSchema:
    @pytest.mark.parametrize(
        ("revision", "status", "result"),
        [("0000", 503, "schema_too_old"), ("0001", 200, "ok"), ("0002", 200, "ok")],
    )
    async def test_schema_older_than_the_code_is_not_ready(
        self,
        open_database: OpenDatabase,
        empty_database_url: str,
        revision: str,
        status: int,
        result: str,
    ) -> None:
        await asyncio.to_thread(migrations.upgrade, empty_database_url, MIGRATIONS)
        database = open_database(empty_database_url)
        async with database.transaction() as session:
            await (await session.connection()).execute(
                sql("UPDATE alembic_version SET version_num = :v"), {"v": revision}
            )
        code, body = await readiness(client_of(database=database))
        assert (code, body["checks"]) == (status, {"database": result})


class TestReadOnly:
    async def test_database_that_refuses_writes_is_not_ready(
        self, open_database: OpenDatabase, empty_database_url: str, on_postgres: None
    ) -> None:
        await asyncio.to_thread(migrations.upgrade, empty_database_url, MIGRATIONS)
        database = open_database(empty_database_url)
        client = client_of(database=database)
        assert await readiness(client) == (200, READY)
        async with database.transaction() as session:
            name = database.url.database
            read_only = f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
            await (await session.connection()).execute(sql(read_only))
        await database.write_engine.dispose()  # the setting applies to new connections
        assert await readiness(client) == (503, READ_ONLY)

    async def test_busy_pool_for_writes_is_ready(
        self, migrated: Database, on_postgres: None
    ) -> None:
        async with migrated.write_engine.connect():
            assert await readiness(client_of(database=migrated)) == (200, READY)

    async def test_file_that_may_not_be_written_is_not_ready(
        self, migrated: Database, on_sqlite: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = Path(migrated.url.database or "")
        with monkeypatch.context() as patch:  # root may write to any file
            patch.setattr(os, "access", lambda path, _: path != file)
            assert await readiness(client_of(database=migrated)) == (503, READ_ONLY)


async def fine(_: ServiceState) -> str:
    return "ok"


async def missing(_: ServiceState) -> str:
    return "no_keys_yet"


async def failing(_: ServiceState) -> str:
    raise ZeroDivisionError("hm")


@pytest.mark.parametrize(
    ("check", "status", "result"),
    [(fine, 200, "ok"), (missing, 503, "no_keys_yet"), (failing, 503, "unavailable")],
)
async def test_check_of_the_service_is_shown_with_the_database(
    migrated: Database,
    check: Callable[[ServiceState], Awaitable[str]],
    status: int,
    result: str,
    logs: list[EventDict],
) -> None:
    code, body = await readiness(client_of(database=migrated, checks={"keys": check}))
    assert (code, body["checks"]) == (status, {"database": "ok", "keys": result})
    reasons = [line["reason"] for line in logs if line["event"] == "not_ready"]
    assert reasons == (["ZeroDivisionError: hm"] if check is failing else [])


async def gauges(client: AppClient) -> dict[str, float]:
    text = (await client.get("/metrics")).text
    found = re.findall(r"^(service_ready|database_connections_\S+) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


class TestGauges:
    async def test_ready_replica_is_1(self, migrated: Database) -> None:
        assert (await gauges(client_of(database=migrated)))["service_ready"] == 1

    async def test_replica_without_its_database_is_0(self) -> None:
        assert (await gauges(client_of(database=Database(UNREACHABLE))))["service_ready"] == 0

    async def test_replica_whose_checks_hang_is_0(
        self, migrated: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = client_of(database=migrated)
        assert (await gauges(client))["service_ready"] == 1
        monkeypatch.setattr(metrics, "_MEASURE_SECONDS", 0.05)
        async with migrated.read_session().connection(), asyncio.timeout(10):
            assert (await gauges(client))["service_ready"] == 0

    async def test_stopping_replica_is_0(self, migrated: Database) -> None:
        app = create_app(routers=())
        app.state.lifecycle.is_stopping = True
        assert (await gauges(client_of_app(app, database=migrated)))["service_ready"] == 0

    async def test_connections_are_counted_by_pool(self, migrated: Database) -> None:
        client = client_of(database=migrated)
        async with migrated.write_engine.connect():
            used = await gauges(client)
        idle = await gauges(client)
        in_use = 'database_connections_in_use{pool="write"}'
        limit = 'database_connections_limit{pool="write"}'
        assert (used[in_use], used[limit]) == (1, 1)
        assert (idle[in_use], idle[limit]) == (0, 1)
        assert used['database_connections_in_use{pool="read"}'] == 0
