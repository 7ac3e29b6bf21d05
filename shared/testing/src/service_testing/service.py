"""What the plugin has to know about a service."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI

from chassis.db.database import Database


class CreateApp(Protocol):
    """Builds the app on the given database, with the settings and fakes of the tests."""

    def __call__(self, *, database: Database) -> FastAPI: ...


@dataclass(frozen=True, kw_only=True)
class ServiceUnderTest:
    """The service under test. Its conftest returns this from the fixture `service`."""

    name: str
    """Lower case; part of the names of its test databases."""
    create_app: CreateApp
    """Called once per worker, and once more for `live_server`. The app must not close the database."""
    migrations: Path
    """Its Alembic folder."""
    keep_tables: Collection[str] = ()
    """Tables that `reset_db` doesn't empty, because the app fills them when it starts."""
