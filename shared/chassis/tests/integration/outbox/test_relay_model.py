"""Whatever the order of writes, failures, crashes and passing time: no subscriber misses an event or gets it early."""

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
from sqlalchemy import select
from sqlmodel import col
from tests.example.publisher import (
    LEASE_SECONDS,
    age_streams,
    change,
    create,
    deliver_all,
    relay_to,
)

from chassis.db.database import Database
from chassis.events.outbox import administration
from chassis.events.outbox.models import OutboxEvent, OutboxStream
from chassis.events.outbox.relay import Relay
from chassis.events.outbox.transport import Answer, Delivered, Failed, Refused
from service_testing.databases import delete_all_rows
from service_testing.frozen_time import FrozenTime, frozen
from service_testing.properties import examples

ResultT = TypeVar("ResultT")

NOTES, PROCESSES = 4, 2
FIRST, LATER = "first", "later"
"""The subscriber of the first minute, and one that comes when events are stored already."""
ANSWERS = st.sampled_from(
    [Delivered(), Failed("status 503"), Refused("status 400"), Failed("status 429", "", 7.0)]
)
SUBSCRIBERS = st.sampled_from([FIRST, LATER])
STREAMS = select(
    col(OutboxStream.subscriber), col(OutboxStream.aggregate_id), col(OutboxStream.next_version)
)


class ModelTransport:
    """Answers what the machine has drawn, and notes events that come too early."""

    def __init__(self) -> None:
        self.script: list[Answer] = []
        self.done: defaultdict[int, set[int]] = defaultdict(set)
        """The versions that were taken or refused, by note."""
        self.out_of_order: list[tuple[int, int]] = []

    async def deliver(self, event: OutboxEvent) -> Answer:
        done = self.done[event.aggregate_id]
        if not set(range(1, event.version)) <= done:
            # An exception would be a failed delivery.
            self.out_of_order.append((event.aggregate_id, event.version))
        answer = self.script.pop(0) if self.script else Delivered()
        if not isinstance(answer, Failed):
            done.add(event.version)
        return answer


class Machine(RuleBasedStateMachine):
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.runner = self.stack.enter_context(asyncio.Runner())
        self.time: FrozenTime = self.stack.enter_context(frozen())
        self.run(delete_all_rows(self.url))
        self.databases = [Database(self.url) for _ in range(PROCESSES)]
        self.transports = {FIRST: ModelTransport(), LATER: ModelTransport()}
        self.relays: dict[tuple[int, str], Relay] = {}
        self.written: dict[int, int] = {}
        """The last version of each note."""

    def run(self, coroutine: Coroutine[Any, Any, ResultT]) -> ResultT:
        return self.runner.run(coroutine)

    def relay(self, process: int, subscriber: str) -> Relay:
        """It registers its subscriber when it works for the first time."""
        key = process, subscriber
        if key not in self.relays:
            transport, database = self.transports[subscriber], self.databases[process]
            self.relays[key] = relay_to(transport, database, subscriber=subscriber)
        return self.relays[key]

    @initialize()
    def start(self) -> None:
        self.run(self.relay(0, FIRST).work())

    @rule()
    @precondition(lambda self: len(self.written) < NOTES)
    def a_note_is_created(self) -> None:
        note_id = self.run(create(self.databases[0], len(self.written) + 1))
        self.written[note_id] = 1

    @rule(data=st.data(), times=st.integers(1, 3))
    @precondition(lambda self: self.written)
    def a_note_is_changed(self, data: st.DataObject, times: int) -> None:
        note_id = data.draw(st.sampled_from(sorted(self.written)))
        self.run(change(self.databases[0], note_id, times=times))
        self.written[note_id] += times

    @rule(subscriber=SUBSCRIBERS, answers=st.lists(ANSWERS, max_size=6))
    def a_subscriber_will_answer(self, subscriber: str, answers: list[Answer]) -> None:
        self.transports[subscriber].script = list(answers)

    @rule(process=st.integers(0, PROCESSES - 1), subscriber=SUBSCRIBERS)
    def a_relay_works(self, process: int, subscriber: str) -> None:
        async def work() -> None:
            await self.relay(process, subscriber).work()
            await self.relay(process, subscriber).settle()

        self.run(work())

    @rule(process=st.integers(0, PROCESSES - 1), subscriber=SUBSCRIBERS)
    def a_relay_dies(self, process: int, subscriber: str) -> None:
        """What it has delivered since its last unit of work isn't recorded."""
        self.relays.pop((process, subscriber), None)

    @rule(process=st.integers(0, PROCESSES - 1), subscriber=SUBSCRIBERS)
    def a_relay_is_restarted(self, process: int, subscriber: str) -> None:
        self.run(self.relay(process, subscriber).close(patience_seconds=5))
        self.relays.pop((process, subscriber))

    @rule(subscriber=SUBSCRIBERS)
    def an_operator_retries(self, subscriber: str) -> None:
        async def retry() -> None:
            async with self.databases[0].transaction() as session:
                await administration.retry(session, None, subscriber)

        self.run(retry())

    @rule(seconds=st.sampled_from([0.3, 5.0, LEASE_SECONDS]))
    def time_passes(self, seconds: float) -> None:
        self.time.tick(seconds)
        self.run(age_streams(self.databases[0], seconds))

    @invariant()
    def no_event_came_too_early(self) -> None:
        assert [each.out_of_order for each in self.transports.values()] == [[], []]

    @invariant()
    def missing_events_have_a_stream(self) -> None:
        rows = self.run(self.databases[0].read_session().all(STREAMS))
        streams = {(name, note_id): version for name, note_id, version in rows}
        for note_id, last in self.written.items():
            missing = set(range(1, last + 1)) - self.transports[FIRST].done[note_id]
            assert not missing or streams[FIRST, note_id] <= min(missing)

    def teardown(self) -> None:
        """At the end, when the subscribers are available, both have received everything."""
        try:
            for transport in self.transports.values():
                transport.script = []
            for _ in range(3):
                self.time_passes(50)  # longer than a lease and than any backoff
                for subscriber in self.transports:
                    self.run(deliver_all(self.relay(0, subscriber)))
            self.no_event_came_too_early()
            for note_id, last in self.written.items():
                for transport in self.transports.values():
                    assert transport.done[note_id] == set(range(1, last + 1))
            assert self.run(self.databases[0].read_session().all(STREAMS)) == []
        finally:
            for database in self.databases:
                self.run(database.aclose())
            self.stack.close()


@pytest.fixture
def machine(outbox_url: str, monkeypatch: pytest.MonkeyPatch) -> type[Machine]:
    monkeypatch.setattr(Machine, "url", outbox_url, raising=False)
    return Machine


@pytest.mark.slow
def test_no_event_is_lost_or_out_of_order(machine: type[Machine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples(0.3),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
