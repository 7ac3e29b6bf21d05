"""One service's database: two engines, two session types (ADR 0002).

Writes go through transactions on the write engine. Reads go through an autocommit engine on
which the database itself refuses writes. Code that uses this module works on SQLite and PostgreSQL.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import structlog
from sqlalchemy import Connection, Dialect, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState, QueuePool

from chassis.db import postgresql_connections, sqlite_connections
from chassis.db.errors import DatabaseUnreachable, FileReplaced, SettingIgnored, is_conflict
from chassis.db.postgresql_urls import driver_arguments, separate_hosts
from chassis.db.sessions import ReadSession, WriteSession

logger = structlog.get_logger(__name__)

ResultT = TypeVar("ResultT")

_CONNECT_TIMEOUT_SECONDS = 5
_LOCK = text("SELECT pg_advisory_xact_lock(:id)")
_IS_READ_ONLY = text(
    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean"
)
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}


@dataclass(frozen=True, kw_only=True)
class DatabaseLimits:
    """The size of each of the two pools, and the longest waits of a request."""

    connections: int = 10
    wait_seconds: float = 10.0
    """How long it waits for a connection of the pool."""
    lock_timeout_seconds: float = 10.0
    statement_timeout_seconds: float = 30.0
    """Enforced on PostgreSQL only. 0 is no limit, as for locks."""


class OpenedFile:
    """The SQLite file that a process has open, which may be deleted, moved or replaced meanwhile.

    SQLite doesn't notice: it goes on writing to a file that nobody will see again.
    """

    def __init__(self, url: URL) -> None:
        self._path = Path(url.database or "")
        self._identity: tuple[int, int] | None = None

    async def open(self, *arguments: Any, **options: Any) -> aiosqlite.Connection:
        """A connection. Once the file was opened, it isn't created again."""
        if self._identity is not None:
            self.check()
        return await sqlite_connections.open_file(*arguments, **options)

    def check(self) -> None:
        """Raises:
        FileReplaced: the file isn't the one of the first check.
        """
        try:
            status = self._path.stat()
        except FileNotFoundError:
            raise FileReplaced(f"{self._path} was deleted or moved while in use") from None
        identity = (status.st_dev, status.st_ino)
        if self._identity is None:
            self._identity = identity
        if identity != self._identity:
            raise FileReplaced(f"{self._path} was replaced while in use; restart the service")

    def is_writable(self) -> bool:
        """Whether this process may write to the file, and to its folder, which gets the journal."""
        return all(os.access(path, os.W_OK) for path in (self._path, self._path.parent))


class Database:
    """Both engines of one service. Connects on first use; `aclose` closes every connection."""

    def __init__(self, url: str, *, limits: DatabaseLimits | None = None) -> None:
        self.url = parse_url(url)
        self.session_info: dict[str, Any] = {}
        """The `info` of each write session."""
        limits = limits or DatabaseLimits()
        self._file = OpenedFile(self.url)
        self.write_engine = _write_engine(self.url, limits, self._file)
        self.read_engine = _read_engine(self.url, limits, self._file)

    @property
    def is_sqlite(self) -> bool:
        return _is_sqlite(self.url)

    def write_session(self) -> WriteSession:
        """A session with a transaction, which is rolled back unless it is committed."""
        return WriteSession(self.write_engine, expire_on_commit=False, info=self.session_info)

    def read_session(self) -> ReadSession:
        """A session whose connections refuse writes."""
        return ReadSession(self.read_engine)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[WriteSession]:
        """A write session that commits at the end of the block, or rolls back when the block raises."""
        async with self.write_session() as session:
            yield session
            await session.commit()

    async def transact(self, work: Callable[[WriteSession], Awaitable[ResultT]]) -> ResultT:
        """What `work` returns, in a transaction, which is repeated once after a deadlock or the like."""
        try:
            async with self.transaction() as session:
                return await work(session)
        except DBAPIError as error:
            if not is_conflict(error):
                raise
            logger.warning("transaction_repeated", reason=str(error.orig))
        async with self.transaction() as session:
            return await work(session)

    async def refuses_writes(self) -> bool:
        """Whether the database is a standby, or it or its file is read-only.

        While every connection for writes is in use, it isn't asked: they will find out.
        """
        if self.is_sqlite:
            return not self._file.is_writable()
        pool = self.write_engine.pool
        if isinstance(pool, QueuePool) and pool.checkedout() >= pool.size():
            return False
        async with self.write_session() as session:
            return bool(await session.scalar(_IS_READ_ONLY))

    async def check_settings(self) -> None:
        """Open a connection of each engine on PostgreSQL, which checks the server's settings.

        An unavailable database isn't an error: the check is made when it can be reached.

        Raises:
            SettingIgnored: the server would accept writes on the read engine.
        """
        if self.is_sqlite:
            return
        for engine in (self.read_engine, self.write_engine):
            try:
                async with engine.connect():
                    pass
            except SettingIgnored:
                raise
            except DatabaseUnreachable:
                pass

    async def aclose(self) -> None:
        await self.write_engine.dispose()
        await self.read_engine.dispose()


async def serialise(session: WriteSession, lock_id: int) -> None:
    """Wait until no other transaction on this database, of any process, has this lock.

    The lock is released when the transaction ends. SQLite needs none: it has one write transaction at a time.
    """
    await lock_transaction(await session.connection(), lock_id)


async def lock_transaction(connection: AsyncConnection, lock_id: int) -> None:
    """Like `serialise`, for a connection."""
    if connection.dialect.name == "postgresql":
        await connection.execute(_LOCK, {"id": lock_id})


