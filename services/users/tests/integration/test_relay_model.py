"""Whatever the order of writes, failures, crashes and passing time: nothing is lost or out of order."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select, text
from sqlmodel import col

from app.models import PENDING, OutboxEvent, OutboxStream
from app.outbox.relay import Relay
from app.outbox.sink import Answer, Delivered, Failed, Refused
from chassis.db.database import Database
from service_testing.databases import delete_all_rows
from service_testing.frozen_time import FrozenTime, frozen
from service_testing.properties import examples
from tests.sinks import SETTINGS, deliver_all, gives_answer, register, relay_to, rename

ResultT = TypeVar("ResultT")

USERS, RELAYS = 4, 2
ANSWERS = st.sampled_from(
    [Delivered(), Failed("status 503"), Refused("status 400"), Failed("status 429", "", 7.0)]
)


class ModelSink:
    """Answers what the machine has drawn, and notes what comes before its time."""

    def __init__(self) -> None:
        self.script: list[Answer] = []
        self.taken: defaultdict[int, set[int]] = defaultdict(set)
        self.parked: defaultdict[int, set[int]] = defaultdict(set)
        self.written: dict[int, int] = {}
        """The last version of each user."""
        self.out_of_order: list[tuple[int, int]] = []

    async def deliver(self, event: OutboxEvent) -> Answer:
        user_id, version = event.user_id, event.version
        done = self.taken[user_id] | self.parked[user_id]
        if not set(range(1, version)) <= done:
            # Raised here it would be a failed delivery like another.
            self.out_of_order.append((user_id, version))
        answer = self.script.pop(0) if self.script else Delivered()
        gives_answer(answer)
        if isinstance(answer, Delivered):
            self.taken[user_id].add(version)
        elif isinstance(answer, Refused):
            self.parked[user_id].add(version)
        return answer


class Machine(RuleBasedStateMachine):
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.runner = self.stack.enter_context(asyncio.Runner())
        self.time: FrozenTime = self.stack.enter_context(frozen())
        self.run(delete_all_rows(self.url))
        self.databases = [Database(self.url) for _ in range(RELAYS)]
        self.sink = ModelSink()
        self.relays: list[Relay] = []
        self.serial = 0

    def run(self, coroutine: Coroutine[Any, Any, ResultT]) -> ResultT:
        return self.runner.run(coroutine)

    @initialize()
    def start_relays(self) -> None:
        self.relays = [relay_to(self.sink, database) for database in self.databases]

    @rule()
    @precondition(lambda self: len(self.sink.written) < USERS)
    def someone_registers(self) -> None:
        self.serial += 1
        user_id: int = self.run(register(self.databases[0], self.serial))
        self.sink.written[user_id] = 1

    @rule(data=st.data(), times=st.integers(1, 3))
    @precondition(lambda self: self.sink.written)
    def someone_changes(self, data: st.DataObject, times: int) -> None:
        user_id = data.draw(st.sampled_from(sorted(self.sink.written)))
        names = [f"{self.serial}-{number}" for number in range(times)]
        self.serial += 1
        self.run(rename(self.databases[0], user_id, *names))
        self.sink.written[user_id] += times

    @rule(answers=st.lists(ANSWERS, max_size=6))
    def the_sink_will_answer(self, answers: list[Answer]) -> None:
        self.sink.script = list(answers)

    @rule(number=st.integers(0, RELAYS - 1))
    def a_relay_works(self, number: int) -> None:
        async def work() -> None:
            await self.relays[number].work()
            await self.relays[number].settle()

        self.run(work())

    @rule(number=st.integers(0, RELAYS - 1))
    def a_relay_dies(self, number: int) -> None:
        """What it delivered since its last unit of work is recorded nowhere."""
        self.relays[number] = relay_to(self.sink, self.databases[number])

    @rule(number=st.integers(0, RELAYS - 1))
    def a_relay_is_restarted(self, number: int) -> None:
        self.run(self.relays[number].close(patience_seconds=5))
        self.a_relay_dies(number)

    @rule(seconds=st.sampled_from([0.3, 5.0, SETTINGS.lease_seconds]))
    def time_passes(self, seconds: float) -> None:
        self.time.tick(seconds)

    @invariant()
    def nothing_came_out_of_order(self) -> None:
        assert self.sink.out_of_order == []

    @invariant()
    def pending_events_have_a_stream(self) -> None:
        assert self.run(_orphans(self.databases[0])) == 0

    def teardown(self) -> None:
        """In the end, with a sink that is there, everything has arrived."""
        try:
            if self.relays:
                self.sink.script = []
                for _ in range(3):
                    self.time.tick(SETTINGS.lease_seconds)
                    self.run(deliver_all(self.relays[0]))
                assert self.sink.out_of_order == []
                for user_id, last in self.sink.written.items():
                    done = self.sink.taken[user_id] | self.sink.parked[user_id]
                    assert done == set(range(1, last + 1))
                assert self.run(_pending(self.databases[0])) == 0
        finally:
            for database in self.databases:
                self.run(database.aclose())
            self.stack.close()


PENDING_EVENTS = select(func.count(col(OutboxEvent.id))).where(text(PENDING))


async def _pending(database: Database) -> int:
    async with database.orm_read_session() as session:
        return await session.scalar(PENDING_EVENTS) or 0


async def _orphans(database: Database) -> int:
    """Pending events that no relay would ever find."""
    has_none = col(OutboxEvent.user_id).not_in(select(col(OutboxStream.user_id)))
    async with database.orm_read_session() as session:
        return await session.scalar(PENDING_EVENTS.where(has_none)) or 0


@pytest.fixture
def machine(spare_database_url: str, monkeypatch: pytest.MonkeyPatch) -> type[Machine]:
    monkeypatch.setattr(Machine, "url", spare_database_url, raising=False)
    return Machine


@pytest.mark.slow
def test_nothing_is_lost_or_out_of_order(machine: type[Machine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples(0.3),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
