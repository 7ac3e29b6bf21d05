"""`backup`, `after-restore` and `subscriber-state`."""

import asyncio
import json
import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from stat import S_IMODE
from typing import TypeVar

import pytest
import typer
from sqlalchemy import BigInteger, Boolean, Column, MetaData, Table, delete
from tests.example.app import NotesSettings
from tests.example.publisher import OTHER, READER, opened, write
from typer.testing import CliRunner, Result

from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.events.outbox.models import OutboxEvent, OutboxStream
from chassis.events.outbox.restore import StatesUnusable, read_states
from chassis.events.outbox.subscribers import register_subscriber
from chassis.events.subscriber_state import SubscriberState
from chassis.ops.backups import (
    add_after_restore,
    add_backup,
    add_subscriber_state,
    skip_ids,
)
from service_testing.databases import sqlite_url
from service_testing.frozen_time import FrozenTime

KNOWN = Table(
    "known_notes",
    MetaData(),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger),
    Column("is_deleted", Boolean),
)
ResultT = TypeVar("ResultT")

cli = typer.Typer()
add_backup(cli, NotesSettings)
add_after_restore(cli, NotesSettings)
add_subscriber_state(cli, NotesSettings, READER, {"notes": KNOWN})


def run(*arguments: str, url: str) -> Result:
    variables = {"NOTES_ENVIRONMENT": "development", "NOTES_DATABASE_URL": url}
    return CliRunner().invoke(cli, arguments, env=variables)


def transact(url: str, action: Callable[[WriteSession], Awaitable[ResultT]]) -> ResultT:
    async def main() -> ResultT:
        async with opened(url) as database, database.transaction() as session:
            return await action(session)

    return asyncio.run(main())


def new_id(url: str) -> int:
    async def act(session: WriteSession) -> int:
        return (await write(session, 1)).id

    return transact(url, act)


class TestAfterRestore:
    def test_new_ids_are_behind_those_of_deleted_rows(self, outbox_url: str) -> None:
        newest = [new_id(outbox_url) for _ in range(3)][-1]

        async def delete_all(session: WriteSession) -> None:
            for model in (OutboxStream, OutboxEvent):
                await session.exec(delete(model))

        transact(outbox_url, delete_all)
        result = run("after-restore", url=outbox_url)
        assert (result.exit_code, result.stderr) == (0, "")
        gap = int(re.findall(r"at least (\d+) higher", result.stdout)[0])
        assert new_id(outbox_url) == newest + gap + 1

    def test_new_ids_of_a_table_without_rows_are_behind_those_that_others_know(
        self, new_outbox_url: str
    ) -> None:
        gap = transact(new_outbox_url, lambda session: skip_ids(session, {"outbox_events": 9}))
        assert new_id(new_outbox_url) == 9 + gap + 1

    def test_new_ids_are_behind_those_that_others_know(self, outbox_url: str) -> None:
        newest = new_id(outbox_url)
        known = newest + 5_000_000
        gap = transact(outbox_url, lambda session: skip_ids(session, {"outbox_events": known}))
        assert new_id(outbox_url) == known + gap + 1

    def test_two_restores_of_one_backup_skip_different_ids(
        self, outbox_url: str, frozen_time: FrozenTime
    ) -> None:
        first = transact(outbox_url, skip_ids)
        frozen_time.tick(minutes=10)
        assert transact(outbox_url, skip_ids) >= first + 10_000


class TestBackup:
    def test_copy_has_everything_also_while_another_process_writes(
        self, outbox_url: str, tmp_path: Path, on_sqlite: None
    ) -> None:
        copy = tmp_path / "copy.db"
        newest = new_id(outbox_url)

        async def write_and_copy(database: Database) -> Result:
            async with database.transaction() as session:
                await write(session, 2)
                return await asyncio.to_thread(run, "backup", str(copy), url=outbox_url)

        async def main() -> Result:
            async with opened(outbox_url) as database:
                return await write_and_copy(database)

        assert asyncio.run(main()).exit_code == 0
        with closing(sqlite3.connect(copy)) as database:
            rows = database.execute("SELECT id FROM outbox_events ORDER BY id DESC").fetchall()
        assert rows[0] == (newest,)
        assert S_IMODE(copy.stat().st_mode) == 0o600

    def test_existing_file_is_not_overwritten(
        self, outbox_url: str, tmp_path: Path, on_sqlite: None
    ) -> None:
        (tmp_path / "copy.db").touch()
        result = run("backup", str(tmp_path / "copy.db"), url=outbox_url)
        assert result.exit_code == 2
        assert result.stderr == f"error: {tmp_path}/copy.db exists already.\n"

    def test_missing_or_invalid_database_is_one_sentence(self, tmp_path: Path) -> None:
        missing = run("backup", str(tmp_path / "copy.db"), url=sqlite_url(tmp_path / "none.db"))
        assert missing.stderr == f"error: there is no database {tmp_path}/none.db.\n"
        (tmp_path / "text.db").write_text("This is no database." * 100)
        invalid = run("backup", str(tmp_path / "copy.db"), url=sqlite_url(tmp_path / "text.db"))
        assert "is not a database" in invalid.stderr

    def test_postgresql_has_pg_dump(self, tmp_path: Path) -> None:
        result = run("backup", str(tmp_path / "copy"), url="postgresql://notes@127.0.0.1:1/notes")
        assert result.stderr == "error: this copies SQLite databases; use pg_dump.\n"


class TestSubscriberState:
    def test_state_is_one_line(self, empty_database_url: str) -> None:
        async def store(session: WriteSession) -> None:
            connection = await session.connection()
            await connection.run_sync(KNOWN.create)
            rows = [(1, 9, False), (2, 3, True), (7, 1, True)]
            values = [dict(zip(KNOWN.c.keys(), row, strict=True)) for row in rows]
            await connection.execute(KNOWN.insert(), values)

        transact(empty_database_url, store)
        result = run("subscriber-state", "notes", url=empty_database_url)
        assert json.loads(result.stdout) == {
            "subscriber": READER,
            "last_id": 7,
            "last_version": 9,
            "deleted_ids": [2, 7],
        }

    def test_other_publisher_is_refused(self, empty_database_url: str) -> None:
        result = run("subscriber-state", "users", url=empty_database_url)
        assert (result.exit_code, result.stderr) == (2, "error: reader subscribes to notes.\n")


class TestReadStates:
    def read(self, url: str, *lines: str, without: tuple[str, ...] = ()) -> list[SubscriberState]:
        async def act(session: WriteSession) -> list[SubscriberState]:
            await register_subscriber(session, READER)
            await register_subscriber(session, OTHER)
            return await read_states(session, lines, without=without)

        return transact(url, act)

    def test_states_of_all_subscribers_are_read(self, outbox_url: str) -> None:
        states = [
            SubscriberState(subscriber=name, last_id=1, last_version=2, deleted_ids=[3])
            for name in (READER, OTHER)
        ]
        lines = [f"{state.model_dump_json()}\n" for state in states]
        assert self.read(outbox_url, *lines) == states
        assert self.read(outbox_url, lines[0], "\n", without=(OTHER,)) == states[:1]

    def test_missing_state_is_named(self, outbox_url: str) -> None:
        with pytest.raises(StatesUnusable, match=r"lacks what these know: other, reader\."):
            self.read(outbox_url)

    def test_other_input_is_refused(self, outbox_url: str) -> None:
        with pytest.raises(StatesUnusable, match="subscriber-state"):
            self.read(outbox_url, "hello")
