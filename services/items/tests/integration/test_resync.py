"""`resync`, while events arrive and lookups run."""

import pytest
from sqlmodel import select

from app.clients.users_directory import DirectoryFailed
from app.events.user_events import NAME_OF_THE_DELETED
from app.jobs.resync import Progress, TooManyDeletions, resync
from app.models import Owner, Resync
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient, as_user
from service_testing.events import EventSender
from tests.factories import Account, create_item_data, create_items, create_owner
from tests.fake_users import FakeDirectory, FakeUsers
from tests.helpers import assert_item_response, removal_owner_ids

ADA, GRACE, JOAN = (Account(id=i, name=name) for i, name in ((1, "Ada"), (2, "Grace"), (3, "Joan")))


async def known(session: WriteSession) -> dict[int, tuple[str, int, bool]]:
    """Each owner's name, version, and whether they are active."""
    session.expire_all()
    owners = await session.exec(select(Owner))
    return {owner.id: (owner.name, owner.version, owner.is_active) for owner in owners}


async def run(database: Database, directory: FakeDirectory, max_deletions: int = 10) -> Progress:
    return await resync(database, directory, max_deletions=max_deletions)


class TestResync:
    async def test_resync_of_an_empty_database_stores_all_users(
        self, database: Database, session: WriteSession
    ) -> None:
        done = await run(database, FakeDirectory(ADA, GRACE, JOAN.changed(is_active=False)))
        assert done == Progress(users=3, changed=3, deleted=0)
        assert await known(session) == {
            1: ("Ada", 1, True),
            2: ("Grace", 1, True),
            3: ("Joan", 2, False),
        }

    async def test_resync_replaces_lost_events(
        self, database: Database, session: WriteSession
    ) -> None:
        await run(database, FakeDirectory(ADA, GRACE, JOAN))
        await create_items(session, {"owner_id": 2})
        done = await run(database, FakeDirectory(ADA.changed(name="Countess"), JOAN))
        assert done == Progress(users=2, changed=1, deleted=1)
        assert await known(session) == {
            1: ("Countess", 2, True),
            2: (NAME_OF_THE_DELETED, 1, False),
            3: ("Joan", 1, True),
        }
        assert await removal_owner_ids(session) == [2]

    async def test_resync_keeps_the_state_of_a_newer_event(
        self, database: Database, session: WriteSession, relay: EventSender
    ) -> None:
        await relay.send(ADA.changed(name="Countess").updated())
        await run(database, FakeDirectory(ADA))
        assert await known(session) == {1: ("Countess", 2, True)}

    async def test_resync_without_users_deletes_all_owners_if_allowed(
        self, database: Database, session: WriteSession
    ) -> None:
        await run(database, FakeDirectory(ADA, GRACE, JOAN))
        done = await run(database, FakeDirectory(), max_deletions=3)
        assert done == Progress(users=0, changed=0, deleted=3)
        assert sorted(await removal_owner_ids(session)) == [1, 2, 3]

    async def test_resync_above_the_limit_of_deletions_deletes_nobody(
        self, database: Database, session: WriteSession
    ) -> None:
        await run(database, FakeDirectory(ADA, GRACE, JOAN))
        with pytest.raises(TooManyDeletions) as refused:
            await run(database, FakeDirectory(), max_deletions=2)
        assert refused.value.count == 3
        assert await removal_owner_ids(session) == []

    async def test_resync_reports_its_progress(
        self, database: Database, session: WriteSession
    ) -> None:
        await create_owner(session, owner_id=9)
        seen: list[tuple[int, int]] = []
        await resync(
            database,
            FakeDirectory(ADA, GRACE, JOAN),
            max_deletions=1,
            on_progress=lambda now: seen.append((now.users, now.deleted)),
        )
        assert seen == [(2, 0), (3, 0), (3, 1)]


class TestRestoredUsers:
    """users was restored from a backup without its `after-restore`."""

    async def test_owners_that_are_newer_or_deleted_here_are_reported(
        self, database: Database, session: WriteSession, relay: EventSender
    ) -> None:
        renamed = ADA.changed(name="Countess")
        for event in (renamed.updated(), GRACE.created(), GRACE.deleted(), JOAN.created()):
            await relay.send(event)
        done = await run(database, FakeDirectory(ADA, GRACE, JOAN))
        assert (done.newer_ids, done.deleted_ids) == ([1], [2])
        caught_up = await run(database, FakeDirectory(renamed, JOAN))
        assert (caught_up.newer_ids, caught_up.deleted_ids) == ([], [])


