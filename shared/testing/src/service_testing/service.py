"""What a service tells this package about itself."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI

from chassis.db.database import Database


class CreateApp(Protocol):
    """Builds the app on the given database, with settings and fakes fit for tests."""

    def __call__(self, *, database: Database) -> FastAPI: ...


@dataclass(frozen=True, kw_only=True)
class ServiceUnderTest:
    """The service whose tests these are: what its conftest returns from the fixture `service`."""

    name: str
    """Lower case; part of the names of its test databases."""
    create_app: CreateApp
    """Called once per worker, and once more for `live_server`.

    The app must not close the database, which outlives it.
    """
    migrations: Path
    """Its Alembic folder."""
    keep_tables: Collection[str] = ()
    """Tables that `reset_db` leaves alone, because their rows are written when the app starts."""
