"""The items of deleted owners are removed in batches, by any number of replicas, and after a crash."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete, func
from sqlmodel import col, select

from app.jobs.item_removal import POLL_SECONDS, remove_some
from app.main import create_app
from app.models import Item, ItemRemoval, Owner
from app.settings import ItemsSettings
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_status
from service_testing.client import AppClient
from service_testing.events import EventSender, sender_token
from service_testing.lifespan import running
from service_testing.locks import until_blocked
from service_testing.queries import QueryCounter
from service_testing.tokens import TokenIssuer
from tests.factories import Account, create_items, create_owner
from tests.fake_users import FakeUsers
from tests.helpers import count_rows, metric, removal_owner_ids, run_item_removal

ADA = Account()
IS_FIRST = col(Item.id) == select(func.min(Item.id)).scalar_subquery()


async def left(session: WriteSession, owner_id: int = 7) -> int:
    count = select(func.count()).select_from(Item).where(col(Item.owner_id) == owner_id)
    return (await session.exec(count)).one()


async def delete_owner(session: WriteSession, owner_id: int, items: int) -> None:
    """Store a deleted owner with this many items, and the removal."""
    await create_owner(session, owner_id=owner_id, is_deleted=True, is_active=False)
    await create_items(session, *({"owner_id": owner_id} for _ in range(items)))
    session.add(ItemRemoval(owner_id=owner_id))
    await session.commit()


class TestMetrics:
    async def test_metrics_show_the_waiting_removals(
        self, client: AppClient, session: WriteSession
    ) -> None:
        waiting, oldest = "item_removals_waiting", "item_removals_oldest_age_seconds"
        assert (await metric(client, waiting))[()] == (await metric(client, oldest))[()] == 0
        await delete_owner(session, 7, items=1)
        await delete_owner(session, 8, items=1)
        removal = await session.get_one(ItemRemoval, 7)
        removal.requested_at -= timedelta(minutes=10)
        await session.commit()
        assert (await metric(client, waiting))[()] == 2
        assert 600 <= (await metric(client, oldest))[()] < 660


class TestRemoveSome:
    @pytest.mark.parametrize(("items", "left_after"), [(25, [15, 5, 0]), (20, [10, 0, 0])])
    async def test_remove_some_deletes_one_batch(
        self, database: Database, session: WriteSession, items: int, left_after: list[int]
    ) -> None:
        await delete_owner(session, 7, items=items)
        await create_owner(session, owner_id=8)
        await create_items(session, {"owner_id": 8})
        seen = []
        for _ in range(3):
            assert await remove_some(database, batch_size=10) == 0
            seen.append(await left(session))
        assert seen == left_after
        assert await removal_owner_ids(session) == []
        assert await remove_some(database, batch_size=10) == POLL_SECONDS
        assert await left(session, 8) == 1

    async def test_remove_some_runs_three_statements_for_any_number_of_items(
        self, database: Database, session: WriteSession, query_counter: QueryCounter
    ) -> None:
        await delete_owner(session, 7, items=100)
        with query_counter.at_most(3):
            await remove_some(database)

    async def test_remove_some_continues_after_a_crash(
        self, database: Database, session: WriteSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await delete_owner(session, 7, items=15)
        await remove_some(database, batch_size=10)

        class Killed(BaseException):
            pass

        def die(*_: object) -> None:
            raise Killed

        with monkeypatch.context() as dying:
            dying.setattr("app.repositories.items.delete", die)
            with pytest.raises(Killed):
                await remove_some(database, batch_size=10)
        assert (await left(session), await removal_owner_ids(session)) == (5, [7])
        await run_item_removal(database)
        assert (await left(session), await removal_owner_ids(session)) == (0, [])


@pytest.mark.committed
class TestSeveralReplicas:
    async def test_concurrent_replicas_remove_all_items(
        self, database: Database, session: WriteSession
    ) -> None:
        for owner_id in range(1, 6):
            await delete_owner(session, owner_id, items=20)

        async def work() -> None:
            while await remove_some(database, batch_size=3) == 0:
                pass

        await asyncio.gather(*(work() for _ in range(4)))
        await run_item_removal(database)
        assert await removal_owner_ids(session) == []
        assert await count_rows(session, Item) == 0
        assert await count_rows(session, Owner) == 5

    async def test_locked_removal_does_not_block_other_removals(
        self, database: Database, session: WriteSession, pytestconfig: pytest.Config
    ) -> None:
        if database.is_sqlite:
            pytest.skip("SQLite has one writer at a time")
        await delete_owner(session, 7, items=3)
        await delete_owner(session, 8, items=3)
        async with database.transaction() as busy:
            await busy.exec(
                select(ItemRemoval).where(col(ItemRemoval.owner_id) == 7).with_for_update()
            )
            while await remove_some(database) == 0:
                pass
        assert (await left(session, 7), await left(session, 8)) == (3, 0)

    async def test_item_that_is_deleted_meanwhile_does_not_end_the_removal_early(
        self, database: Database, session: WriteSession
    ) -> None:
        if database.is_sqlite:
            pytest.skip("SQLite has one writer at a time")
        await delete_owner(session, 7, items=5)
        async with database.transaction() as other_request:
            # A request that began before the deletion and ends while the batch waits for the row.
            await other_request.exec(delete(Item).where(col(Item.owner_id) == 7, IS_FIRST))
            batch = asyncio.create_task(remove_some(database, batch_size=3))
            await until_blocked(database)
        assert await batch == 0
        await run_item_removal(database)
        assert (await left(session), await removal_owner_ids(session)) == (0, [])


@pytest.mark.committed
class TestBackgroundWork:
    async def test_items_are_removed_after_a_deletion_and_after_a_restart(
        self,
        settings: ItemsSettings,
        database: Database,
        session: WriteSession,
        token_issuer: TokenIssuer,
        users: FakeUsers,
    ) -> None:
        await delete_owner(session, 8, items=3)  # by a process that was killed
        working = settings.model_copy(update={"background": True})
        async with running(create_app(working, database=database, users=users)) as client:
            await until_none_is_left(session, 8)
            await create_owner(session, owner_id=7)
            await create_items(session, *({"owner_id": 7} for _ in range(3)))
            relay = EventSender(client, sender_token(token_issuer, audience="items-events"))
            assert_status(await relay.send(ADA.deleted()), 204)
            await until_none_is_left(session, 7)
        assert await removal_owner_ids(session) == []

    async def test_process_without_background_work_removes_nothing(
        self, settings: ItemsSettings, database: Database, session: WriteSession, users: FakeUsers
    ) -> None:
        await delete_owner(session, 8, items=3)
        async with running(create_app(settings, database=database, users=users)) as client:
            assert await metric(client, "background_task_failures_total") == {}
        assert await removal_owner_ids(session) == [8]


async def until_none_is_left(session: WriteSession, owner_id: int) -> None:
    async with asyncio.timeout(POLL_SECONDS / 2):  # it was woken, because polling takes longer
        while await left(session, owner_id):
            await session.rollback()
            await asyncio.sleep(0.01)
        await session.rollback()
