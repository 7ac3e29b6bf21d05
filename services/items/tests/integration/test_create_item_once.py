"""`POST /items/` with an `Idempotency-Key`."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, event
from sqlalchemy.util import await_only

from app.jobs.pruning import prune_all
from app.models import CreatedItem, Item, Owner
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.web import idempotency
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient
from service_testing.events import EventSender
from service_testing.locks import until_blocked
from tests.factories import Account, ItemData, create_item_data, create_owner
from tests.helpers import assert_item_response, claim_key, count_rows

DATA = create_item_data()


async def create(client: AppClient, key: str = "k1", data: ItemData = DATA) -> httpx.Response:
    return await client.post("/items/", json=data, headers={"Idempotency-Key": key})


class TestRepeatedRequest:
    async def test_repeated_request_gets_the_first_answer_and_creates_nothing(
        self, user_client: AppClient, session: WriteSession
    ) -> None:
        first = await create(user_client)
        body = assert_item_response(first, status=201)
        await user_client.patch(f"/items/{body['id']}", json={"name": "Changed"})
        again = await create(user_client, '"k1"')
        assert (again.status_code, again.content) == (201, first.content)
        for name in ("ETag", "Location", "Cache-Control", "Content-Type"):
            assert again.headers[name] == first.headers[name]
        assert await count_rows(session, Item) == 1

    async def test_request_with_a_key_gets_the_same_as_one_without(
        self, user_client: AppClient
    ) -> None:
        with_key = await create(user_client)
        without = await user_client.post("/items/", json=DATA)
        changing = {"id", "created_at", "updated_at"}
        assert list(with_key.json()) == list(without.json())
        assert all(without.json()[f] == v for f, v in with_key.json().items() if f not in changing)
        assert set(with_key.headers) == set(without.headers)
        assert (await user_client.get(with_key.headers["Location"])).json() == with_key.json()

    async def test_another_body_with_the_same_key_returns_422(
        self, user_client: AppClient, session: WriteSession
    ) -> None:
        await create(user_client)
        response = await create(user_client, data=create_item_data(name="Other"))
        assert_error_response(response, 422, "idempotency_key_reused")
        assert await count_rows(session, Item) == 1

    async def test_key_of_another_user_is_another_key(
        self, user_client: AppClient, admin_client: AppClient
    ) -> None:
        first, second = await create(user_client), await create(admin_client)
        assert first.json()["id"] != second.json()["id"]

    async def test_error_is_not_stored(self, user_client: AppClient, session: WriteSession) -> None:
        await create_owner(session, is_active=False)
        assert_error_response(await create(user_client), 403, "owner_inactive")
        (await session.get_one(Owner, 1)).is_active = True
        await session.commit()
        assert_item_response(await create(user_client), status=201)

    @pytest.mark.parametrize("key", ["", '"', '""', "x" * 256, "k\tk", "ké".encode("latin-1")])
    async def test_malformed_key_returns_422(self, user_client: AppClient, key: Any) -> None:
        assert_error_response(await create(user_client, key), 422, "validation_error")

    @pytest.mark.parametrize("key", ["x" * 255, '"' + "x" * 255 + '"', "a b", "!", '" "'])
    async def test_longest_and_unusual_keys_are_accepted(
        self, user_client: AppClient, key: str
    ) -> None:
        assert_item_response(await create(user_client, key), status=201)


class TestStoredAnswer:
    async def test_key_is_free_again_after_a_day(
        self, user_client: AppClient, session: WriteSession, database: Database
    ) -> None:
        await create(user_client)
        stored = await session.get_one(CreatedItem, (1, "k1"))
        stored.created_at = utc_now() - idempotency.KEEP
        await session.commit()
        other_data = create_item_data(name="Other")
        other = await create(user_client, data=other_data)
        assert_item_response(other, status=201, name="Other")
        assert (await create(user_client, data=other_data)).json() == other.json()

    async def test_prune_deletes_answers_after_a_day(
        self, user_client: AppClient, session: WriteSession, database: Database
    ) -> None:
        await create(user_client)
        await create(user_client, "k2")
        stored = await session.get_one(CreatedItem, (1, "k1"))
        stored.created_at = utc_now() - idempotency.KEEP
        await session.commit()
        assert await prune_all(database, keep=idempotency.KEEP) == 1
        assert await count_rows(session, CreatedItem) == 1

    async def test_deletion_of_the_owner_deletes_the_stored_answers(
        self, user_client: AppClient, relay: EventSender, session: WriteSession
    ) -> None:
        await create(user_client)
        await relay.send(Account(id=1).deleted())
        assert await count_rows(session, CreatedItem) == 0
        assert_error_response(await create(user_client), 403, "owner_gone")


@pytest.mark.committed
class TestRaces:
    async def test_concurrent_duplicates_create_one_item(
        self, user_client: AppClient, session: WriteSession
    ) -> None:
        answers = await asyncio.gather(*(create(user_client) for _ in range(20)))
        assert {(each.status_code, each.content) for each in answers} == {(201, answers[0].content)}
        assert await count_rows(session, Item) == 1


@pytest.mark.committed
class TestOnPostgres:
    @pytest.fixture(autouse=True)
    def on_postgres(self, database: Database) -> None:
        if database.is_sqlite:
            pytest.skip("SQLite has one writer at a time, and no answer to lose")

    @pytest.fixture
    def impatient(self, database: Database) -> Iterator[None]:
        """A statement waits for a lock for a moment only."""

        def limit(connection: Connection) -> None:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '10ms'")

        engine = database.write_engine.sync_engine
        event.listen(engine, "begin", limit)
        yield
        event.remove(engine, "begin", limit)

    async def test_duplicate_takes_over_when_the_first_request_fails(
        self, user_client: AppClient, session: WriteSession, database: Database
    ) -> None:
        await create_owner(session)
        async with database.write_session() as first:
            await claim_key(first, "k1")
            duplicate = asyncio.create_task(create(user_client))
            await until_blocked(database)
        assert_item_response(await duplicate, status=201)

    async def test_duplicate_that_waits_too_long_returns_409(
        self, user_client: AppClient, session: WriteSession, database: Database, impatient: None
    ) -> None:
        await create_owner(session)
        async with database.write_session() as first:
            await claim_key(first, "k1")
            response = await create(user_client)
        assert_error_response(response, 409, "idempotency_key_in_use")
        assert response.headers["Retry-After"] == "1"
        assert_item_response(await create(user_client), status=201)

    async def test_request_whose_answer_to_the_commit_was_lost_can_be_repeated(
        self, user_client: AppClient, session: WriteSession, database: Database
    ) -> None:
        await create_owner(session)

        def commit_and_cut(connection: Any) -> None:
            await_only(connection.connection.driver_connection.execute("COMMIT"))
            connection.connection.driver_connection.terminate()

        event.listen(database.write_engine.sync_engine, "commit", commit_and_cut, once=True)
        lost = await create(user_client)
        assert_error_response(lost, 503, "outcome_unknown")
        assert lost.headers["Retry-After"] == "1"
        assert_item_response(await create(user_client), status=201)
        assert await count_rows(session, Item) == 1
