"""One service's database: two engines, two session types (ADR 0002).

Writes go through transactions on the write engine. Reads go through an autocommit engine on
which the database itself refuses writes. SQLite and PostgreSQL behave alike from here on up.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiosqlite
from sqlalchemy import Connection, Dialect, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

from chassis.db.dead_connections import give_up_soon
from chassis.db.sessions import ReadSession, WriteSession

_SQLITE_BUSY_TIMEOUT_SECONDS = 10
_CONNECT_TIMEOUT_SECONDS = 5
_LOCK = text("SELECT pg_advisory_xact_lock(:id)")


class DatabaseUnreachable(ConnectionError):
    """No connection could be opened. Its cause is the driver's exception."""


@dataclass(frozen=True, kw_only=True)
class PoolSize:
    """How many connections each of the two engines may hold, and how long a request waits for one."""

    connections: int = 10
    wait_seconds: float = 10.0


class Database:
    """Both engines of one service. Connects on first use; `aclose` gives every connection back."""

    def __init__(self, url: str, *, pool: PoolSize | None = None) -> None:
        self.url = parse_url(url)
        self.session_info: dict[str, Any] = {}
        """What each write session carries along in its `info`."""
        pool = pool or PoolSize()
        if self.is_sqlite:
            self.write_engine = _sqlite_write_engine(self.url, pool)
            self.read_engine = _sqlite_read_engine(self.url, pool)
        else:
            self.write_engine = _postgres_engine(self.url, pool, read_only=False)
            self.read_engine = _postgres_engine(self.url, pool, read_only=True)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    def write_session(self) -> WriteSession:
        """A session with a transaction; nothing is kept unless it is committed."""
        return WriteSession(self.write_engine, expire_on_commit=False, info=self.session_info)

    def read_session(self) -> ReadSession:
        """Runs selects on connections on which the database refuses writes."""
        return ReadSession(self.read_engine.connect)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[WriteSession]:
        """A write session that commits at the end of the block, or rolls back when the block raises."""
        async with self.write_session() as session, session.begin():
            yield session

    async def aclose(self) -> None:
        await self.write_engine.dispose()
        await self.read_engine.dispose()


async def serialise(session: WriteSession, lock_id: int) -> None:
    """Let one transaction at a time pass this point, of all processes on this database.

    The lock is released when the transaction ends. On SQLite nothing is needed: every write transaction
    begins with `BEGIN IMMEDIATE` and is alone.
    """
    connection = await session.connection()
    if connection.dialect.name == "postgresql":
        await connection.execute(_LOCK, {"id": lock_id})


def after_commit(session: WriteSession, action: Callable[[], None]) -> None:
    """Call `action` once, when a transaction of this session has been committed."""
    event.listen(session.sync_session, "after_commit", lambda _: action(), once=True)


async def insert_if_absent(
    session: WriteSession, model: type[object], values: Mapping[str, object]
) -> bool:
    """Insert a row unless its primary key exists. Returns whether it was inserted.

    It neither fails nor races: see `upsert`.
    """
    statement = upsert(session, model).values(**values).on_conflict_do_nothing()
    return (await session.exec(statement)).rowcount > 0


