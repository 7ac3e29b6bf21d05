import pytest

from app.database import MIGRATIONS
from app.main import create_app
from app.settings import UsersSettings
from service_testing.service import ServiceUnderTest
from service_testing.settings import settings_for_tests


@pytest.fixture(scope="session")
def settings() -> UsersSettings:
    """Password hashing is cheap here; one test measures that it isn't in production."""
    return settings_for_tests(UsersSettings, password_memory_kib=8, password_time_cost=1)


@pytest.fixture(scope="session")
def service(settings: UsersSettings) -> ServiceUnderTest:
    return ServiceUnderTest(
        name="users",
        create_app=lambda *, database: create_app(settings, database=database),
        migrations=MIGRATIONS,
        keep_tables=["signing_keys"],
    )
