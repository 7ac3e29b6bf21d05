"""The settings that each PostgreSQL connection asks for, also through a pooler that drops them."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from pydantic import SecretStr
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import DBAPIError
from structlog.types import EventDict
from tests.example.app import NotesSettings, client_of

from chassis.db.database import Database, DatabaseLimits
from chassis.db.errors import DatabaseUnreachable, SettingIgnored
from chassis.web.state import open_database
from service_testing.ports import free_port

pytestmark = pytest.mark.usefixtures("on_postgres")

SETTINGS = "lock_timeout", "statement_timeout", "default_transaction_read_only"
ROLE = "pooled"


async def shown(database: Database, *, reading: bool) -> list[str]:
    engine = database.read_engine if reading else database.write_engine
    async with engine.connect() as connection:
        return [await connection.scalar(text(f"SHOW {name}")) or "" for name in SETTINGS]


@pytest.fixture
async def database(empty_database_url: str) -> AsyncIterator[Database]:
    limits = DatabaseLimits(lock_timeout_seconds=0.05, statement_timeout_seconds=2)
    database = Database(empty_database_url, limits=limits)
    yield database
    await database.aclose()


class TestServer:
    async def test_each_engine_sets_its_limits(
        self, database: Database, logs: list[EventDict]
    ) -> None:
        await database.check_settings()
        assert await shown(database, reading=False) == ["50ms", "2s", "off"]
        assert await shown(database, reading=True) == ["50ms", "2s", "on"]
        assert logs == []

    async def test_lock_that_is_not_released_fails_the_statement(self, database: Database) -> None:
        async with database.write_engine.begin() as one, database.write_engine.connect() as other:
            await one.execute(text("CREATE TABLE t (id integer)"))
            await one.execute(text("SELECT pg_advisory_lock(7)"))
            with pytest.raises(DBAPIError, match="lock timeout"):
                await other.execute(text("SELECT pg_advisory_lock(7)"))

    async def test_statement_that_takes_too_long_fails(self, empty_database_url: str) -> None:
        # Long enough for the statements by which a connection begins.
        limits = DatabaseLimits(statement_timeout_seconds=0.5)
        database = Database(empty_database_url, limits=limits)
        async with database.read_engine.connect() as connection:
            with pytest.raises(DBAPIError, match="statement timeout"):
                await connection.execute(text("SELECT pg_sleep(60)"))
        await database.aclose()


class TestUrlOfAProvider:
    async def test_options_reach_the_server(self, empty_database_url: str) -> None:
        url = make_url(empty_database_url)
        host, port = url.normalized_query.get("host", (url.host or "",))[0], url.port or 5432
        options = {
            "sslmode": "prefer",
            "application_name": "shop",
            "options": "-c search_path=somewhere",
            "connect_timeout": "7",
            "statement_cache_size": "0",
            "target_session_attrs": "read-write",
        }
        hosts = (f"127.0.0.1:{free_port()}", f"{host}:{port}")
        several = url.set(host=None, port=None, query={**options, "host": hosts})
        database = Database(several.render_as_string(hide_password=False))
        async with database.write_engine.connect() as connection:
            names = ("application_name", "search_path", "lock_timeout")
            seen = [await connection.scalar(text(f"SHOW {name}")) for name in names]
            prepared = await connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))
        await database.aclose()
        assert (seen, prepared) == (["shop", "somewhere", "10s"], 1)  # the statement that counts

    async def test_server_without_tls_is_refused_if_the_url_requires_it(
        self, empty_database_url: str
    ) -> None:
        url = make_url(empty_database_url).update_query_dict({"sslmode": "require"})
        database = Database(url.render_as_string(hide_password=False))
        with pytest.raises(DatabaseUnreachable, match="SSL"):
            await database.read_engine.connect()
        await database.aclose()


@asynccontextmanager
async def pooler(server: URL, *, passed_on: tuple[bytes, ...] = ()) -> AsyncIterator[URL]:
    """A proxy that drops settings from the start-up message, as PgBouncer does with `ignore_startup_parameters`."""
    keep = (b"user", b"database", *passed_on)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size, code = struct.unpack("!ii", await reader.readexactly(8))
        if code == 80877103:  # SSLRequest
            writer.write(b"N")
            size, code = struct.unpack("!ii", await reader.readexactly(8))
        fields = (await reader.readexactly(size - 8)).split(b"\0")
        parameters = zip(fields[:-2:2], fields[1:-2:2], strict=True)
        body = b"".join(b"%s\0%s\0" % each for each in parameters if each[0] in keep) + b"\0"
        server_reader, server_writer = await asyncio.open_connection(server.host, server.port)
        server_writer.write(struct.pack("!ii", 8 + len(body), code) + body)
        await asyncio.gather(pipe(server_reader, writer), pipe(reader, server_writer))

    listener = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with listener:
        yield server.set(host="127.0.0.1", port=listener.sockets[0].getsockname()[1])


def settings_of(url: URL) -> NotesSettings:
    return NotesSettings(database_url=SecretStr(url.render_as_string(hide_password=False)))


class TestPooler:
    async def test_dropped_read_only_refuses_the_start(self, empty_database_url: str) -> None:
        async with pooler(make_url(empty_database_url)) as url:
            with pytest.raises(SettingIgnored, match="default_transaction_read_only"):
                async with open_database(settings_of(url)):
                    pytest.fail("it has started")

    async def test_dropped_read_only_refuses_requests_after_a_start_without_the_server(
        self, empty_database_url: str
    ) -> None:
        async with pooler(make_url(empty_database_url)) as url:
            database = settings_of(url).open_database()
            response = await client_of(database=database).get("/health/ready")
            assert response.status_code == 503
            for _ in range(2):
                with pytest.raises(SettingIgnored):
                    await shown(database, reading=True)
            await database.aclose()

    async def test_dropped_time_outs_are_a_warning(
        self, empty_database_url: str, logs: list[EventDict]
    ) -> None:
        passed_on = (b"default_transaction_read_only", b"timezone")
        async with (
            pooler(make_url(empty_database_url), passed_on=passed_on) as url,
            open_database(settings_of(url)) as database,
        ):
            assert await shown(database, reading=True) == ["0", "0", "on"]
        warnings = [(each["event"], each["setting"], each["expected"]) for each in logs]
        assert sorted(warnings) == [
            ("database_setting_ignored", "lock_timeout", "10000"),
            ("database_setting_ignored", "lock_timeout", "10000"),
            ("database_setting_ignored", "statement_timeout", "30000"),
            ("database_setting_ignored", "statement_timeout", "30000"),
        ]

    async def test_time_outs_of_the_role_need_no_warning(
        self, empty_database_url: str, logs: list[EventDict]
    ) -> None:
        server = make_url(empty_database_url)
        admin = Database(empty_database_url)
        async with admin.write_engine.begin() as connection:
            await connection.execute(text(f"CREATE ROLE {ROLE} LOGIN SUPERUSER PASSWORD 'pooled'"))
            for setting in (
                "lock_timeout = '10s'",
                "statement_timeout = '30s'",
                "timezone = 'UTC'",
            ):
                await connection.execute(text(f"ALTER ROLE {ROLE} SET {setting}"))
        try:
            role = server.set(username=ROLE, password="pooled")
            passed_on = (b"default_transaction_read_only",)
            async with (
                pooler(role, passed_on=passed_on) as url,
                open_database(settings_of(url)) as database,
            ):
                assert await shown(database, reading=False) == ["10s", "30s", "off"]
            assert logs == []
        finally:
            async with admin.write_engine.begin() as connection:
                await connection.execute(text(f"DROP ROLE {ROLE}"))
            await admin.aclose()


async def test_unavailable_server_does_not_refuse_the_start() -> None:
    url = make_url("postgresql://u:p@127.0.0.1:1/test")
    async with open_database(settings_of(url)) as database:
        response = await client_of(database=database).get("/health/ready")
    assert response.status_code == 503