def upsert(session: WriteSession, model: type[object]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT with ON CONFLICT, for both databases."""
    is_postgres = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(model) if is_postgres else sqlite.insert(model)


def parse_url(url: str) -> URL:
    """The SQLAlchemy URL, with the driver that this project uses for its database.

    Raises:
        ValueError: when the URL can't be parsed or names another database than SQLite or PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except Exception:  # noqa: BLE001 - it raises whatever int() or a plugin raises
        raise ValueError("must be a database URL such as sqlite:///data/service.db") from None
    drivers = {
        "sqlite": "sqlite+aiosqlite",
        "postgres": "postgresql+asyncpg",
        "postgresql": "postgresql+asyncpg",
    }
    driver = drivers.get(parsed.get_backend_name())
    if driver is None:
        raise ValueError("must start with sqlite:/// or postgresql://")
    if driver.startswith("sqlite") and not _names_file(parsed.database or ""):
        raise ValueError(
            "must name a file: the services' connections can't share a database in memory"
        )
    return parsed.set(drivername=driver)


def _names_file(database: str) -> bool:
    # A URI of SQLite's own, `file:...?mode=memory`, names one only sometimes.
    return database not in ("", ":memory:") and not database.startswith("file:")


def _engine(url: URL, pool: PoolSize, connections: int, **options: Any) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=pool.wait_seconds,
        # An exception's text reaches the log; the values of a statement (e-mails, hashes) must not.
        hide_parameters=True,
        **options,
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def _connect(dialect: Dialect, _: object, arguments: Any, options: Any) -> Any:
        try:
            if dialect.name == "sqlite":
                # When the driver can't open the file, its thread outlives the event loop.
                sqlite3.connect(arguments[0]).close()
                options = {**options, "async_creator_fn": _open_sqlite}
            return dialect.connect(*arguments, **options)
        except Exception as error:
            # Drivers raise anything here: socket errors, a refused password, an unknown option.
            raise DatabaseUnreachable(str(error) or type(error).__name__) from error

    return engine


async def _open_sqlite(*arguments: Any, **options: Any) -> aiosqlite.Connection:
    """Open a file; when that is cancelled it is opened all the same and then closed, which aiosqlite doesn't do."""
    connection = aiosqlite.connect(*arguments, **options)
    connection._thread.daemon = True  # as SQLAlchemy has it  # noqa: SLF001

    async def open_it() -> aiosqlite.Connection:
        return await connection

    opening = asyncio.create_task(open_it())
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(lambda _: connection.stop())
        raise


def migration_engine(url: str) -> AsyncEngine:
    """An engine for changing the schema, with one connection."""
    parsed, pool = parse_url(url), PoolSize(connections=1)
    if parsed.get_backend_name() == "sqlite":
        # SQLite changes a table by rebuilding it; with foreign keys on, dropping the old one
        # would cascade into the rows that point to it.
        return _sqlite_write_engine(parsed, pool, foreign_keys=False)
    return _postgres_engine(parsed, pool, read_only=False)


def _sqlite_write_engine(url: URL, pool: PoolSize, *, foreign_keys: bool = True) -> AsyncEngine:
    # SQLite has one writer at a time. With one connection, writers of this process wait in the
    # pool's fair queue instead of polling SQLite's lock.
    engine = _engine(url, pool, connections=1)

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: see _begin
        _switch_to_wal(connection)
        _run_pragmas(
            connection, "synchronous = FULL", f"foreign_keys = {'ON' if foreign_keys else 'OFF'}"
        )

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that begins as a reader and writes later can fail half-way with
        # "database is locked", which no busy timeout helps against.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine.sync_engine, "reset")
    def _reset(connection: Any, _: ConnectionPoolEntry, state: PoolResetState) -> None:
        # SQLAlchemy takes a transaction for ended when its COMMIT fails; SQLite leaves it open.
        if state.asyncio_safe and connection.driver_connection.in_transaction:
            connection.rollback()

    return engine


def _sqlite_read_engine(url: URL, pool: PoolSize) -> AsyncEngine:
    engine = _engine(url, pool, connections=pool.connections, isolation_level="AUTOCOMMIT")

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        _run_pragmas(connection, "query_only = ON")

    return engine


def _switch_to_wal(connection: Any) -> None:
    # Of two processes that open a new file at once, SQLite refuses one the switch without waiting
    # for the busy timeout. It blocks here for moments, once in the life of a database.
    deadline = time.monotonic() + _SQLITE_BUSY_TIMEOUT_SECONDS
    while True:
        try:
            _run_pragmas(connection, "journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _run_pragmas(connection: Any, *pragmas: str) -> None:
    cursor = connection.cursor()
    for pragma in (f"busy_timeout = {_SQLITE_BUSY_TIMEOUT_SECONDS * 1000}", *pragmas):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _postgres_engine(url: URL, pool: PoolSize, *, read_only: bool) -> AsyncEngine:
    server_settings = {"timezone": "UTC"}
    options: dict[str, Any] = {}
    if read_only:
        server_settings["default_transaction_read_only"] = "on"
        options["isolation_level"] = "AUTOCOMMIT"
    engine = _engine(
        url,
        pool,
        connections=pool.connections,
        connect_args={"timeout": _CONNECT_TIMEOUT_SECONDS, "server_settings": server_settings},
        **options,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, record: ConnectionPoolEntry) -> None:
        give_up_soon(connection.driver_connection)

    @event.listens_for(engine.sync_engine, "checkout")
    def _replace_if_closed(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
        # The driver hears of a server that ends a connection, long before the next request would.
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    return engine
