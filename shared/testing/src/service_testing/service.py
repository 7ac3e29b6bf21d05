"""What the plugin has to know about a service."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import MetaData

from chassis.db import migrations
from chassis.db.database import Database, migration_engine


@dataclass(frozen=True, kw_only=True)
class ServiceUnderTest:
    """The service under test. Its conftest returns this from the fixture `service`."""

    name: str
    """Lower case; part of the names of its test databases."""
    create_app: Callable[..., FastAPI]
    """Returns the app, with the settings and fakes of the tests. Called once per worker, and again for `live_server`.

    If there are migrations or metadata, it gets the keyword `database`, which the app must not close.
    """
    migrations: Path | None = None
    """The service's Alembic folder."""
    metadata: MetaData | None = None
    """The service's tables, if it has no migrations."""
    keep_tables: Collection[str] = ()
    """Tables that `reset_db` doesn't empty, because the app fills them when it starts."""

    def app_on(self, database: Database) -> FastAPI:
        """The app, on this database if it has one."""
        has_database = self.migrations is not None or self.metadata is not None
        return self.create_app(database=database) if has_database else self.create_app()

    def create_tables(self, url: str) -> None:
        """Create the tables in a new database. Blocks, and runs an event loop of its own."""
        if self.migrations is not None:
            migrations.upgrade(url, self.migrations)
        elif self.metadata is not None:
            asyncio.run(create_all(url, self.metadata))


async def create_all(url: str, metadata: MetaData) -> None:
    """Create these tables in the database."""
    engine = migration_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
    finally:
        await engine.dispose()
