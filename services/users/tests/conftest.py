import tomllib
from pathlib import Path

import pytest

from app.database import MIGRATIONS
from app.dependencies import UsersState
from app.main import create_app
from app.settings import UsersSettings
from chassis.web.state import ServiceState
from service_testing.service import ServiceUnderTest
from service_testing.settings import settings_for_tests

SERVICES = Path(__file__).parents[2]


def token_audiences() -> tuple[str, ...]:
    """The audiences of every service, as `make env` writes them."""
    files = sorted(SERVICES.glob("*/pyproject.toml"))
    tables = [tomllib.loads(file.read_text())["tool"]["service"] for file in files]
    return tuple(each["token-audience"] for each in tables if "token-audience" in each)


@pytest.fixture(scope="session")
def settings() -> UsersSettings:
    """Password hashing is fast here. One test uses the parameters of production. Background work is off."""
    return settings_for_tests(
        UsersSettings,
        password_memory_kib=8,
        password_time_cost=1,
        password_queue=100,  # as many as one test sends at once
        background=False,
        token_audiences=token_audiences(),
    )


@pytest.fixture(scope="session")
def service(settings: UsersSettings) -> ServiceUnderTest:
    return ServiceUnderTest(
        name="users",
        create_app=lambda *, database: create_app(settings, database=database),
        migrations=MIGRATIONS,
        keep_tables=["signing_keys"],
    )


@pytest.fixture(scope="session")
def state(app_state: ServiceState) -> UsersState:
    """What the lifespan of `app` has yielded."""
    assert isinstance(app_state, UsersState)
    return app_state
