"""The migrations: up, down, and compared with the models."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text
from sqlmodel import col

from app.database import MIGRATIONS
from app.models import ServiceClient, User, metadata
from chassis.db.columns import utc_now
from chassis.db.migrations import differences, downgrade, upgrade
from tests.spare_database import store, stored_rows


class TestMigrations:
    def test_migrations_match_the_models(self, spare_database_url: str) -> None:
        assert differences(spare_database_url, metadata) == []

    def test_missing_migrations_are_detected(self, empty_database_url: str) -> None:
        assert differences(empty_database_url, metadata) != []

    def test_migrations_may_run_twice(self, spare_database_url: str) -> None:
        store(spare_database_url, [user()])
        upgrade(spare_database_url, MIGRATIONS)
        assert stored_rows(spare_database_url, select(func.count(col(User.id))))[0][0] == 1

    def test_migrations_go_down_and_up_again(self, empty_database_url: str) -> None:
        upgrade(empty_database_url, MIGRATIONS)
        store(empty_database_url, [user()])
        downgrade(empty_database_url, MIGRATIONS, "base")
        assert stored_rows(empty_database_url, text("SELECT * FROM alembic_version")) == []
        upgrade(empty_database_url, MIGRATIONS)
        assert differences(empty_database_url, metadata) == []
        assert stored_rows(empty_database_url, select(col(User.id))) == []

    def test_registered_clients_may_still_read_users_after_the_migration(
        self, empty_database_url: str
    ) -> None:
        upgrade(empty_database_url, MIGRATIONS)
        client = ServiceClient(client_id="shop", secret_hash="hash", audiences=[], scopes=[])
        store(empty_database_url, [client])
        downgrade(empty_database_url, MIGRATIONS, "0002")
        upgrade(empty_database_url, MIGRATIONS)
        stored = stored_rows(
            empty_database_url,
            select(
                col(ServiceClient.client_id),
                col(ServiceClient.audiences),
                col(ServiceClient.scopes),
            ),
        )
        assert stored == [("shop", ["users-internal"], ["users:read"])]
        assert differences(empty_database_url, metadata) == []

    def test_migrations_may_run_concurrently(self, empty_database_url: str) -> None:
        with ThreadPoolExecutor(4) as threads:
            runs = [threads.submit(upgrade, empty_database_url, MIGRATIONS) for _ in range(4)]
        assert [run.result() for run in runs] == [None] * 4
        assert differences(empty_database_url, metadata) == []

    def test_migrations_create_the_trigram_index_on_postgresql(
        self, spare_database_url: str, pytestconfig: pytest.Config
    ) -> None:
        if pytestconfig.getoption("--database") == "sqlite":
            pytest.skip("SQLite has no trigram index")
        names = stored_rows(spare_database_url, text("SELECT indexname FROM pg_indexes"))
        assert "ix_users_search_text_trgm" in {name for (name,) in names}


def user() -> User:
    return User(
        email="ada@example.com",
        email_key="ada@example.com",
        name="Ada",
        search_text="ada",
        password_hash="hash",
        created_at=utc_now(),
    )
