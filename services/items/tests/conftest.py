import pytest

from app.database import MIGRATIONS
from app.main import create_app
from app.settings import ItemsSettings
from service_testing.service import ServiceUnderTest
from service_testing.settings import settings_for_tests
from service_testing.tokens import TokenIssuer
from tests.fake_users import FakeUsers


@pytest.fixture(scope="session")
def settings() -> ItemsSettings:
    """Work in the background is off: a test that is about it does it itself."""
    return settings_for_tests(ItemsSettings, users_url="http://users.example", background=False)


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
