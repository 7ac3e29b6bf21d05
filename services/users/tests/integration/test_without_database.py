"""The service without its database: it starts, isn't ready, answers 503, and recovers."""

import anyio.to_thread
from sqlalchemy.pool import QueuePool

from app.database import MIGRATIONS
from app.main import create_app
from app.settings import UsersSettings
from chassis.db.migrations import upgrade
from chassis.web.state import get_database
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient, app_transport
from service_testing.lifespan import Lifespan, running
from tests.factories import create_user_data
from tests.spare_database import opened


async def test_service_starts_before_its_migration_and_works_after_it(
    settings: UsersSettings, empty_database_url: str
) -> None:
    async with (
        opened(empty_database_url) as database,
        running(create_app(settings, database=database)) as client,
    ):
        assert_status(await client.get("/health/live"), 200)
        assert_status(await client.get("/health/ready"), 503)
        await anyio.to_thread.run_sync(upgrade, empty_database_url, MIGRATIONS)
        assert_status(await client.get("/health/ready"), 200)
        data = create_user_data()
        assert_status(await client.post("/users/", json=data), 201)
        form = {"username": data["email"], "password": data["password"]}
        assert_status(await client.post("/auth/token", data=form), 200)


async def test_requests_without_the_database_return_503(client_without_database: AppClient) -> None:
    client = client_without_database
    assert_status(await client.get("/health/live"), 200)
    for response in (
        await client.post("/users/", json=create_user_data()),
        await client.post("/auth/token", data={"username": "a@b.co", "password": "p"}),
        await client.post("/auth/refresh", json={"refresh_token": "token"}),
        await client.get("/.well-known/jwks.json"),
    ):
        assert_error_response(response, 503, "database_unavailable")
        assert response.headers["Retry-After"] == "1"


async def test_app_opens_and_closes_its_own_database(
    settings: UsersSettings, spare_database_url: str
) -> None:
    url = type(settings.database_url)(spare_database_url)
    lifespan = Lifespan(create_app(settings.model_copy(update={"database_url": url})))
    await lifespan.start()
    assert_status(await AppClient(app_transport(lifespan.serve)).get("/health/ready"), 200)
    pool = get_database(lifespan.state).read_engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedin() > 0
    await lifespan.stop()
    assert pool.checkedin() == 0
