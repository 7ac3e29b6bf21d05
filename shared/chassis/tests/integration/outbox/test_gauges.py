"""The metrics of the outbox in the database."""

from datetime import timedelta
from math import isnan

import pytest
from tests.example.app import unused_settings
from tests.example.publisher import OTHER, READER, Outbox, opened, write

from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.events.outbox.metrics import measure_outbox
from chassis.events.outbox.models import OutboxStream, ParkedEvent
from chassis.events.outbox.streams import ALARMING_FAILURES
from chassis.ops.metrics import Measure
from chassis.web.state import DatabaseState, ServiceState

NAMES = (
    "events_outbox_depth",
    "events_oldest_age_seconds",
    "events_parked",
    "events_failing_streams",
)


@pytest.fixture
def measure(outbox: Outbox) -> Measure:
    return measure_outbox(outbox.registry, [READER])


def gauges(outbox: Outbox, subscriber: str = READER) -> list[float | None]:
    return [outbox.metric(name, subscriber=subscriber) for name in NAMES]


def state(database: Database) -> ServiceState:
    return DatabaseState(settings=unused_settings(), database=database)


async def test_gauges_of_an_empty_outbox_are_0(outbox: Outbox, measure: Measure) -> None:
    await measure(state(outbox.database))
    assert gauges(outbox) == [0, 0, 0, 0]


async def test_gauges_count_for_each_subscriber(outbox: Outbox, measure: Measure) -> None:
    await outbox.create_many(3)
    async with outbox.database.transaction() as session:
        now = utc_now()
        for number, failures in enumerate((ALARMING_FAILURES, ALARMING_FAILURES - 1)):
            stream = await session.get_one(OutboxStream, (number, READER))
            stream.failures = failures
        event = await write(session, 0)
        for subscriber in (READER, OTHER):
            values = {"event_number": event.id, "subscriber": subscriber, "parked_at": now}
            session.add(ParkedEvent.model_validate({**values, "reason": "no"}))
    outbox.time.move_to(now + timedelta(seconds=90))
    await measure(state(outbox.database))
    assert gauges(outbox) == [4, 90, 1, 1]
    assert gauges(outbox, OTHER) == [None] * 4  # it isn't registered


async def test_gauges_are_unknown_while_the_database_is_unavailable(
    outbox: Outbox, measure: Measure
) -> None:
    async with opened("sqlite:////dev/null/test.db") as nowhere:
        with pytest.raises(ConnectionError):
            await measure(state(nowhere))
    assert all(value is not None and isnan(value) for value in gauges(outbox))


async def test_gauges_of_a_removed_subscriber_are_removed(outbox: Outbox, measure: Measure) -> None:
    await measure(state(outbox.database))
    await outbox.remove(READER)
    await measure(state(outbox.database))
    assert gauges(outbox) == [None] * 4
