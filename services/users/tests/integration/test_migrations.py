"""The migrations: up, down, and compared with the models."""

import asyncio

import pytest
from sqlalchemy import func, select, text
from sqlmodel import col

from app.database import MIGRATIONS
from app.models import ServiceClient, User, metadata
from chassis.db.columns import utc_now
from chassis.db.errors import MigrationsUnusable
from chassis.db.migrations import differences, downgrade, upgrade
from chassis.events.outbox.models import (
    OutboxEvent,
    OutboxStream,
    OutboxSubscriber,
    ParkedEvent,
)
from chassis.web.fields import email_key
from service_testing.migrations import assert_reversible
from tests.spare_database import opened, store, stored_rows


class TestMigrations:
    def test_migrations_create_the_schema_of_the_models(self, empty_database_url: str) -> None:
        assert differences(empty_database_url, metadata) != []
        assert_reversible(empty_database_url, MIGRATIONS)
        assert differences(empty_database_url, metadata) == []

    def test_migrations_can_be_reverted_when_there_are_rows(self, empty_database_url: str) -> None:
        upgrade(empty_database_url, MIGRATIONS)
        store(empty_database_url, [user()])
        downgrade(empty_database_url, MIGRATIONS, "base")
        assert stored_rows(empty_database_url, text("SELECT * FROM alembic_version")) == []

    def test_undelivered_events_wait_for_the_first_subscribers_after_the_migration(
        self, empty_database_url: str
    ) -> None:
        upgrade(empty_database_url, MIGRATIONS, "0003")
        time = "'2026-11-29 06:00:00.000000+00:00'"
        for version, delivered_at, parked_at, reason in (
            (1, time, "NULL", "NULL"),
            (2, "NULL", time, "'status 400'"),
            (3, "NULL", "NULL", "NULL"),
            (4, time, "NULL", "NULL"),
        ):
            execute(
                empty_database_url,
                "INSERT INTO outbox_events (event_id, user_id, version, type, data, occurred_at, "  # noqa: S608
                f"delivered_at, parked_at, parked_reason) VALUES ('event-{version}', 7, {version}, "
                f"'user.updated', '{{\"id\": 7}}', {time}, {delivered_at}, {parked_at}, {reason})",
            )
        upgrade(empty_database_url, MIGRATIONS, "head")
        events = select(
            col(OutboxEvent.id), col(OutboxEvent.aggregate_id), col(OutboxEvent.version)
        )
        kept = [(2, 7, 2), (3, 7, 3)]
        assert stored_rows(empty_database_url, events.order_by(col(OutboxEvent.id))) == kept
        data = select(col(OutboxEvent.data)).limit(1)
        assert stored_rows(empty_database_url, data) == [({"id": 7},)]
        store(empty_database_url, [event(version=5)])
        assert stored_rows(empty_database_url, select(func.max(OutboxEvent.id))) == [(5,)]
        parked = ParkedEvent(
            event_number=2, subscriber="items", parked_at=utc_now(), reason="status 400"
        )
        subscriber = OutboxSubscriber(name="items", registered_at=utc_now())
        store(empty_database_url, [subscriber, stream(next_version=5), parked])
        downgrade(empty_database_url, MIGRATIONS, "0003")
        old = (
            "SELECT id, version, delivered_at IS NULL, parked_reason FROM outbox_events ORDER BY id"
        )
        assert stored_rows(empty_database_url, text(old)) == [
            (2, 2, True, "status 400"),
            (3, 3, False, None),
            (5, 5, True, None),
        ]
        streams = text("SELECT user_id, failures FROM outbox_streams")
        assert stored_rows(empty_database_url, streams) == [(7, 0)]

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

    def test_accounts_are_found_by_their_new_keys_after_the_migration(
        self, empty_database_url: str
    ) -> None:
        new = {
            "Ada@example.com": "ada@example.com",
            "x@straße.de": "x@xn--strae-oqa.de",
            "ｙ@strasse.de": "y@strasse.de",  # noqa: RUF001 - full width
            "ﬁ@straße.de": "fi@xn--strae-oqa.de",
        }
        old = {
            "Ada@example.com": "ada@example.com",
            "x@straße.de": "x@strasse.de",
            "ｙ@strasse.de": "ｙ@strasse.de",  # noqa: RUF001
            "ﬁ@straße.de": "fi@strasse.de",
        }
        keys = text("SELECT email, email_key FROM users")
        upgrade(empty_database_url, MIGRATIONS)
        store(empty_database_url, [user(email, key) for email, key in new.items()])
        assert {email: email_key(email) for email in new} == new
        downgrade(empty_database_url, MIGRATIONS, "0006")
        assert dict(stored_rows(empty_database_url, keys)) == old
        upgrade(empty_database_url, MIGRATIONS)
        assert dict(stored_rows(empty_database_url, keys)) == new

    def test_addresses_that_would_be_the_same_are_left_to_the_operator(
        self, empty_database_url: str
    ) -> None:
        upgrade(empty_database_url, MIGRATIONS)
        addresses = ["x@straße.de", "x@strasse.de", "z@straße.de"]
        store(empty_database_url, [user(each, email_key(each)) for each in addresses])
        with pytest.raises(MigrationsUnusable, match=r"the accounts \[1, 2\] have"):
            downgrade(empty_database_url, MIGRATIONS, "0006")

    def test_migrations_create_the_trigram_index_on_postgresql(
        self, spare_database_url: str, pytestconfig: pytest.Config
    ) -> None:
        if pytestconfig.getoption("--database") == "sqlite":
            pytest.skip("SQLite has no trigram index")
        names = stored_rows(spare_database_url, text("SELECT indexname FROM pg_indexes"))
        assert "ix_users_search_text_trgm" in {name for (name,) in names}


def execute(url: str, statement: str) -> None:
    async def run() -> None:
        async with opened(url) as database, database.write_engine.begin() as connection:
            await connection.exec_driver_sql(statement)

    asyncio.run(run())


def user(email: str = "ada@example.com", key: str = "ada@example.com") -> User:
    return User(
        email=email,
        email_key=key,
        name="Ada",
        search_text="ada",
        password_hash="hash",
        created_at=utc_now(),
    )


def event(*, version: int) -> OutboxEvent:
    return OutboxEvent(
        event_id=f"event-{version}",
        aggregate_id=7,
        version=version,
        type="user.updated",
        data={},
        occurred_at=utc_now(),
    )


def stream(*, next_version: int) -> OutboxStream:
    return OutboxStream(
        aggregate_id=7, subscriber="items", next_version=next_version, due_at=utc_now()
    )
