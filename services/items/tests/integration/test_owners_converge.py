"""Owners converge to the accounts of the users service, whatever happens in whatever order.

Hypothesis chooses changes in users, deliveries, lookups, resyncs and crashes. The code of this service runs
on a real database.
"""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete
from sqlmodel import col, select

from app.errors import OwnerGone, OwnerInactive, OwnerUnknown
from app.events.inbox import Inbox
from app.jobs.pruning import prune_some
from app.jobs.resync import resync
from app.metrics import EventMetrics
from app.models import Item, ItemRemoval, Owner, ReceivedEvent, Resync
from app.schemas import ItemCreate
from app.services import items
from app.services.owners import OwnerLookup
from chassis.auth.tokens import Principal
from chassis.db.database import Database
from service_testing.properties import examples
from tests.factories import Account, create_item_data
from tests.helpers import run_item_removal
from tests.simulation import SteppedDirectory, Stepwise, UsersInMemory

# Few ids, so that many things happen to each.
ANY = st.integers(0, 1000)
NAMES = st.sampled_from(["Ada", "Grace", "Joan"])
TABLES = (ReceivedEvent, ItemRemoval, Resync, Item, Owner)


class Services(RuleBasedStateMachine):
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = Database(self.url)
        self.users = UsersInMemory()
        self.inbox = Inbox(self.database, EventMetrics(), on_deletion=lambda: None)
        self.lookup = OwnerLookup(self.database, self.users)
        self.resync: Stepwise | None = None
        self.reserved: list[int] = []
        self.last_id = 0
        self.has_lost = False
        self.tombstones: set[int] = set()
        self.versions: dict[int, int] = {}

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def pick(self, number: int) -> int:
        """One of the existing users."""
        ids = sorted(self.users.accounts)
        return ids[number % len(ids)]

    @initialize(order=st.randoms(use_true_random=False), items_last=st.booleans())
    def begin(self, order: random.Random, items_last: bool) -> None:
        self.order = order
        self.items_last = items_last
        self.run(self.empty())
        for _ in range(2):
            self.create(None, "Ada")
        self.deliver(0, is_repeated=False)  # the other one is still unknown

    async def empty(self) -> None:
        async with self.database.transaction() as session:
            for table in TABLES:
                await session.exec(delete(table))

    # Changes in users. An id may be assigned long before the account is committed.

    @rule()
    def reserve_id(self) -> None:
        self.last_id += 1
        self.reserved.append(self.last_id)

    @rule(number=st.none() | ANY, name=NAMES)
    def create(self, number: int | None, name: str) -> None:
        if number is None or not self.reserved:
            number = -1
            self.reserve_id()
        account = Account(id=self.reserved.pop(number % len(self.reserved)), name=name)
        self.users.save(account, account.created())

    @precondition(lambda self: self.users.accounts)
    @rule(number=ANY, name=NAMES, is_active=st.booleans())
    def update(self, number: int, name: str, is_active: bool) -> None:
        account = self.users.accounts[self.pick(number)]
        changed = account.changed(name=name, is_active=is_active)
        self.users.save(changed, changed.updated())

    @precondition(lambda self: self.users.accounts)
    @rule(number=ANY)
    def delete(self, number: int) -> None:
        self.users.delete(self.pick(number))

    # Deliveries of events.

    @precondition(lambda self: self.users.events)
    @rule(number=ANY, is_repeated=st.booleans())
    def deliver(self, number: int, is_repeated: bool) -> None:
        event = self.users.events[number % len(self.users.events)]
        self.run(self.inbox.receive(event))
        if not is_repeated:
            self.users.events.remove(event)

    @precondition(lambda self: self.users.events)
    @rule(number=ANY)
    def lose(self, number: int) -> None:
        del self.users.events[number % len(self.users.events)]
        self.has_lost = True

    @precondition(lambda self: self.users.accounts and self.resync is None)
    @rule(number=ANY)
    def delete_unnoticed(self, number: int) -> None:
        """The event of a deletion is lost, and a resync detects it while a lookup is running."""
        looked_up = sorted(self.users.accounts.keys() & self.users.creations.keys())
        self.users.delete(looked_up[number % len(looked_up)] if looked_up else self.pick(number))
        self.users.events.pop()
        self.has_lost = True
        self.begin_resync()
        self.finish_resync()

    # Actions of this service.

    @precondition(lambda self: self.users.accounts)
    @rule(number=ANY, steps=st.integers(0, 2))
    def begin_item(self, number: int, steps: int) -> None:
        user_id = self.pick(number)
        if user_id not in self.users.creations:
            creation = self.users.creations[user_id] = Stepwise()
            self.run(creation.start(self.create_item(user_id, creation)))
        for _ in range(steps):
            self.step_item_of(user_id)

    async def create_item(self, user_id: int, creation: Stepwise) -> None:
        with suppress(OwnerGone, OwnerInactive):
            await creation.pause()
            try:
                await self.create_item_now(user_id)
            except OwnerUnknown:
                await self.lookup.look_up(Principal(user_id=user_id, role="user", token="x"))
                await creation.pause()
                await self.create_item_now(user_id)

    async def create_item_now(self, user_id: int) -> None:
        async with self.database.transaction() as session:
            await items.create(session, user_id, ItemCreate.model_validate(create_item_data()))

    @precondition(lambda self: self.users.creations)
    @rule(number=ANY)
    def step_item(self, number: int) -> None:
        ids = sorted(self.users.creations)
        self.step_item_of(ids[number % len(ids)])

    def step_item_of(self, user_id: int) -> None:
        creation = self.users.creations.get(user_id)
        if creation and self.run(creation.step()):
            del self.users.creations[user_id]

    def finish_items(self) -> None:
        while self.users.creations:
            for user_id in list(self.users.creations):
                self.step_item_of(user_id)

    @precondition(lambda self: self.resync is None)
    @rule()
    def begin_resync(self) -> None:
        self.resync = Stepwise()
        directory = SteppedDirectory(self.users, self.resync)
        work = resync(self.database, directory, max_deletions=1000)
        self.run(self.resync.start(work))

    @precondition(lambda self: self.resync)
    @rule()
    def step_resync(self) -> None:
        if self.resync and self.run(self.resync.step()):
            self.resync = None

    @precondition(lambda self: self.resync)
    @rule()
    def kill_resync(self) -> None:
        if self.resync:
            self.run(self.resync.cancel())
            self.resync = None

    def finish_resync(self) -> None:
        while self.resync:
            self.step_resync()

    @rule()
    def remove_items(self) -> None:
        self.run(run_item_removal(self.database))

    @rule()
    def forget_events(self) -> None:
        self.run(prune_some(self.database, keep=timedelta(0)))

    # Invariants, and the final state.

    async def stored(self) -> tuple[list[Owner], list[int]]:
        """All owners, and the owner of each item."""
        async with self.database.write_session() as session:
            owners = list(await session.exec(select(Owner)))
            return owners, list(await session.exec(select(col(Item.owner_id))))

    @invariant()
    def deleted_owners_stay_deleted_and_versions_never_decrease(self) -> None:
        owners, _ = self.run(self.stored())
        deleted = {owner.id for owner in owners if owner.is_deleted}
        assert self.tombstones <= deleted
        self.tombstones = deleted
        assert not deleted & self.users.accounts.keys()
        for owner in owners:
            assert owner.version >= self.versions.get(owner.id, 0)
            self.versions[owner.id] = owner.version
            assert not (owner.is_deleted and owner.is_active)

    @rule()
    def converge(self) -> None:
        """No more changes: everything under way arrives, in any order."""
        self.finish_resync()
        if not self.items_last:
            self.finish_items()
        self.order.shuffle(self.users.events)
        while self.users.events:
            self.run(self.inbox.receive(self.users.events.pop()))
            self.deleted_owners_stay_deleted_and_versions_never_decrease()
        if self.has_lost:
            self.begin_resync()
            self.finish_resync()
            self.has_lost = False
        self.finish_items()
        self.remove_items()
        owners, item_owner_ids = self.run(self.stored())
        living = {it.id: (it.name, it.is_active, it.version) for it in owners if not it.is_deleted}
        accounts = self.users.accounts.values()
        assert living == {it.id: (it.name, it.is_active, it.version) for it in accounts}
        assert set(item_owner_ids) <= living.keys()

    def teardown(self) -> None:
        try:
            self.converge()
        finally:
            for task in (self.resync, *self.users.creations.values()):
                if task:
                    self.run(task.cancel())
            self.run(self.database.aclose())
            self.runner.close()


@pytest.mark.slow
def test_owners_converge_to_the_accounts_of_users(spare_database_url: str) -> None:
    machine = type("ServicesHere", (Services,), {"url": spare_database_url})
    run_state_machine_as_test(
        machine,
        settings=hypothesis.settings(
            max_examples=examples(0.6), stateful_step_count=30, deadline=None
        ),
    )
