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
    url, users_url = SecretStr("sqlite:///unused.db"), "http://users.example"
    return ItemsSettings(environment="development", database_url=url, users_url=users_url)


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
