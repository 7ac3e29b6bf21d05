"""What docs/transactions.md says of this service: what is atomic, and in which order rows are locked."""

import asyncio
from decimal import Decimal
from functools import partial

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select
from sqlalchemy.pool import QueuePool
from sqlmodel import col

from app.events.inbox import Inbox
from app.events.user_events import OwnerState
from app.jobs.item_removal import remove_some
from app.jobs.resync import resync
from app.metrics import EventMetrics
from app.models import CreatedItem, Item, ItemRemoval, Owner, ReceivedEvent
from app.repositories.item_removals import ItemRemovalRepository
from app.repositories.items import ItemRepository
from app.repositories.owners import OwnerRepository
from app.repositories.received_events import ReceivedEventRepository
from app.repositories.resyncs import ResyncRepository
from app.schemas import ItemCreate
from app.services import items, owners
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.web.idempotency import KEEP
from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient
from service_testing.events import EventSender
from service_testing.locks import assert_lock_order, until_blocked
from tests.factories import Account, create_item_data, create_items, create_owner
from tests.fake_users import FakeDirectory, FakeUsers
from tests.helpers import assert_item_response, claim_key, count_rows, create_item

pytestmark = pytest.mark.committed

ITEM = ItemCreate(name="Kettle", price=Decimal(1))


@pytest.fixture
def postgres(database: Database) -> Database:
    if database.is_sqlite:
        pytest.skip("SQLite has one write transaction at a time")
    return database


def fails(*_: object, **__: object) -> None:
    raise ZeroDivisionError


