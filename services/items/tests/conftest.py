import pytest
from pydantic import SecretStr

from app.database import MIGRATIONS
from app.main import create_app
from app.settings import ItemsSettings
from service_testing.service import ServiceUnderTest
from service_testing.tokens import TokenIssuer
from tests.fake_users import FakeUsers


@pytest.fixture(scope="session")
def settings() -> ItemsSettings:
    return ItemsSettings(
        environment="development",
        database_url=SecretStr("sqlite:///unused.db"),
        users_url="http://users.example",
        background=False,  # a test does this work itself, when it is about it
    )


@pytest.fixture(scope="session")
def shared_users(token_issuer: TokenIssuer) -> FakeUsers:
    return FakeUsers(token_issuer)


@pytest.fixture(scope="session")
def service(settings: ItemsSettings, shared_users: FakeUsers) -> ServiceUnderTest:
    return ServiceUnderTest(
        name="items",
        create_app=lambda *, database: create_app(settings, database=database, users=shared_users),
        migrations=MIGRATIONS,
    )


@pytest.fixture
def users(shared_users: FakeUsers) -> FakeUsers:
    """The users service as this test finds it: reachable, with the users that the test adds."""
    shared_users.forget()
    return shared_users
