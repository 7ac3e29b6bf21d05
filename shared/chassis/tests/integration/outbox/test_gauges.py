"""The metrics of the outbox in the database."""

from datetime import timedelta
from math import isnan

import pytest
from prometheus_client import CollectorRegistry
from tests.example.app import unused_settings
from tests.example.publisher import READER, create, opened, write

from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.events.outbox.metrics import OutboxGauges
from chassis.events.outbox.models import OutboxStream, ParkedEvent
from chassis.events.outbox.streams import ALARMING_FAILURES
from chassis.events.outbox.subscribers import remove_subscriber
from chassis.web.state import ServiceState
from service_testing.frozen_time import FrozenTime

NAMES = (
    "events_outbox_depth",
    "events_oldest_age_seconds",
    "events_parked",
    "events_failing_streams",
)


@pytest.fixture
def gauges(registry: CollectorRegistry) -> OutboxGauges:
    return OutboxGauges(registry, [READER])


def values(registry: CollectorRegistry, subscriber: str = READER) -> list[float | None]:
    return [registry.get_sample_value(name, {"subscriber": subscriber}) for name in NAMES]


def state(database: Database) -> ServiceState:
    return ServiceState(settings=unused_settings(), database=database)


async def test_gauges_of_an_empty_outbox_are_0(
    outbox: Database, gauges: OutboxGauges, registry: CollectorRegistry
) -> None:
    await gauges.refresh(state(outbox))
    assert values(registry) == [0, 0, 0, 0]


async def test_gauges_count_for_each_subscriber(
    outbox: Database, gauges: OutboxGauges, registry: CollectorRegistry, frozen_time: FrozenTime
) -> None:
    for number in range(3):
        await create(outbox, number)
    async with outbox.transaction() as session:
        now = utc_now()
        for number, failures in enumerate((ALARMING_FAILURES, ALARMING_FAILURES - 1)):
            stream = await session.get_one(OutboxStream, (number, READER))
            stream.failures = failures
        event = await write(session, 0)
        for subscriber in (READER, "other"):
            session.add(
                ParkedEvent(
                    event_number=event.id, subscriber=subscriber, parked_at=now, reason="no"
                )
            )
    frozen_time.move_to(now + timedelta(seconds=90))
    await gauges.refresh(state(outbox))
    assert values(registry) == [4, 90, 1, 1]
    assert values(registry, "other") == [None] * 4  # it isn't registered


async def test_gauges_are_unknown_while_the_database_is_unavailable(
    gauges: OutboxGauges, registry: CollectorRegistry
) -> None:
    async with opened("sqlite:////dev/null/none.db") as nowhere:
        with pytest.raises(ConnectionError):
            await gauges.refresh(state(nowhere))
    assert all(value is not None and isnan(value) for value in values(registry))


async def test_gauges_of_a_removed_subscriber_go(
    outbox: Database, gauges: OutboxGauges, registry: CollectorRegistry
) -> None:
    await gauges.refresh(state(outbox))
    async with outbox.transaction() as session:
        await remove_subscriber(session, READER)
    await gauges.refresh(state(outbox))
    assert values(registry) == [None] * 4
