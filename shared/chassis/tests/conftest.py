from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.example.app import MIGRATIONS, OpenDatabase, create_app

from chassis.db.database import Database, DatabaseLimits
from service_testing.service import ServiceUnderTest

# By default structlog draws a traceback with all its local variables, which takes seconds.
_CONSOLE = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[structlog.processors.add_log_level, _CONSOLE])


@pytest.fixture(scope="session")
def service() -> ServiceUnderTest:
    return ServiceUnderTest(name="chassis", create_app=create_app, migrations=MIGRATIONS)


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


@pytest.fixture
async def open_database() -> AsyncIterator[OpenDatabase]:
    """Opens databases, and closes them after the test."""
    opened: list[Database] = []

    def open_database(url: str, **limits: Any) -> Database:
        opened.append(Database(url, limits=DatabaseLimits(**limits)))
        return opened[-1]

    yield open_database
    for database in opened:
        await database.aclose()


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """The spans that have ended."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return exporter
