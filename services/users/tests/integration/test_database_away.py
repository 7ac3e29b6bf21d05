"""The service without its database: it starts, isn't ready, answers 503, and recovers."""

from collections.abc import AsyncIterator

import anyio.to_thread
import pytest
from sqlalchemy.pool import QueuePool

from app.database import MIGRATIONS
from app.main import create_app
from app.settings import UsersSettings
from chassis.db.migrations import upgrade
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient, app_transport
from service_testing.lifespan import Lifespan, running
from tests.factories import create_user_data
from tests.spare_database import opened


@pytest.fixture
async def late_client(settings: UsersSettings, empty_database_url: str) -> AsyncIterator[AppClient]:
    """A client of an app that started before its database had tables."""
    async with (
        opened(empty_database_url) as database,
        running(create_app(settings, database=database)) as client,
    ):
        yield client


class TestBeforeMigration:
    async def test_before_migration_the_service_is_alive_and_not_ready(
        self, late_client: AppClient
    ) -> None:
        assert_status(await late_client.get("/health/live"), 200)
        response = await late_client.get("/health/ready")
        assert_status(response, 503)
        assert response.json() == {"status": "unavailable", "checks": {"database": "unavailable"}}

    async def test_service_works_after_the_migration(
        self, late_client: AppClient, empty_database_url: str
    ) -> None:
        assert_status(await late_client.get("/health/ready"), 503)
        await anyio.to_thread.run_sync(upgrade, empty_database_url, MIGRATIONS)
        assert_status(await late_client.get("/health/ready"), 200)
        data = create_user_data()
        assert_status(await late_client.post("/users/", json=data), 201)
        form = {"username": data["email"], "password": data["password"]}
        assert_status(await late_client.post("/auth/token", data=form), 200)


class TestUnreachable:
    @pytest.mark.parametrize(
        "url", ["postgresql://nobody@127.0.0.1:1/none", "sqlite:////dev/null/none.db"]
    )
    async def test_unreachable_database_returns_503_on_every_route(
        self, settings: UsersSettings, url: str
    ) -> None:
        async with (
            opened(url) as database,
            running(create_app(settings, database=database)) as client,
        ):
            assert_status(await client.get("/health/live"), 200)
            assert_status(await client.get("/health/ready"), 503)
            for response in (
                await client.post("/users/", json=create_user_data()),
                await client.post("/auth/token", data={"username": "a@b.co", "password": "p"}),
                await client.post("/auth/refresh", json={"refresh_token": "token"}),
                await client.get("/.well-known/jwks.json"),
            ):
                assert_error_response(response, 503, "database_unavailable")
                assert response.headers["Retry-After"] == "1"


class TestOwnDatabase:
    async def test_app_opens_and_closes_its_own_database(
        self, settings: UsersSettings, spare_database_url: str
    ) -> None:
        url = type(settings.database_url)(spare_database_url)
        app = create_app(settings.model_copy(update={"database_url": url}))
        lifespan = Lifespan(app)
        await lifespan.start()
        client = AppClient(app_transport(lifespan.serve))
        assert_status(await client.get("/health/ready"), 200)
        pool = lifespan.state.database.read_engine.pool
        assert isinstance(pool, QueuePool)
        assert pool.checkedin() > 0
        await lifespan.stop()
        assert pool.checkedin() == 0
