"""`outbox list`, `retry`, `discard`, `remove-subscriber` and `redeliver`, and what pruning deletes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NoReturn

import pytest
import typer
from pydantic_settings import SettingsConfigDict
from sqlalchemy import select
from sqlmodel import SQLModel, col
from tests.example.publisher import OTHER, READER, opened
from typer.testing import CliRunner, Result

from chassis.db.columns import from_now, utc_now
from chassis.db.database import Database
from chassis.events.outbox import housekeeping
from chassis.events.outbox.commands import add_outbox_commands
from chassis.events.outbox.models import OutboxEvent, OutboxStream, OutboxSubscriber, ParkedEvent
from chassis.events.outbox.settings import PublisherSettings

NOT_PARKED = (
    "error: one of these numbers isn't the number of a parked event; nothing was changed.\n"
)
HOUR = timedelta(hours=1)


class NotesSettings(PublisherSettings):
    model_config = SettingsConfigDict(env_prefix="NOTES_")


def _issue_tokens(database: Database, settings: NotesSettings) -> NoReturn:
    raise NotImplementedError


cli = typer.Typer()
add_outbox_commands(cli, "notes", NotesSettings, _issue_tokens, source="/notes")


class Operator:
    """Runs commands, and looks into the database."""

    def __init__(self, url: str) -> None:
        self._url = url

    def run(self, *arguments: str, typed: str = "", **environment: str) -> Result:
        variables = {
            "NOTES_ENVIRONMENT": "development",
            "NOTES_DATABASE_URL": self._url,
            "TERM": "dumb",
            "COLUMNS": "200",
            **environment,
        }
        result = CliRunner().invoke(cli, arguments, input=typed, env=variables)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def store(self, *rows: SQLModel) -> None:
        async def store(database: Database) -> None:
            async with database.transaction() as session:
                session.add(OutboxSubscriber(name=READER, registered_at=utc_now()))
                for row in rows:
                    session.add(row)
                    await session.flush()

        self._with_database(store)

    def parked(self) -> list[tuple[int, str]]:
        """Number and subscriber of each parked event."""
        columns = col(ParkedEvent.event_number), col(ParkedEvent.subscriber)
        return self._rows(select(*columns).order_by(*columns))

    def due(self) -> list[tuple[str, int, int]]:
        """Subscriber, note and next version of each stream that is due."""
        columns = (
            col(OutboxStream.subscriber),
            col(OutboxStream.aggregate_id),
            col(OutboxStream.next_version),
        )
        due = col(OutboxStream.due_at) <= from_now()
        return self._rows(select(*columns).where(due).order_by(*columns))

    def numbers(self) -> list[int]:
        """The numbers of the stored events."""
        return [number for (number,) in self._rows(select(col(OutboxEvent.id)).order_by("id"))]

    def prune(self, *, days: int = 7) -> int:
        age = timedelta(days=days)
        deleted: int = self._with_database(
            lambda database: housekeeping.prune_delivered(database, older_than=age)
        )
        return deleted

    def _rows(self, statement: Any) -> list[Any]:
        rows = self._with_database(lambda database: database.read_session().all(statement))
        return [tuple(row) for row in rows]

    def _with_database(self, action: Callable[[Database], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with opened(self._url) as database:
                return await action(database)

        return asyncio.run(main())


@pytest.fixture
def operator(outbox_url: str) -> Operator:
    return Operator(outbox_url)


def event(number: int, *, age: timedelta = timedelta(), **changes: Any) -> OutboxEvent:
    values: dict[str, Any] = {
        "id": number,
        "event_id": f"event-{number}",
        "aggregate_id": 100 + number,
        "version": 1,
        "type": "note.created",
        "data": {},
        "occurred_at": utc_now() - age,
    }
    return OutboxEvent(**{**values, **changes})


def parked(number: int, reason: str = "status 400", subscriber: str = READER) -> ParkedEvent:
    values = {"event_number": number, "subscriber": subscriber, "parked_at": utc_now()}
    return ParkedEvent.model_validate({**values, "reason": reason})


def stream(aggregate_id: int, *, due_in: timedelta = timedelta(), **changes: Any) -> OutboxStream:
    values = {"subscriber": READER, "next_version": 1, "due_at": utc_now() + due_in}
    return OutboxStream(aggregate_id=aggregate_id, **{**values, **changes})


class TestList:
    def test_list_without_subscribers_gives_the_reason(self, operator: Operator) -> None:
        result = operator.run("outbox", "list")
        assert result.exit_code == 0
        assert result.stdout.startswith("No subscriber is registered")

    def test_list_of_an_empty_outbox(self, operator: Operator) -> None:
        operator.store()
        result = operator.run("outbox", "list")
        assert (result.exit_code, result.stdout) == (
            0,
            "reader: 0 pending; 0 failing; 0 parked.\n",
        )

    def test_list_shows_pending_failing_and_parked_events(self, operator: Operator) -> None:
        failing = stream(101, failures=7, last_error="status 503 [bold]Not now[/bold]")
        refused = parked(2, "status 400 [red]no[/red] subject")
        operator.store(event(1), failing, event(2), refused)
        output = operator.run("outbox", "list").stdout
        assert output.startswith("reader: 1 pending, the oldest since 20")
        assert "1 failing; 1 parked." in output
        for shown in ("101", "7", "status 503 [bold]Not now[/bold]"):
            assert shown in output
        for shown in ("102", "note.created", "status 400 [red]no[/red] subject"):
            assert shown in output

    def test_list_is_limited(self, operator: Operator) -> None:
        numbers = range(1, 6)
        operator.store(*(event(each) for each in numbers), *(parked(each) for each in numbers))
        output = operator.run("outbox", "list", "--limit", "3").stdout
        assert "5 parked" in output
        assert output.count("status 400") == 3

    def test_list_of_one_subscriber(self, operator: Operator) -> None:
        other = OutboxSubscriber(name=OTHER, registered_at=utc_now())
        operator.store(other, event(1), stream(101, subscriber=OTHER, failures=1), parked(1))
        output = operator.run("outbox", "list", "--subscriber", OTHER).stdout
        assert "other: 1 pending" in output
        assert "reader" not in output
        assert "Parked" not in output


class TestRetry:
    def test_retry_of_numbers_queues_these_events(self, operator: Operator) -> None:
        operator.store(*(event(number) for number in (1, 2, 3)), parked(1), parked(2), parked(3))
        result = operator.run("outbox", "retry", "1", "3")
        assert (result.exit_code, result.stdout) == (0, "2 events will be delivered again.\n")
        assert operator.parked() == [(2, READER)]
        assert operator.due() == [(READER, 101, 1), (READER, 103, 1)]

    def test_retry_queues_the_later_events_of_the_subject_too(self, operator: Operator) -> None:
        versions = [event(number, aggregate_id=7, version=number) for number in (1, 2, 3, 4)]
        ahead = stream(7, next_version=4, lease_token="token", due_in=HOUR)
        operator.store(*versions, ahead, parked(1), parked(2), parked(3))
        assert operator.run("outbox", "retry", "2").stdout.startswith("1 events")
        # The third one is pending again, too, and the relay that had the lease has lost it.
        assert operator.parked() == [(1, READER)]
        assert operator.due() == [(READER, 7, 2)]

    def test_retry_for_one_subscriber_leaves_the_others(self, operator: Operator) -> None:
        operator.store(event(1), parked(1), parked(1, subscriber=OTHER))
        result = operator.run("outbox", "retry", "--all", "--subscriber", OTHER)
        assert result.stdout.startswith("1 events")
        assert operator.parked() == [(1, READER)]
        assert operator.due() == [(OTHER, 101, 1)]

    def test_retry_of_all_makes_everything_due_that_waits(self, operator: Operator) -> None:
        waiting = stream(7, due_in=HOUR), stream(8, failures=3, due_in=HOUR)
        leased = stream(9, failures=3, due_in=HOUR, lease_token="token")
        operator.store(event(1), parked(1), *waiting, leased, stream(10))
        assert operator.run("outbox", "retry", "--all").stdout == (
            "1 events will be delivered again. 2 waiting streams are due now.\n"
        )
        assert operator.due() == [(READER, note, 1) for note in (7, 8, 10, 101)]

    @pytest.mark.parametrize("wrong", ["2", "99"], ids=["pending", "unknown"])
    def test_retry_of_an_event_that_is_not_parked_changes_nothing(
        self, operator: Operator, wrong: str
    ) -> None:
        operator.store(event(1), parked(1), event(2), stream(102))
        result = operator.run("outbox", "retry", "1", wrong)
        assert (result.exit_code, result.stderr) == (2, NOT_PARKED)
        assert operator.parked() == [(1, READER)]

    @pytest.mark.parametrize("arguments", [[], ["1", "--all"]], ids=["neither", "both"])
    def test_retry_needs_numbers_or_all(self, operator: Operator, arguments: list[str]) -> None:
        result = operator.run("outbox", "retry", *arguments)
        assert result.exit_code == 2
        assert result.stderr == "error: name the events by their numbers, or give --all.\n"


class TestDiscard:
    def test_discard_asks_first(self, operator: Operator) -> None:
        operator.store(event(1), parked(1))
        assert operator.run("outbox", "discard", "1", typed="n\n").exit_code == 1
        assert operator.parked() == [(1, READER)]
        result = operator.run("outbox", "discard", "1", typed="y\n")
        assert result.exit_code == 0
        assert result.stdout.endswith("1 events discarded.\n")
        assert operator.parked() == []

    def test_discard_of_all(self, operator: Operator) -> None:
        operator.store(event(1), parked(1), event(2), stream(102), event(4), parked(4))
        result = operator.run("outbox", "discard", "--all", "--yes")
        assert (result.exit_code, result.stdout) == (0, "2 events discarded.\n")
        assert operator.parked() == []
        assert operator.due() == [(READER, 102, 1)]

    def test_discard_for_one_subscriber_leaves_the_others(self, operator: Operator) -> None:
        operator.store(event(1), parked(1), parked(1, subscriber=OTHER))
        result = operator.run("outbox", "discard", "1", "--yes", "--subscriber", OTHER)
        assert result.exit_code == 0
        assert operator.parked() == [(1, READER)]

    def test_discard_of_an_event_that_is_not_parked_changes_nothing(
        self, operator: Operator
    ) -> None:
        operator.store(event(1), parked(1), event(2))
        result = operator.run("outbox", "discard", "1", "2", "--yes")
        assert (result.exit_code, result.stderr) == (2, NOT_PARKED)
        assert operator.parked() == [(1, READER)]


class TestRemoveSubscriber:
    def test_removed_subscriber_is_not_listed(self, operator: Operator) -> None:
        operator.store()
        result = operator.run("outbox", "remove-subscriber", READER)
        assert (result.exit_code, result.stdout) == (0, "reader gets no more events.\n")
        assert "reader" not in operator.run("outbox", "list").stdout

    def test_subscriber_of_the_settings_is_not_removed(self, operator: Operator) -> None:
        operator.store()
        named = {"NOTES_EVENTS_SUBSCRIBERS": "reader=http://reader.test/"}
        result = operator.run("outbox", "remove-subscriber", READER, **named)
        assert result.exit_code == 2
        assert "is in the settings" in result.stderr

    def test_unknown_subscriber_is_an_error(self, operator: Operator) -> None:
        result = operator.run("outbox", "remove-subscriber", "nobody")
        assert (result.exit_code, result.stderr) == (2, "error: no subscriber is called nobody.\n")


class TestRedeliver:
    def test_every_stored_event_is_pending_again(self, operator: Operator) -> None:
        leased = stream(102, next_version=2, lease_token="another relay's")
        operator.store(event(1), parked(1), event(2), event(3), leased)
        result = operator.run("outbox", "redeliver", READER)
        assert (result.exit_code, result.stdout) == (0, "reader gets every stored event again.\n")
        assert operator.due() == [(READER, 101, 1), (READER, 102, 1), (READER, 103, 1)]
        assert operator.parked() == []

    def test_unknown_subscriber_is_an_error(self, operator: Operator) -> None:
        result = operator.run("outbox", "redeliver", "nobody")
        assert (result.exit_code, result.stderr) == (2, "error: no subscriber is called nobody.\n")


class TestPrune:
    def test_prune_deletes_old_events_that_every_subscriber_received(
        self, operator: Operator
    ) -> None:
        old, new = timedelta(days=8), timedelta(days=6)
        operator.store(
            event(1, age=old),
            event(2, age=new),
            event(3, age=old),
            stream(103, subscriber=OTHER),
            event(4, age=old),
            parked(4),
            *(event(number, age=old, aggregate_id=7, version=number) for number in (5, 6)),
            stream(7, next_version=6),
        )
        assert operator.prune() == 2
        assert operator.numbers() == [2, 3, 4, 6]

    def test_prune_deletes_in_batches_until_none_is_left(
        self, operator: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(housekeeping, "BATCH", 3)
        operator.store(*(event(number) for number in range(1, 9)))
        assert operator.prune(days=0) == 8
        assert operator.numbers() == []

    def test_prune_without_subscribers_deletes_nothing(self, operator: Operator) -> None:
        operator.store(event(1, age=timedelta(days=8)))
        operator.run("outbox", "remove-subscriber", READER)
        assert operator.prune() == 0


def test_relay_without_subscribers_names_the_setting(operator: Operator) -> None:
    result = operator.run("relay")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: NOTES_EVENTS_SUBSCRIBERS is required")
