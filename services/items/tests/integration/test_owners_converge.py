"""Owners converge to the accounts of the users service, whatever happens in whatever order.

Hypothesis plays users, their events, look-ups, resyncs and crashes against this service's own code.
"""

import asyncio
import random
from collections.abc import Coroutine
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

from app.jobs.pruning import prune_some
from chassis.db.database import Database
from service_testing.properties import examples
from tests.factories import Account
from tests.simulation import Simulation

# Few ids, so that many things happen to each.
ANY = st.integers(0, 1000)
NAMES = st.sampled_from(["Ada", "Grace", "Joan"])


class Services(RuleBasedStateMachine):
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = Database(self.url)
        self.simulation = Simulation(self.database)
        self.reserved: list[int] = []
        self.last_id = 0
        self.has_lost = False
        self.tombstones: set[int] = set()
        self.versions: dict[int, int] = {}

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def pick(self, number: int) -> int:
        """One of the existing users."""
        ids = sorted(self.simulation.users.accounts)
        return ids[number % len(ids)]

    @initialize(order=st.randoms(use_true_random=False), items_last=st.booleans())
    def begin(self, order: random.Random, items_last: bool) -> None:
        self.order = order
        self.items_last = items_last
        self.run(self.simulation.empty())
        for _ in range(2):
            self.create(None, "Ada")
        self.deliver(0, comes_again=False)  # the other one is still unknown

    # Actions of users. An id may be assigned long before the account is committed.

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
        self.simulation.users.save(account, account.created())

    @precondition(lambda self: self.simulation.users.accounts)
    @rule(number=ANY, name=NAMES, is_active=st.booleans())
    def update(self, number: int, name: str, is_active: bool) -> None:
        account = self.simulation.users.accounts[self.pick(number)]
        changed = account.changed(name=name, is_active=is_active)
        self.simulation.users.save(changed, changed.updated())

    @precondition(lambda self: self.simulation.users.accounts)
    @rule(number=ANY)
    def delete(self, number: int) -> None:
        self.simulation.users.delete(self.pick(number))

    # Deliveries of events.

    @precondition(lambda self: self.simulation.users.events)
    @rule(number=ANY, comes_again=st.booleans())
    def deliver(self, number: int, comes_again: bool) -> None:
        events = self.simulation.users.events
        event = events[number % len(events)]
        self.run(self.simulation.inbox.receive(event))
        if not comes_again:
            events.remove(event)

    @precondition(lambda self: self.simulation.users.events)
    @rule(number=ANY)
    def lose(self, number: int) -> None:
        events = self.simulation.users.events
        events.remove(events[number % len(events)])
        self.has_lost = True

    @precondition(lambda self: self.simulation.users.accounts and self.simulation.resync is None)
    @rule(number=ANY)
    def vanish(self, number: int) -> None:
        """The event of a deletion is lost, and a resync detects it while a lookup is running."""
        users = self.simulation.users
        asked_for = sorted(users.accounts.keys() & users.creations.keys())
        users.delete(asked_for[number % len(asked_for)] if asked_for else self.pick(number))
        self.simulation.users.events.pop()
        self.has_lost = True
        self.run(self.simulation.begin_resync())
        self.run(self.simulation.finish_resync())

    # Actions of this service.

    @precondition(lambda self: self.simulation.users.accounts)
    @rule(number=ANY, steps=st.integers(0, 2))
    def begin_item(self, number: int, steps: int) -> None:
        user_id = self.pick(number)
        if user_id not in self.simulation.users.creations:
            self.run(self.simulation.begin_item(user_id))
        for _ in range(steps):
            if user_id in self.simulation.users.creations:
                self.run(self.simulation.step_item(user_id))

    @precondition(lambda self: self.simulation.users.creations)
    @rule(number=ANY)
    def step_item(self, number: int) -> None:
        ids = sorted(self.simulation.users.creations)
        self.run(self.simulation.step_item(ids[number % len(ids)]))

    @precondition(lambda self: self.simulation.resync is None)
    @rule()
    def begin_resync(self) -> None:
        self.run(self.simulation.begin_resync())

    @precondition(lambda self: self.simulation.resync)
    @rule()
    def step_resync(self) -> None:
        self.run(self.simulation.step_resync())

    @precondition(lambda self: self.simulation.resync)
    @rule()
    def kill_resync(self) -> None:
        self.run(self.simulation.kill_resync())

    @rule()
    def remove_items(self) -> None:
        self.run(self.simulation.remove_items())

    @rule()
    def forget_events(self) -> None:
        self.run(prune_some(self.database, keep=timedelta(0)))

    # Invariants, and the final state.

    @invariant()
    def nobody_comes_back_and_no_version_falls(self) -> None:
        self.check_owners()

    def check_owners(self) -> None:
        known = self.run(self.simulation.known())
        deleted = {owner_id for owner_id, owner in known.items() if owner.is_deleted}
        assert self.tombstones <= deleted
        self.tombstones = deleted
        for owner_id, owner in known.items():
            assert owner.version >= self.versions.get(owner_id, 0)
            self.versions[owner_id] = owner.version
            assert not (owner.is_deleted and owner.is_active)
            assert not (owner.is_deleted and owner_id in self.simulation.users.accounts)

    @rule()
    def come_to_rest(self) -> None:
        """No more changes: everything under way arrives, in any order."""
        self.run(self.simulation.finish_resync())
        if not self.items_last:
            self.run(self.simulation.finish_items())
        events = self.simulation.users.events
        self.order.shuffle(events)
        while events:
            self.run(self.simulation.inbox.receive(events.pop()))
            self.check_owners()
        if self.has_lost:
            self.run(self.simulation.begin_resync())
            self.run(self.simulation.finish_resync())
            self.has_lost = False
        self.run(self.simulation.finish_items())
        self.run(self.simulation.remove_items())
        self.compare()

    def compare(self) -> None:
        known = self.run(self.simulation.known())
        living = {
            owner.id: (owner.name, owner.is_active, owner.version)
            for owner in known.values()
            if not owner.is_deleted
        }
        accounts = self.simulation.users.accounts.values()
        assert living == {it.id: (it.name, it.is_active, it.version) for it in accounts}
        assert self.run(self.simulation.items_of(set(known) - set(living))) == 0

    def teardown(self) -> None:
        try:
            self.come_to_rest()
        finally:
            self.run(self.simulation.stop())
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
