"""Listening for notifications, on PostgreSQL."""

import asyncio

import pytest
from sqlalchemy import make_url, text
from structlog.types import EventDict
from tests.example.app import OpenDatabase

from chassis.db import notifications
from chassis.db.notifications import listen

END_THE_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class SilentDriver:
    """A connection to a server that has vanished."""

    def add_termination_listener(self, _: object) -> None:
        """It never ends."""

    async def execute(self, _: str, **options: float) -> None:
        await asyncio.sleep(options["timeout"])
        raise ConnectionAbortedError


async def test_listener_notices_that_its_server_has_vanished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifications, "_HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(notifications, "_ANSWER_SECONDS", 0.01)
    with pytest.raises(ConnectionAbortedError):
        await asyncio.wait_for(notifications._until_it_ends(SilentDriver()), 30)


async def test_listener_whose_connection_ends_returns_to_listen_again(
    empty_database_url: str, open_database: OpenDatabase, on_postgres: None, logs: list[EventDict]
) -> None:
    is_listening = asyncio.Event()
    listening = asyncio.create_task(listen(make_url(empty_database_url), "notes", is_listening.set))
    await is_listening.wait()
    async with open_database(empty_database_url).write_engine.connect() as connection:
        await connection.execute(END_THE_OTHERS)
    pause_seconds = await listening
    assert 0 <= pause_seconds <= 1
    assert [line["event"] for line in logs] == ["notifications_interrupted"]
