"""`with_database` and `in_transaction`: how a service's own commands reach its database."""

import pytest
import typer
from pydantic import SecretStr
from sqlalchemy import func, select
from tests.example.app import NotesSettings
from tests.example.models import Note

from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.ops.cli import in_transaction, with_database
from chassis.ops.settings import SettingsError


def settings_of(url: str) -> NotesSettings:
    return NotesSettings(database_url=SecretStr(url))


async def count_notes(database: Database) -> int:
    return await database.read_session().scalar(select(func.count(Note.id))) or 0


async def add_note(session: WriteSession) -> str:
    session.add(Note(title="Buy milk"))
    await session.flush()
    return "added"


async def add_note_and_fail(session: WriteSession) -> None:
    await add_note(session)
    raise ZeroDivisionError


class TestWithDatabase:
    def test_database_is_closed_when_the_action_fails(
        self, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened, closed = [], []

        async def close(database: Database) -> None:
            closed.append(database)

        async def fail_with(database: Database) -> None:
            opened.append(database)
            assert closed == []
            raise ZeroDivisionError

        monkeypatch.setattr(Database, "aclose", close)
        with pytest.raises(ZeroDivisionError):
            with_database(settings_of(empty_database_url), fail_with)
        assert closed == opened

    def test_database_without_tables_is_one_sentence(
        self, empty_database_url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(typer.Exit) as caught:
            with_database(settings_of(empty_database_url), count_notes)
        assert caught.value.exit_code == 2
        assert capsys.readouterr().err == (
            "error: the database has no tables yet: run `python -m app migrate` first.\n"
        )

    def test_settings_error_of_the_action_is_one_sentence(
        self, empty_database_url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async def refuse(_: Database) -> None:
            raise SettingsError("the key is another one.")

        with pytest.raises(typer.Exit) as caught:
            with_database(settings_of(empty_database_url), refuse)
        assert caught.value.exit_code == 2
        assert capsys.readouterr().err == "error: the key is another one.\n"


def test_in_transaction_commits_when_the_action_returns(spare_database_url: str) -> None:
    settings = settings_of(spare_database_url)
    assert in_transaction(settings, add_note) == "added"
    assert with_database(settings, count_notes) == 1


def test_in_transaction_rolls_back_when_the_action_raises(spare_database_url: str) -> None:
    settings = settings_of(spare_database_url)
    with pytest.raises(ZeroDivisionError):
        in_transaction(settings, add_note_and_fail)
    assert with_database(settings, count_notes) == 0
