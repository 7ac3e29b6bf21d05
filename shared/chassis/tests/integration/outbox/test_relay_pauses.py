"""How long the relay's `work` says that it may be left alone."""

import asyncio
from datetime import datetime

import pytest
from tests.example.publisher import SETTINGS, FakeTransport, create

from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.events.outbox import gate
from chassis.events.outbox.relay import Relay
from chassis.events.outbox.transport import Delivered, Failed
from service_testing.frozen_time import FrozenTime


class TestPause:
    async def test_pause_of_an_empty_outbox_is_a_poll(self, relay: Relay) -> None:
        assert await relay.work() == SETTINGS.poll_seconds

    async def test_pause_ends_when_a_stream_is_due(
        self, outbox: Database, relay: Relay, transport: FakeTransport, frozen_time: FrozenTime
    ) -> None:
        await create(outbox)
        transport.answer(Failed("status 429", retry_after_seconds=0.7))
        await relay.work()
        await relay.settle()
        assert await relay.work() == pytest.approx(0.7)
        frozen_time.tick(0.5)
        assert await relay.work() == pytest.approx(0.2)

    async def test_pause_that_ends_between_two_looks_at_the_clock_is_over(
        self,
        outbox: Database,
        relay: Relay,
        transport: FakeTransport,
        frozen_time: FrozenTime,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        ada = await create(outbox)
        transport.answer(Failed("status 429", retry_after_seconds=0.7))
        await relay.work()
        await relay.settle()
        await relay.work()
        transport.answer(Delivered())
        frozen_time.tick(0.6985)

        def a_millisecond_later() -> datetime:
            frozen_time.tick(0.001)
            return utc_now()

        monkeypatch.setattr(gate, "utc_now", a_millisecond_later)
        await relay.work()
        await relay.settle()
        assert transport.taken[ada] == [1]

    async def test_end_of_a_delivery_is_told(
        self, outbox: Database, relay: Relay, transport: FakeTransport
    ) -> None:
        told = asyncio.Event()
        relay.on_room = told.set
        await create(outbox)
        await relay.work()
        await told.wait()
