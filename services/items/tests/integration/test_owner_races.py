"""Concurrent deletions, renames, duplicates and creates, each in its own transaction."""

import asyncio
from collections import Counter
from decimal import Decimal

import pytest
from sqlalchemy import func
from sqlmodel import col, select

from app.models import Item, ItemRemoval, Owner, ReceivedEvent
from app.schemas import ItemCreate
from app.services import items
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from service_testing.client import AppClient, as_user
from service_testing.events import EventSender
from service_testing.locks import until_blocked
from tests.factories import Account, create_item_data, create_owner
from tests.fake_users import FakeUsers
from tests.helpers import count_rows, run_item_removal

pytestmark = pytest.mark.committed

OWNERS = range(1, 11)


async def items_of_the_deleted(session: WriteSession) -> int:
    statement = (
        select(func.count())
        .select_from(Item)
        .join(Owner, col(Owner.id) == col(Item.owner_id))
        .where(col(Owner.is_deleted))
    )
    return (await session.exec(statement)).one()


class TestConcurrentDeletion:
    async def test_no_item_of_a_deleted_owner_remains(
        self,
        client: AppClient,
        users: FakeUsers,
        relay: EventSender,
        database: Database,
        session: WriteSession,
    ) -> None:
        async def create(token: str) -> int:
            caller = as_user(client, token)
            return (await caller.post("/items/", json=create_item_data())).status_code

        async def delete(owner_id: int) -> int:
            return (await relay.send(Account(id=owner_id).deleted())).status_code

        requests = []
        for owner_id in OWNERS:
            token = users.add(user_id=owner_id)
            requests += [create(token) for _ in range(4)]
            requests.append(delete(owner_id))
            requests += [create(token) for _ in range(4)]
        statuses = Counter(await asyncio.gather(*requests))
        assert statuses[204] == len(OWNERS)
        assert set(statuses) <= {201, 204, 403}

        # No item can be created after a deletion, so one run removes all of them.
        await run_item_removal(database)
        assert await items_of_the_deleted(session) == 0
        assert await count_rows(session, ItemRemoval) == 0
        tombstones = await session.exec(select(Owner.is_deleted))
        assert list(tombstones) == [True] * len(OWNERS)

    async def test_deletion_waits_for_an_item_that_is_being_created(
        self, relay: EventSender, database: Database, session: WriteSession
    ) -> None:
        if database.is_sqlite:
            pytest.skip("SQLite has one writer at a time: a transaction of this test would block")
        await create_owner(session, owner_id=7)
        async with database.transaction() as creating:
            await items.create(creating, 7, ItemCreate(name="x", price=Decimal(1)))
            deletion = asyncio.create_task(relay.send(Account().deleted()))
            await until_blocked(database)
            assert not deletion.done()
        assert (await deletion).status_code == 204
        assert await items_of_the_deleted(session) == 1
        await run_item_removal(database)
        assert await items_of_the_deleted(session) == 0


class TestConcurrentEvents:
    async def test_event_delivered_twenty_times_at_once_is_applied_once(
        self, relay: EventSender, session: WriteSession, client: AppClient
    ) -> None:
        event = Account().created()
        answers = await asyncio.gather(*(relay.send(event) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {204}
        assert await count_rows(session, ReceivedEvent) == 1

    async def test_versions_delivered_at_once_leave_the_highest(
        self, relay: EventSender, session: WriteSession
    ) -> None:
        account = Account()
        events = [account.created()]
        for number in range(20):
            account = account.changed(name=f"Ada {number}")
            events.append(account.updated())
        await asyncio.gather(*(relay.send(event) for event in reversed(events)))
        owner = await session.get_one(Owner, 7)
        assert (owner.name, owner.version) == ("Ada 19", 21)

    async def test_concurrent_rename_and_first_items_leave_the_new_name(
        self, client: AppClient, users: FakeUsers, relay: EventSender, session: WriteSession
    ) -> None:
        caller = as_user(client, users.add(user_id=7, name="Ada of before"))
        renamed = Account().changed(name="Grace")
        answers = await asyncio.gather(
            *(caller.post("/items/", json=create_item_data()) for _ in range(5)),
            relay.send(renamed.updated()),
            *(caller.post("/items/", json=create_item_data()) for _ in range(5)),
        )
        assert Counter(answer.status_code for answer in answers) == {201: 10, 204: 1}
        assert (await session.get_one(Owner, 7)).name == "Grace"
