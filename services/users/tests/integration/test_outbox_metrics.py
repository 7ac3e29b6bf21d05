"""What `/metrics` shows of the outbox."""

from datetime import timedelta
from math import isnan
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from app.main import create_app
from app.models import OutboxEvent, OutboxStream
from app.outbox.streams import ALARMING_FAILURES
from app.settings import UsersSettings
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_status
from service_testing.client import AppClient
from service_testing.frozen_time import FrozenTime
from service_testing.lifespan import running
from tests.spare_database import opened


async def gauges(client: AppClient) -> dict[str, float]:
    response = await client.get("/metrics")
    assert_status(response, 200)
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if family.name.startswith("events_")
    }


def event(number: int, **changes: Any) -> OutboxEvent:
    values: dict[str, Any] = {
        "event_id": f"event-{number}",
        "user_id": number,
        "version": 1,
        "type": "user.created",
        "data": {},
        "occurred_at": utc_now(),
    }
    return OutboxEvent(**{**values, **changes})


class TestGauges:
    async def test_gauges_of_an_empty_outbox_are_0(self, client: AppClient) -> None:
        assert await gauges(client) == {
            "events_outbox_depth": 0,
            "events_oldest_age_seconds": 0,
            "events_parked": 0,
            "events_failing_streams": 0,
        }

    async def test_gauges_show_what_waits_what_fails_and_what_was_refused(
        self, client: AppClient, session: WriteSession, frozen_time: FrozenTime
    ) -> None:
        now = utc_now()
        ages = [event(1, occurred_at=now - timedelta(seconds=90)), event(2), event(3)]
        done = event(4, occurred_at=now - timedelta(days=1), delivered_at=now)
        parked = event(5, occurred_at=now, parked_at=now, parked_reason="status 400")
        failing = [
            OutboxStream(user_id=number, due_at=now, failures=failures)
            for number, failures in [(1, ALARMING_FAILURES), (2, ALARMING_FAILURES - 1), (3, 0)]
        ]
        session.add_all([*ages, done, parked, *failing])
        await session.commit()
        assert await gauges(client) == {
            "events_outbox_depth": 3,
            "events_oldest_age_seconds": 90,
            "events_parked": 1,
            "events_failing_streams": 1,
        }

    async def test_gauges_are_unknown_while_the_database_is_away(
        self, settings: UsersSettings
    ) -> None:
        async with (
            opened("sqlite:////dev/null/none.db") as nowhere,
            running(create_app(settings, database=nowhere)) as client,
        ):
            shown = await gauges(client)
        assert len(shown) == 4
        assert all(isnan(value) for value in shown.values())