class TestAtomic:
    """If the last statement of a transaction fails, nothing of it is stored."""

    @pytest.mark.parametrize(
        ("repository", "statement"),
        [
            (ReceivedEventRepository, "add_if_absent"),
            (OwnerRepository, "save_newer"),
            (ItemRemovalRepository, "add"),
        ],
    )
    async def test_event_is_not_received_if_it_cannot_be_applied(
        self,
        relay: EventSender,
        session: WriteSession,
        monkeypatch: pytest.MonkeyPatch,
        repository: type,
        statement: str,
    ) -> None:
        deletion = Account(id=7).deleted()
        with monkeypatch.context() as patch:
            patch.setattr(repository, statement, fails)
            assert_error_response(await relay.send(deletion), 500, "internal_error")
        for model in (ReceivedEvent, Owner, ItemRemoval):
            assert await count_rows(session, model) == 0, model
        await session.rollback()
        assert_status(await relay.send(deletion), 204)
        await session.rollback()
        for model in (ReceivedEvent, Owner, ItemRemoval):
            assert await count_rows(session, model) == 1, model

    async def test_items_of_a_deleted_owner_and_the_end_of_their_removal_are_one_change(
        self, database: Database, session: WriteSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await create_owner(session, owner_id=7)
        await create_items(session, {"owner_id": 7})
        await database.transact(partial(owners.apply_states, states=[OwnerState.deleted(7, 2)]))
        monkeypatch.setattr(ItemRemovalRepository, "delete_if_done", fails)
        with pytest.raises(ZeroDivisionError):
            await remove_some(database)
        assert await count_rows(session, Item) == 1

    async def test_removal_of_items_is_woken_by_the_commit_only(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        woken: list[bool] = []
        metrics = EventMetrics(CollectorRegistry())
        inbox = Inbox(database, metrics, on_deletion=lambda: woken.append(True))
        event = Account().deleted()
        with monkeypatch.context() as patch:
            patch.setattr(WriteSession, "commit", fails)
            with pytest.raises(ZeroDivisionError):
                await inbox.receive(event)
        assert woken == []
        await inbox.receive(event)
        assert woken == [True]

    async def test_no_transaction_is_open_while_users_is_called(
        self, user_client: AppClient, users: FakeUsers, database: Database
    ) -> None:
        seen: list[int] = []

        async def look() -> None:
            pool = database.write_engine.pool
            assert isinstance(pool, QueuePool)
            seen.append(pool.checkedout())

        users.meanwhile = look
        await create_item(user_client)
        assert seen == [0]


class TestLockOrder:
    async def test_idempotency_key_is_locked_before_the_owner(
        self, postgres: Database, session: WriteSession, user_client: AppClient
    ) -> None:
        await create_owner(session, owner_id=1)
        await claim_key(session, "k1")
        stored = await session.get_one(CreatedItem, (1, "k1"))
        stored.created_at -= KEEP
        await session.commit()

        async def create(_: WriteSession) -> None:
            headers = {"Idempotency-Key": "k1"}
            response = await user_client.post("/items/", json=create_item_data(), headers=headers)
            assert_item_response(response, status=201)

        first, later = select(col(CreatedItem.key)), select(col(Owner.id))
        await assert_lock_order(postgres, create, first=first, later=later)

    async def test_owners_are_locked_in_the_order_of_their_ids(
        self, postgres: Database, session: WriteSession
    ) -> None:
        for owner_id in (1, 2, 3):
            await create_owner(session, owner_id=owner_id)
        states = [
            OwnerState(id=owner_id, name="New", is_active=True, version=9) for owner_id in (3, 1, 2)
        ]
        await assert_lock_order(
            postgres,
            lambda applying: owners.apply_states(applying, states),
            first=select(col(Owner.id)).where(col(Owner.id) == 1),
            later=select(col(Owner.id)).where(col(Owner.id) > 1),
        )


class TestLocks:
    async def test_second_update_waits_and_sees_the_first(
        self, postgres: Database, user_client: AppClient
    ) -> None:
        created = await create_item(user_client)
        path, etag = created.headers["Location"], created.headers["ETag"]
        for request in (
            partial(user_client.patch, path, json={"name": "Late"}),
            partial(user_client.delete, path),
        ):
            async with postgres.transaction() as first:
                item = await ItemRepository(first).get_locked(created.json()["id"])
                assert item is not None
                second = asyncio.create_task(request(headers={"If-Match": etag}))
                await until_blocked(postgres)
                item.version += 1
            assert_error_response(await second, 412, "precondition_failed")

    async def test_two_items_of_an_owner_are_created_at_once(
        self, postgres: Database, session: WriteSession
    ) -> None:
        await create_owner(session, owner_id=1)
        async with postgres.transaction() as one, postgres.transaction() as other:
            for each in (one, other):
                await items.create(each, 1, ITEM)
        assert await count_rows(session, Item) == 2

    async def test_duplicate_of_an_event_waits_for_no_owner(
        self, postgres: Database, relay: EventSender
    ) -> None:
        event = Account().created()
        assert_status(await relay.send(event), 204)
        async with postgres.transaction() as using:
            await items.create(using, Account().id, ITEM)
            assert_status(await relay.send(event), 204)

    async def test_two_workers_remove_the_items_of_different_owners(
        self, postgres: Database, session: WriteSession
    ) -> None:
        states = [OwnerState.deleted(owner_id, 2) for owner_id in (7, 8)]
        await postgres.transact(partial(owners.apply_states, states=states))
        async with postgres.transaction() as one, postgres.transaction() as other:
            chosen = [await ItemRemovalRepository(each).next_owner_id() for each in (one, other)]
        assert chosen == [7, 8]

    async def test_resync_begins_after_an_answer_from_before_it_is_stored(
        self, postgres: Database
    ) -> None:
        """Else it would read the owners without the one whom that answer adds."""
        async with postgres.transaction() as storing:
            await ResyncRepository(storing).hold_off()
            resyncing = asyncio.create_task(resync(postgres, FakeDirectory(), max_deletions=9))
            await until_blocked(postgres)
            await OwnerRepository(storing).add_if_absent(Owner(id=7, name="Ada"))
        assert (await resyncing).deleted == 1
