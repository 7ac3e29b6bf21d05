"""Connections to SQLite: WAL, foreign keys, one writer at a time, and a thread that always ends."""

import asyncio
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry


def configure_writes(engine: AsyncEngine, *, busy_seconds: float, foreign_keys: bool) -> None:
    """Prepare the connections of the engine for transactions that write."""
    pragmas = ("synchronous = FULL", f"foreign_keys = {'ON' if foreign_keys else 'OFF'}")

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        _set_busy_timeout(connection, busy_seconds)
        _switch_to_wal(connection, busy_seconds)
        _run_pragmas(connection, *pragmas)


def configure_reads(engine: AsyncEngine, *, busy_seconds: float) -> None:
    """Let SQLite refuse writes on the connections of the engine."""

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        _set_busy_timeout(connection, busy_seconds)
        _run_pragmas(connection, "query_only = ON")


def create_private(path: str | Path) -> None:
    """Unless the file exists, create one that only its owner can read. SQLite's further files get the same mode."""
    # An existing file must not be opened: closing it would drop the locks of this process. For all else that is
    # wrong SQLite has its own messages.
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))


async def open_file(*arguments: Any, **options: Any) -> aiosqlite.Connection:
    """Open a file. If that is cancelled, close it once it is open, which aiosqlite doesn't do."""
    # If the driver can't open the file, its thread outlives the event loop.
    create_private(arguments[0])
    sqlite3.connect(arguments[0]).close()
    connection = aiosqlite.connect(*arguments, **options)
    connection._thread.daemon = True  # as SQLAlchemy does  # noqa: SLF001

    async def open_it() -> aiosqlite.Connection:
        return await connection

    opening = asyncio.create_task(open_it())
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(lambda _: connection.stop())
        raise


def _switch_to_wal(connection: Any, busy_seconds: float) -> None:
    # If two processes open a new file at once, SQLite refuses one of them the switch without waiting
    # for the busy timeout. This blocks for a moment, once in the life of a database.
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            _run_pragmas(connection, "journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _set_busy_timeout(connection: Any, seconds: float) -> None:
    _run_pragmas(connection, f"busy_timeout = {seconds * 1000:.0f}")


def _run_pragmas(connection: Any, *pragmas: str) -> None:
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
