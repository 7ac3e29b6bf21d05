import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import MIGRATIONS
from app.main import create_app
from app.settings import UsersSettings
from chassis.migrations import upgrade
from service_testing.client import AppClient, as_user
from service_testing.databases import create_database, drop_database
from service_testing.isolation import IsolatedDatabase
from service_testing.run_server import RUN_SERVER
from service_testing.service import ServiceUnderTest
from tests.accounts import Account, create_account
from tests.spare_database import empty_tables


@pytest.fixture(scope="session")
def settings() -> UsersSettings:
    """Password hashing is cheap here; one test measures that it isn't in production."""
    return UsersSettings(
        environment="development",
        database_url=SecretStr("sqlite:///unused.db"),
        password_memory_kib=8,
        password_time_cost=1,
    )


@pytest.fixture(scope="session")
def service(settings: UsersSettings) -> ServiceUnderTest:
    return ServiceUnderTest(
        name="users",
        create_app=lambda *, database: create_app(settings, database=database),
        migrations=MIGRATIONS,
        keep_tables=["signing_keys"],
    )


@pytest.fixture
async def user(session: AsyncSession, app: FastAPI) -> Account:
    """An account that `user_client` is signed in to."""
    return await create_account(session, app)


@pytest.fixture
async def admin(session: AsyncSession, app: FastAPI) -> Account:
    """An administrator that `admin_client` is signed in to."""
    return await create_account(session, app, role="admin")


@pytest.fixture
def empty_database_url(
    request: pytest.FixtureRequest, tmp_path: Path, worker_id: str, testrun_uid: str
) -> Iterator[str]:
    """The URL of a database of this test's own that has no tables yet."""
    if request.config.getoption("--database") == "sqlite":
        yield f"sqlite:///{tmp_path}/test_users_empty.db"
        return
    server_url = request.config.stash[RUN_SERVER].url
    name = f"test_users_empty_{worker_id}_{testrun_uid[:8]}"
    yield create_database(server_url, name)
    drop_database(server_url, name)


@pytest.fixture(scope="session")
def _spare_database_url(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
    testrun_uid: str,
) -> Iterator[str]:
    if request.config.getoption("--database") == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('spare')}/test_users_spare.db"
        upgrade(url, MIGRATIONS)
        yield url
        return
    server_url = request.config.stash[RUN_SERVER].url
    name = f"test_users_spare_{worker_id}_{testrun_uid[:8]}"
    url = create_database(server_url, name)
    upgrade(url, MIGRATIONS)
    yield url
    drop_database(server_url, name)


@pytest.fixture
def spare_database_url(_spare_database_url: str) -> Iterator[str]:
    """The URL of a database with tables and no rows, for what runs in a process of its own."""
    yield _spare_database_url
    asyncio.run(empty_tables(_spare_database_url))


@pytest.fixture
def own_app(settings: UsersSettings, database: IsolatedDatabase) -> FastAPI:
    """An app of this test's own, not started: for what would change the app that others share."""
    return create_app(settings, database=database)


@pytest.fixture
def user_client(client: AppClient, user: Account) -> AppClient:
    return as_user(client, user.token)


@pytest.fixture
def admin_client(client: AppClient, admin: Account) -> AppClient:
    return as_user(client, admin.token)
