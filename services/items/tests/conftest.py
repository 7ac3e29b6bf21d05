from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
from pydantic import SecretStr

from app.database import MIGRATIONS
from app.main import create_app
from app.settings import ItemsSettings
from service_testing.client import AppClient, app_transport, as_user
from service_testing.databases import create_database, drop_database
from service_testing.lifespan import Lifespan
from service_testing.run_server import RUN_SERVER
from service_testing.service import ServiceUnderTest
from service_testing.tokens import TokenIssuer
from tests.fake_users import FakeUsers

# How long an example takes says something of the machine, and nothing of the service.
hypothesis.settings.register_profile(
    "service",
    deadline=None,
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
)
hypothesis.settings.load_profile("service")


@pytest.fixture(scope="session")
def settings() -> ItemsSettings:
    return ItemsSettings(
        environment="development",
        database_url=SecretStr("sqlite:///unused.db"),
        users_url="http://users.example",
    )


@pytest.fixture(scope="session")
def shared_users(token_issuer: TokenIssuer) -> FakeUsers:
    return FakeUsers(token_issuer)


@pytest.fixture
def users(shared_users: FakeUsers) -> FakeUsers:
    """The users service as this test finds it: reachable, with the users that the test adds."""
    shared_users.forget()
    return shared_users


@pytest.fixture(scope="session")
def service(settings: ItemsSettings, shared_users: FakeUsers) -> ServiceUnderTest:
    return ServiceUnderTest(
        name="items",
        create_app=lambda *, database: create_app(settings, database=database, users=shared_users),
        migrations=MIGRATIONS,
    )


@pytest.fixture
def empty_database_url(
    request: pytest.FixtureRequest, tmp_path: Path, worker_id: str, testrun_uid: str
) -> Iterator[str]:
    """The URL of a database of this test's own that has no tables yet."""
    if request.config.getoption("--database") == "sqlite":
        yield f"sqlite:///{tmp_path}/test_items_empty.db"
        return
    server_url = request.config.stash[RUN_SERVER].url
    name = f"test_items_empty_{worker_id}_{testrun_uid[:8]}"
    yield create_database(server_url, name)
    drop_database(server_url, name)


@pytest.fixture
def homeless_settings(settings: ItemsSettings) -> ItemsSettings:
    """Settings of a database that can't be opened."""
    url = SecretStr("sqlite:////dev/null/test_items.db")
    return settings.model_copy(update={"database_url": url})


@pytest.fixture
async def lost_client(
    homeless_settings: ItemsSettings, token_issuer: TokenIssuer
) -> AsyncIterator[AppClient]:
    """Signed in at an app that reaches neither its database nor the users service."""
    users = FakeUsers(token_issuer)
    users.keys_are_down = True
    lifespan = Lifespan(create_app(homeless_settings, users=users))
    await lifespan.start()
    yield AppClient(app_transport(lifespan.serve), token=token_issuer.token())
    await lifespan.stop()


@pytest.fixture
def user_client(client: AppClient, users: FakeUsers) -> AppClient:
    """Signed in as user 1, who exists at the users service."""
    return as_user(client, users.add(user_id=1, name="Ada"))


@pytest.fixture
def other_client(client: AppClient, users: FakeUsers) -> AppClient:
    """Signed in as user 2, who exists at the users service."""
    return as_user(client, users.add(user_id=2, name="Grace"))


@pytest.fixture
def admin_client(client: AppClient, users: FakeUsers) -> AppClient:
    """Signed in as user 3, an administrator."""
    return as_user(client, users.add(user_id=3, name="Root", role="admin"))
