import pytest
from anyio import to_thread
from sqlalchemy import make_url, text

from chassis.database import Database
from service_testing.databases import create_database, drop_database
from service_testing.run_server import RUN_SERVER


@pytest.fixture
def server_url(request: pytest.FixtureRequest) -> str:
    if request.config.getoption("--database") == "sqlite":
        pytest.skip("SQLite's databases are files")
    return request.config.stash[RUN_SERVER].url


async def count(server_url: str, name: str) -> int:
    server = Database(server_url)
    async with server.read_session() as session:
        statement = text("SELECT count(*) FROM pg_database WHERE datname = :name")
        found = await session.scalar(statement, {"name": name})
    await server.aclose()
    return int(found or 0)


async def test_a_database_is_created_and_dropped(server_url: str, worker_id: str) -> None:
    name = f"test_created_{worker_id}"
    await to_thread.run_sync(create_database, server_url, name)
    assert await count(server_url, name) == 1
    await to_thread.run_sync(drop_database, server_url, name)
    assert await count(server_url, name) == 0


async def test_a_database_in_use_is_replaced(server_url: str, worker_id: str) -> None:
    name = f"test_replaced_{worker_id}"
    database = Database(await to_thread.run_sync(create_database, server_url, name))
    async with database.write_session() as session:
        await session.execute(text("CREATE TABLE old ()"))
        await session.commit()
        await to_thread.run_sync(create_database, server_url, name)
    await database.aclose()
    database = Database(
        make_url(server_url).set(database=name).render_as_string(hide_password=False)
    )
    async with database.read_session() as session:
        assert await session.scalar(text("SELECT to_regclass('old')")) is None
    await database.aclose()
    await to_thread.run_sync(drop_database, server_url, name)
