"""Clocks that differ or step delay no event by longer than a backoff.

`outbox.time` is this process's clock, by the time of day and monotonic.
"""

from tests.example.publisher import LEASE_SECONDS, FakeTransport, Outbox, age_streams, deliver_all

from chassis.events.outbox.transport import MAX_RETRY_AFTER_SECONDS, Delivered, Failed

HOUR = 3600.0
REFUSED_TOKEN = Failed("status 401", is_due_to_relay=True)


class TestProcessThatIsAhead:
    async def test_event_that_it_wrote_is_delivered_at_once(self, outbox: Outbox) -> None:
        outbox.time.tick(HOUR)
        ada = await outbox.create()
        outbox.time.tick(-HOUR)
        await outbox.deliver_all()
        assert outbox.transport.taken == {ada: [1]}

    async def test_new_subscriber_gets_stored_events_at_once(self, outbox: Outbox) -> None:
        await outbox.create()
        outbox.time.tick(HOUR)
        await outbox.register()
        outbox.time.tick(-HOUR)
        async with outbox.another_relay(subscriber="other") as other:
            await deliver_all(other)
        assert await outbox.streams_left("other") == 0

    async def test_event_whose_delivery_failed_is_retried_after_a_backoff(
        self, outbox: Outbox
    ) -> None:
        outbox.time.tick(HOUR)
        ada = await outbox.create()
        outbox.transport.answer(Failed("status 503"))
        await outbox.deliver_all()
        outbox.time.tick(-HOUR)
        outbox.transport.answer(Delivered())
        await outbox.deliver_all(after_seconds=0.5)
        assert outbox.transport.taken == {ada: [1]}

    async def test_its_lease_lasts_no_longer(self, outbox: Outbox) -> None:
        outbox.time.tick(HOUR)
        ada = await outbox.create()
        await outbox.deliver_once()  # and then it is killed
        outbox.time.tick(-HOUR)
        await outbox.tick(LEASE_SECONDS)
        async with outbox.another_relay() as other:
            await deliver_all(other)
        assert outbox.transport.taken == {ada: [1, 1]}

    async def test_its_lease_is_its_own_for_the_whole_time(self, outbox: Outbox) -> None:
        await outbox.create()
        await outbox.deliver_once()
        outbox.time.tick(HOUR)
        async with outbox.another_relay() as other:
            await other.work()
            assert other.is_idle


class TestDatabaseWhoseClockWasSetBack:
    async def test_event_that_is_due_beyond_any_backoff_is_delivered(self, outbox: Outbox) -> None:
        ada = await outbox.create()
        await age_streams(outbox.database, -MAX_RETRY_AFTER_SECONDS - 100)
        await outbox.deliver_all()
        assert outbox.transport.taken == {ada: [1]}

    async def test_lease_that_ends_beyond_any_backoff_is_over(self, outbox: Outbox) -> None:
        ada = await outbox.create()
        await outbox.deliver_once()
        await age_streams(outbox.database, -HOUR)
        async with outbox.another_relay() as other:
            await deliver_all(other)
        assert outbox.transport.taken == {ada: [1, 1]}

    async def test_event_that_is_due_later_waits(self, outbox: Outbox) -> None:
        await outbox.create()
        await age_streams(outbox.database, -MAX_RETRY_AFTER_SECONDS + 100)
        await outbox.deliver_all()
        assert outbox.transport.calls == []


class TestRelayWhoseTokensAreRefused:
    async def test_it_delays_no_other_relay(self, outbox: Outbox) -> None:
        notes = await outbox.create_many(3)
        outbox.transport.answer(REFUSED_TOKEN)
        await outbox.deliver_all()
        healthy = FakeTransport()
        async with outbox.another_relay(healthy) as other:
            await deliver_all(other)
        assert healthy.taken == {note: [1] for note in notes}

    async def test_it_pauses_after_its_first_failures(self, outbox: Outbox) -> None:
        await outbox.create()
        outbox.transport.answer(REFUSED_TOKEN)
        await outbox.deliver_all()
        await outbox.deliver_all()
        assert len(outbox.transport.calls) == 1
        assert outbox.metric("events_subscriber_available") == 0
