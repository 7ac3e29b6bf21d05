"""The migrations: upgrade, downgrade, and comparison with the models."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Row, text

from app.database import MIGRATIONS
from app.models import Owner, metadata
from chassis.db.database import Database
from chassis.db.migrations import differences, downgrade, upgrade
from service_testing.migrations import assert_reversible


def stored_rows(url: str, statement: str) -> list[Row[*tuple[Any, ...]]]:
    async def read() -> list[Row[*tuple[Any, ...]]]:
        database = Database(url)
        try:
            async with database.read_session().connection() as connection:
                return list((await connection.execute(text(statement))).all())
        finally:
            await database.aclose()

    return asyncio.run(read())


def store_owner(url: str) -> None:
    async def write() -> None:
        database = Database(url)
        try:
            async with database.transaction() as session:
                session.add(Owner(id=1, name="Ada"))
        finally:
            await database.aclose()

    asyncio.run(write())


class TestMigrations:
    def test_migrations_create_the_schema_of_the_models(self, empty_database_url: str) -> None:
        assert differences(empty_database_url, metadata) != []
        assert_reversible(empty_database_url, MIGRATIONS)
        assert differences(empty_database_url, metadata) == []

    def test_migrations_can_be_reverted_when_there_are_rows(self, empty_database_url: str) -> None:
        upgrade(empty_database_url, MIGRATIONS)
        store_owner(empty_database_url)
        downgrade(empty_database_url, MIGRATIONS, "base")
        assert stored_rows(empty_database_url, "SELECT * FROM alembic_version") == []

    def test_migrations_create_a_trigram_index_on_postgresql(
        self, empty_database_url: str, pytestconfig: pytest.Config
    ) -> None:
        if pytestconfig.getoption("--database") == "sqlite":
            pytest.skip("SQLite has no trigram index")
        upgrade(empty_database_url, MIGRATIONS)
        names = stored_rows(empty_database_url, "SELECT indexname FROM pg_indexes")
        assert "ix_items_search_text_trgm" in {name for (name,) in names}
