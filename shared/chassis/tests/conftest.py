import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest
import structlog
from sqlalchemy import text
from tests.example.app import MIGRATIONS, create_app

from chassis.database import migration_engine
from service_testing.databases import create_database, drop_database
from service_testing.service import ServiceUnderTest

# By default structlog draws a traceback with all its local variables, which takes seconds.
_CONSOLE = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[structlog.processors.add_log_level, _CONSOLE])

hypothesis.settings.register_profile("chassis", deadline=None)
hypothesis.settings.load_profile("chassis")


@pytest.fixture(scope="session")
def service() -> ServiceUnderTest:
    return ServiceUnderTest(name="chassis", create_app=create_app, migrations=MIGRATIONS)


@pytest.fixture(scope="session")
def _spare_database_url(request: pytest.FixtureRequest, database_url: str) -> Iterator[str | None]:
    """On PostgreSQL, a second database beside that of the worker: to make one takes a while."""
    if request.config.getoption("--database") == "sqlite":
        yield None
        return
    name = f"test_chassis_{uuid4().hex}"
    yield create_database(database_url, name)
    drop_database(database_url, name)


@pytest.fixture
def empty_database_url(_spare_database_url: str | None, tmp_path: Path) -> str:
    """The URL of a database of the test's own that has no tables."""
    if _spare_database_url is None:
        return f"sqlite:///{tmp_path / 'test.db'}"
    asyncio.run(_drop_tables(_spare_database_url))
    return _spare_database_url


async def _drop_tables(url: str) -> None:
    engine = migration_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()


@pytest.fixture
def on_postgres(request: pytest.FixtureRequest) -> None:
    """Skips the test on SQLite."""
    if request.config.getoption("--database") != "postgres":
        pytest.skip("a fact about PostgreSQL")


@pytest.fixture
def on_sqlite(request: pytest.FixtureRequest) -> None:
    """Skips the test on PostgreSQL."""
    if request.config.getoption("--database") != "sqlite":
        pytest.skip("a fact about SQLite")
