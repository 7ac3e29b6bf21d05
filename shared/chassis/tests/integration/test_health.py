import asyncio
from collections.abc import Mapping

import pytest
from structlog.types import EventDict
from tests.example.app import MIGRATIONS, client_of

from chassis.db import migrations
from chassis.db.database import Database, DatabaseLimits
from chassis.ops import health
from chassis.ops.health import Check
from chassis.web.state import ServiceState
from service_testing.client import AppClient


async def readiness(client: AppClient) -> tuple[int, dict[str, object]]:
    response = await client.get("/health/ready")
    return response.status_code, response.json()


NOT_READY = {"status": "unavailable", "checks": {"database": "unavailable"}}
READY = {"status": "ok", "checks": {"database": "ok"}}


async def test_a_process_that_answers_is_alive_whatever_its_database_does() -> None:
    response = await client_of(database=Database("sqlite:////no/such/folder/x.db")).get(
        "/health/live"
    )
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


class TestDatabase:
    async def test_that_is_migrated_is_ready(self, database_url: str, create_tables: None) -> None:
        database = Database(database_url)
        assert await readiness(client_of(database=database)) == (200, READY)
        await database.aclose()

    async def test_that_was_taken_down_again_is_not_migrated(self, empty_database_url: str) -> None:
        for step in (migrations.upgrade, migrations.downgrade):
            target = "head" if step is migrations.upgrade else "base"
            await asyncio.to_thread(step, empty_database_url, MIGRATIONS, target)
        database = Database(empty_database_url)
        assert await readiness(client_of(database=database)) == (
            503,
            {"status": "unavailable", "checks": {"database": "not_migrated"}},
        )
        await database.aclose()

    async def test_that_can_not_be_reached_is_not_ready_and_the_log_says_why(
        self, logs: list[EventDict]
    ) -> None:
        database = Database("postgresql://u:hunter2@127.0.0.1:1/x")
        assert await readiness(client_of(database=database)) == (503, NOT_READY)
        assert (logs[0]["event"], logs[0]["check"]) == ("not_ready", "database")
        assert logs[0]["reason"].startswith("DatabaseUnreachable: ")
        assert "hunter2" not in str(logs)

    async def test_that_comes_back_is_ready_again(self, empty_database_url: str) -> None:
        database = Database(empty_database_url)
        client = client_of(database=database)
        assert (await readiness(client))[0] == 503
        await asyncio.to_thread(migrations.upgrade, empty_database_url, MIGRATIONS)
        assert await readiness(client) == (200, READY)
        await database.aclose()

    async def test_that_gives_no_connection_in_time_is_not_ready(
        self, database_url: str, create_tables: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        database = Database(database_url, limits=DatabaseLimits(connections=1, wait_seconds=60))
        client = client_of(database=database)
        with monkeypatch.context() as patch:
            patch.setattr(health, "_CHECK_TIMEOUT_SECONDS", 0.05)
            async with database.read_session().connection():
                assert await readiness(client) == (503, NOT_READY)
        assert await readiness(client) == (200, READY)
        await database.aclose()


class TestOtherChecks:
    @pytest.fixture
    def database(self, database_url: str, create_tables: None) -> Database:
        return Database(database_url)

    async def ask(self, database: Database, checks: Mapping[str, Check]) -> object:
        answer = await readiness(client_of(database=database, checks=checks))
        await database.aclose()
        return answer

    async def test_are_shown_beside_the_database(self, database: Database) -> None:
        async def fine(_: ServiceState) -> str:
            return "ok"

        assert await self.ask(database, {"keys": fine}) == (
            200,
            {"status": "ok", "checks": {"database": "ok", "keys": "ok"}},
        )

    async def test_may_say_what_is_missing(self, database: Database) -> None:
        async def missing(_: ServiceState) -> str:
            return "no_keys_yet"

        assert await self.ask(database, {"keys": missing}) == (
            503,
            {"status": "unavailable", "checks": {"database": "ok", "keys": "no_keys_yet"}},
        )

    async def test_that_fail_keep_the_others_from_nothing(
        self, database: Database, logs: list[EventDict]
    ) -> None:
        async def failing(_: ServiceState) -> str:
            raise ZeroDivisionError("hm")

        assert await self.ask(database, {"keys": failing}) == (
            503,
            {"status": "unavailable", "checks": {"database": "ok", "keys": "unavailable"}},
        )
        assert logs[0]["reason"] == "ZeroDivisionError: hm"
