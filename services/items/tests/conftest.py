import os
from collections.abc import Iterator

import pytest
import stamina

from app.database import MIGRATIONS
from app.main import create_app
from app.settings import ItemsSettings
from service_testing.service import ServiceUnderTest
from service_testing.settings import settings_for_tests
from service_testing.tokens import TokenIssuer
from tests.fake_users import FakeUsers


@pytest.fixture(scope="session")
def settings() -> ItemsSettings:
    """Background work is off: the tests of a job run it themselves."""
    return settings_for_tests(ItemsSettings, users_url="http://users.example", background=False)


@pytest.fixture(scope="session")
def token_audience() -> list[str]:
    """As in production: items calls the users service with its caller's token."""
    return ["users", "items"]


@pytest.fixture(scope="session")
def token_issuer_name() -> str:
    return "users"


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
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any of the service's variables."""
    for name in [name for name in os.environ if name.startswith("ITEMS_")]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """Retries don't wait; the client limits their number."""
    with stamina.set_testing(True, attempts=1_000_000_000, cap=True):
        yield