class TestFailedResync:
    @pytest.mark.parametrize("page", [0, 1, 2])
    async def test_failed_resync_keeps_what_it_read_and_can_run_again(
        self, database: Database, session: WriteSession, page: int
    ) -> None:
        await create_owner(session, owner_id=9, name="Deleted without an event")
        directory = FakeDirectory(ADA, GRACE, JOAN, page_size=1)
        directory.fails_at_page = page
        with pytest.raises(DirectoryFailed):
            await run(database, directory)
        assert (await known(session)).keys() == {9, *range(1, page + 1)}
        assert await removal_owner_ids(session) == []

        directory.fails_at_page = None
        await run(database, directory)
        assert (await known(session)).keys() == {1, 2, 3, 9}
        assert await removal_owner_ids(session) == [9]
        finished = list(await session.exec(select(Resync.finished_at)))
        assert [moment is not None for moment in finished] == [False, True]


class TestConcurrentEvents:
    """Owners are correct in the end, whatever happens between two pages.

    `test_owners_converge.py` tries many more orders.
    """

    @pytest.mark.parametrize("page", [0, 1])
    @pytest.mark.parametrize("newcomer", [GRACE, Account(id=9, name="Last")], ids=["late", "new"])
    async def test_user_created_during_a_resync_is_not_deleted(
        self,
        database: Database,
        session: WriteSession,
        relay: EventSender,
        newcomer: Account,
        page: int,
    ) -> None:
        """The listing doesn't contain the user, who was committed after their page was read."""
        directory = FakeDirectory(ADA, JOAN, page_size=1)

        async def create(number: int) -> None:
            if number == page:
                await relay.send(newcomer.created())

        directory.before_page = create
        assert (await run(database, directory)).deleted == 0
        assert (await known(session))[newcomer.id] == (newcomer.name, 1, True)

    @pytest.mark.parametrize("page", [0, 1, 2])
    @pytest.mark.parametrize("is_lost", [False, True])
    async def test_user_deleted_during_a_resync_is_deleted(
        self,
        database: Database,
        session: WriteSession,
        relay: EventSender,
        page: int,
        is_lost: bool,
    ) -> None:
        directory = FakeDirectory(ADA, GRACE, JOAN, page_size=1)
        await run(database, directory)

        async def delete(number: int) -> None:
            if number == page:
                del directory.accounts[3]
                if not is_lost:
                    await relay.send(JOAN.deleted())

        directory.before_page = delete
        await run(database, directory)
        assert (await known(session))[3][0] == NAME_OF_THE_DELETED
        assert await removal_owner_ids(session) == [3]


class TestConcurrentLookups:
    async def test_lookup_is_repeated_after_a_resync_began(
        self, database: Database, session: WriteSession, client: AppClient, users: FakeUsers
    ) -> None:
        """The account is deleted after users responded, its event is lost, and a resync runs."""
        caller = as_user(client, users.add(user_id=1))

        async def overtake() -> None:
            if users.lookups == 1:
                # The response of this lookup was sent before; the next one is None.
                users.answers_next = users.summary(1)
                users.remove(1)
                await run(database, FakeDirectory(GRACE))

        users.meanwhile = overtake
        response = await caller.post("/items/", json=create_item_data())
        assert_error_response(response, 403, "owner_gone")
        assert users.lookups == 2
        assert (await known(session)).keys() == {2}

    async def test_repeated_lookup_of_an_existing_user_succeeds(
        self, database: Database, session: WriteSession, client: AppClient, users: FakeUsers
    ) -> None:
        caller = as_user(client, users.add(user_id=1))

        async def overtake() -> None:
            if users.lookups == 1:
                await run(database, FakeDirectory())

        users.meanwhile = overtake
        response = await caller.post("/items/", json=create_item_data())
        assert_item_response(response, status=201)
        assert users.lookups == 2
