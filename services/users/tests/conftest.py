import pytest
from pydantic import SecretStr

from app.database import MIGRATIONS
from app.main import create_app
from app.settings import UsersSettings
from service_testing.service import ServiceUnderTest


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
