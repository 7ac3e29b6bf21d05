"""`python -m app outbox …`, and what `prune` does to events."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.models import OutboxEvent, OutboxStream
from chassis.db.columns import utc_now
from tests.commands import Operator
from tests.spare_database import store, stored_rows

STREAMS = select(col(OutboxStream.user_id)).order_by(col(OutboxStream.user_id))
NOT_PARKED = "error: one of these numbers is none of a parked event; nothing was changed.\n"


def event(number: int, **changes: Any) -> OutboxEvent:
    values: dict[str, Any] = {
        "id": number,
        "event_id": f"event-{number}",
        "user_id": 100 + number,
        "version": 1,
        "type": "user.created",
        "data": {},
        "occurred_at": utc_now(),
    }
    return OutboxEvent(**{**values, **changes})


def parked(number: int, reason: str = "status 400") -> OutboxEvent:
    return event(number, parked_at=utc_now(), parked_reason=reason)


def stream(user_id: int, **changes: Any) -> OutboxStream:
    return OutboxStream(**{"user_id": user_id, "due_at": utc_now(), "failures": 0, **changes})


def parked_numbers(url: str) -> list[int]:
    statement = select(col(OutboxEvent.id)).where(col(OutboxEvent.parked_at).is_not(None))
    return sorted(number for (number,) in stored_rows(url, statement))


def numbers(url: str) -> list[int]:
    return sorted(number for (number,) in stored_rows(url, select(col(OutboxEvent.id))))


@pytest.fixture
def operator(spare_database_url: str) -> Operator:
    return Operator(spare_database_url)


class TestList:
    def test_list_of_nothing_says_so(self, operator: Operator) -> None:
        outcome = operator.run("outbox", "list")
        assert (outcome.status, outcome.output) == (0, "0 pending; 0 failing; 0 parked.\n")

    def test_list_shows_what_waits_what_fails_and_what_was_refused(
        self, operator: Operator, spare_database_url: str
    ) -> None:
        failing = stream(101, failures=7, last_error="status 503 [bold]Not now[/bold]")
        refused = parked(2, "status 400 [red]no[/red] subject")
        store(spare_database_url, [event(1), failing, refused])
        outcome = operator.run("outbox", "list")
        assert outcome.status == 0
        assert outcome.output.startswith("1 pending, the oldest since 20")
        assert "1 failing; 1 parked." in outcome.output
        # As it was said: what the sink sends is no markup.
        for shown in ("status 503 [bold]Not now[/bold]", "status 400 [red]no[/red] subject"):
            assert shown in outcome.output
        for shown in ("101", "7", "102", "user.created"):
            assert shown in outcome.output

    def test_list_is_as_long_as_it_shall_be(
        self, operator: Operator, spare_database_url: str
    ) -> None:
        store(spare_database_url, [parked(number) for number in range(1, 6)])
        outcome = operator.run("outbox", "list", "--limit", "3")
        assert "5 parked" in outcome.output
        assert outcome.output.count("status 400") == 3


class TestRetry:
    def test_retry_queues_the_events_that_are_named(
        self, operator: Operator, spare_database_url: str
    ) -> None:
        store(spare_database_url, [parked(1), parked(2), parked(3)])
        outcome = operator.run("outbox", "retry", "1", "3")
        assert (outcome.status, outcome.output) == (0, "2 events will be delivered again.\n")
        assert parked_numbers(spare_database_url) == [2]
        assert [user_id for (user_id,) in stored_rows(spare_database_url, STREAMS)] == [101, 103]

    def test_retry_of_all_queues_all_and_ends_pauses(
        self, operator: Operator, spare_database_url: str
    ) -> None:
        later = utc_now() + timedelta(hours=1)
        failing, leased = stream(8, failures=3, due_at=later), stream(9, failures=3, due_at=later)
        leased.lease_token = "token"
        store(spare_database_url, [parked(1), failing, leased])
        outcome = operator.run("outbox", "retry", "--all")
        assert outcome.output == (
            "1 events will be delivered again. 1 failing users' events are tried at once.\n"
        )
        due = stored_rows(
            spare_database_url,
            STREAMS.where(col(OutboxStream.due_at) <= utc_now()),
        )
        assert [user_id for (user_id,) in due] == [8, 101]

    @pytest.mark.parametrize("wrong", ["2", "99"], ids=["pending", "unknown"])
    def test_retry_of_what_is_not_parked_changes_nothing(
        self, operator: Operator, spare_database_url: str, wrong: str
    ) -> None:
        store(spare_database_url, [parked(1), event(2), stream(102)])
        outcome = operator.run("outbox", "retry", "1", wrong)
        assert (outcome.status, outcome.error) == (2, NOT_PARKED)
        assert parked_numbers(spare_database_url) == [1]

    @pytest.mark.parametrize("arguments", [[], ["1", "--all"]], ids=["neither", "both"])
    def test_retry_wants_numbers_or_all(self, operator: Operator, arguments: list[str]) -> None:
        outcome = operator.run("outbox", "retry", *arguments)
        assert outcome.status == 2
        assert outcome.error == "error: name the events by their numbers, or give --all.\n"


class TestDiscard:
    def test_discard_asks_first(self, operator: Operator, spare_database_url: str) -> None:
        store(spare_database_url, [parked(1)])
        outcome = operator.run("outbox", "discard", "1", typed="n\n")
        assert outcome.status == 1
        assert parked_numbers(spare_database_url) == [1]
        outcome = operator.run("outbox", "discard", "1", typed="y\n")
        assert outcome.status == 0
        assert outcome.output.endswith("1 events deleted.\n")
        assert numbers(spare_database_url) == []

    def test_discard_of_all_deletes_parked_events_and_no_others(
        self, operator: Operator, spare_database_url: str
    ) -> None:
        delivered = event(2, delivered_at=utc_now())
        store(spare_database_url, [parked(1), delivered, event(3), parked(4)])
        outcome = operator.run("outbox", "discard", "--all", "--yes")
        assert (outcome.status, outcome.output) == (0, "2 events deleted.\n")
        assert numbers(spare_database_url) == [2, 3]

    def test_discard_of_what_is_not_parked_changes_nothing(
        self, operator: Operator, spare_database_url: str
    ) -> None:
        store(spare_database_url, [parked(1), event(2)])
        outcome = operator.run("outbox", "discard", "1", "2", "--yes")
        assert (outcome.status, outcome.error) == (2, NOT_PARKED)
        assert numbers(spare_database_url) == [1, 2]


class TestPrune:
    def test_prune_deletes_events_that_were_delivered_long_enough_ago(
        self, operator: Operator, spare_database_url: str
    ) -> None:
        old, new = utc_now() - timedelta(days=8), utc_now() - timedelta(days=6)
        waiting = event(3, occurred_at=old)
        refused = parked(4)
        refused.parked_at = old
        done = [event(1, delivered_at=old), event(2, delivered_at=new)]
        store(spare_database_url, [*done, waiting, refused])
        outcome = operator.run("prune")
        assert outcome.output.endswith("and 1 delivered events.\n")
        assert numbers(spare_database_url) == [2, 3, 4]

    def test_prune_keeps_events_as_long_as_the_setting_says(
        self, operator: Operator, spare_database_url: str
    ) -> None:
        many = [event(number, delivered_at=utc_now()) for number in range(1, 12)]
        store(spare_database_url, many)
        outcome = operator.run("prune", USERS_EVENTS_KEEP_DAYS="0")
        assert outcome.output.endswith("and 11 delivered events.\n")

    def test_prune_deletes_in_batches_until_none_is_left(
        self, operator: Operator, spare_database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.outbox.housekeeping.BATCH", 3)
        many = [event(number, delivered_at=utc_now()) for number in range(1, 9)]
        store(spare_database_url, many)
        outcome = operator.run("prune", USERS_EVENTS_KEEP_DAYS="0")
        assert outcome.output.endswith("and 8 delivered events.\n")
        assert numbers(spare_database_url) == []


class TestRelay:
    def test_relay_without_a_sink_says_what_is_missing(self, operator: Operator) -> None:
        outcome = operator.run("relay")
        assert outcome.status == 2
        assert outcome.error.startswith("error: EVENTS_SINK_URL is required")