async def insert_if_absent(
    session: WriteSession, model: type[object], values: Mapping[str, object]
) -> bool:
    """Insert a row unless its primary key exists, also under races. Returns whether it was inserted."""
    statement = upsert(session, model).values(**values).on_conflict_do_nothing()
    return (await session.exec(statement)).rowcount > 0


def upsert(session: WriteSession, model: type[object]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT with ON CONFLICT, for both databases."""
    is_postgres = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(model) if is_postgres else sqlite.insert(model)


def parse_url(url: str) -> URL:
    """The SQLAlchemy URL, with the driver that this project uses for its database.

    Raises:
        ValueError: the URL can't be parsed, names another database than SQLite or PostgreSQL, or has an
            option that the driver can't keep.
    """
    try:
        parsed = make_url(separate_hosts(url))
    except Exception:  # noqa: BLE001 - it raises whatever int() or a plugin raises
        raise ValueError("must be a database URL such as sqlite:///data/service.db") from None
    driver = _DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        raise ValueError("must start with sqlite:/// or postgresql://")
    database = parsed.database or ""
    # A URI of SQLite's own, `file:...?mode=memory`, may also be a database in memory.
    if _is_sqlite(parsed) and (database in ("", ":memory:") or database.startswith("file:")):
        raise ValueError(
            "must name a file: the services' connections can't share a database in memory"
        )
    if not _is_sqlite(parsed):
        driver_arguments(parsed)  # raises
    return parsed.set(drivername=driver)


def migration_engine(url: str) -> AsyncEngine:
    """An engine for changing the schema, with one connection and no time-outs on PostgreSQL."""
    parsed = parse_url(url)
    if _is_sqlite(parsed):
        # SQLite changes a table by rebuilding it; with foreign keys on, dropping the old one
        # would cascade into the rows that point to it.
        return _write_engine(parsed, DatabaseLimits(), OpenedFile(parsed), foreign_keys=False)
    unlimited = DatabaseLimits(connections=1, lock_timeout_seconds=0, statement_timeout_seconds=0)
    return _postgres_engine(parsed, unlimited, read_only=False)


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _write_engine(
    url: URL, limits: DatabaseLimits, file: OpenedFile, *, foreign_keys: bool = True
) -> AsyncEngine:
    if not _is_sqlite(url):
        return _postgres_engine(url, limits, read_only=False)
    # SQLite has one writer at a time. With one connection, writers of this process wait in the
    # pool's fair queue instead of polling SQLite's lock.
    engine = _sqlite_engine(url, limits, file, connections=1)
    sqlite_connections.configure_writes(
        engine, busy_seconds=limits.lock_timeout_seconds, foreign_keys=foreign_keys
    )

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that begins as a reader and writes later can fail half-way with
        # "database is locked", which no busy timeout prevents.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine.sync_engine, "reset")
    def _reset(connection: Any, _: ConnectionPoolEntry, state: PoolResetState) -> None:
        # SQLAlchemy treats a transaction as ended when its COMMIT fails; SQLite leaves it open.
        if state.asyncio_safe and connection.driver_connection.in_transaction:
            connection.rollback()

    return engine


def _read_engine(url: URL, limits: DatabaseLimits, file: OpenedFile) -> AsyncEngine:
    if not _is_sqlite(url):
        return _postgres_engine(url, limits, read_only=True)
    engine = _sqlite_engine(url, limits, file, isolation_level="AUTOCOMMIT")
    sqlite_connections.configure_reads(engine, busy_seconds=limits.lock_timeout_seconds)
    return engine


def _sqlite_engine(
    url: URL, limits: DatabaseLimits, file: OpenedFile, **options: Any
) -> AsyncEngine:
    arguments = {"async_creator_fn": file.open}
    engine = _engine(url, limits, connect_args=arguments, **options)

    @event.listens_for(engine.sync_engine, "checkout")
    def _check_file(*_: object) -> None:
        file.check()

    return engine


def _postgres_engine(url: URL, limits: DatabaseLimits, *, read_only: bool) -> AsyncEngine:
    options: dict[str, Any] = {}
    settings = {
        "timezone": "UTC",
        "lock_timeout": f"{limits.lock_timeout_seconds * 1000:.0f}",
        "statement_timeout": f"{limits.statement_timeout_seconds * 1000:.0f}",
    }
    if read_only:
        settings[postgresql_connections.READ_ONLY] = "on"
        options["isolation_level"] = "AUTOCOMMIT"
    url, given = driver_arguments(url)
    arguments = {"timeout": _CONNECT_TIMEOUT_SECONDS, **given, "server_settings": settings}
    engine = _engine(url, limits, connect_args=arguments, **options)
    postgresql_connections.configure(engine, settings)

    @event.listens_for(engine.sync_engine, "checkout")
    def _replace_if_closed(connection: Any, _: ConnectionPoolEntry, __: object) -> None:
        # The driver notices at once that the server has ended a connection.
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    return engine


def _engine(
    url: URL, limits: DatabaseLimits, *, connections: int | None = None, **options: Any
) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=connections or limits.connections,
        max_overflow=0,
        pool_timeout=limits.wait_seconds,
        # An exception's text reaches the log; the values of a statement (e-mails, hashes) must not.
        hide_parameters=True,
        **options,
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def _connect(dialect: Dialect, _: object, arguments: Any, options: Any) -> Any:
        try:
            return dialect.connect(*arguments, **options)
        except DatabaseUnreachable:
            raise
        except Exception as error:
            # Drivers raise anything here: socket errors, a refused password, an unknown option.
            raise DatabaseUnreachable(str(error) or type(error).__name__) from error

    return engine
