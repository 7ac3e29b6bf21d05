from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]
import pytest
from anyio import to_thread
from sqlalchemy import text

from chassis.db.database import Database
from service_testing.databases import create_database, delete_rows, drop_database
from service_testing.run_server import RUN_SERVER


@pytest.fixture
def server_url(request: pytest.FixtureRequest) -> str:
    if request.config.getoption("--database") == "sqlite":
        pytest.skip("SQLite's databases are files")
    return request.config.stash[RUN_SERVER].url


async def exists(server_url: str, name: str) -> bool:
    connection = await asyncpg.connect(server_url)
    found = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name)
    await connection.close()
    return bool(found)


async def test_database_is_created_and_dropped_though_in_use(server_url: str) -> None:
    name = f"test_created_{uuid4().hex}"
    database = Database(await to_thread.run_sync(create_database, server_url, name))
    async with database.read_session().connection() as connection:
        assert await exists(server_url, name)
        await to_thread.run_sync(drop_database, server_url, name)
        await connection.invalidate()
    assert not await exists(server_url, name)
    await database.aclose()


DELETED = {
    "a cycle": [
        "CREATE TABLE hens (id INTEGER PRIMARY KEY, egg_id INTEGER)",
        "CREATE TABLE eggs (id INTEGER PRIMARY KEY, hen_id INTEGER REFERENCES hens)",
        "INSERT INTO hens VALUES (1, 1)",
        "INSERT INTO eggs VALUES (1, 1)",
    ],
    "a parent that is named first and must stay while it has children": [
        "CREATE TABLE a (id INTEGER PRIMARY KEY)",
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a ON DELETE RESTRICT)",
        "INSERT INTO a VALUES (1)",
        "INSERT INTO b VALUES (1, 1)",
    ],
    "children that go with their parent": [
        "CREATE TABLE a (id INTEGER PRIMARY KEY)",
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a ON DELETE CASCADE)",
        "INSERT INTO a VALUES (1)",
        "INSERT INTO b VALUES (1, 1)",
    ],
    "a row that names itself": [
        'CREATE TABLE "order" (id INTEGER PRIMARY KEY, after INTEGER REFERENCES "order")',
        'INSERT INTO "order" VALUES (1, 1)',
    ],
    "no tables": [],
}


@pytest.mark.parametrize("statements", DELETED.values(), ids=DELETED)
async def test_all_rows_are_deleted_despite_foreign_keys(
    empty_database_url: str, statements: list[str]
) -> None:
    engine = Database(empty_database_url).write_engine
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await delete_rows(engine, keep_tables=())
    tables = {statement.split()[2] for statement in statements if statement.startswith("INSERT")}
    async with engine.connect() as connection:
        for table in tables:
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608
    await engine.dispose()


CREATE = {
    "sqlite": [
        "CREATE VIRTUAL TABLE words USING fts5(text, content, tokenize = 'porter')",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)",
        "CREATE VIRTUAL TABLE of_notes USING fts5(text, content = 'notes', content_rowid = 'id')",
        """CREATE TRIGGER forget AFTER DELETE ON notes BEGIN
        INSERT INTO of_notes (of_notes, rowid, text) VALUES ('delete', old.id, old.text); END""",
        "CREATE VIRTUAL TABLE of_nothing USING fts5(text, content='')",
    ],
    "postgres": ['CREATE SCHEMA "other one"', 'CREATE TABLE "other one".notes (id INTEGER)'],
}
INSERT = {
    "sqlite": [
        "INSERT INTO words VALUES ('kettle', '')",
        "INSERT INTO notes VALUES (1, 'kettle')",
        "INSERT INTO of_notes (rowid, text) VALUES (1, 'kettle')",
        "INSERT INTO of_nothing VALUES ('kettle')",
    ],
    "postgres": ['INSERT INTO "other one".notes VALUES (1)'],
}
COUNT = {
    "sqlite": [
        f"SELECT count(*) FROM {name} WHERE {name} MATCH 'kettle'"  # noqa: S608
        for name in ("words", "of_notes", "of_nothing")
    ],
    "postgres": ['SELECT count(*) FROM "other one".notes'],
}


async def test_rows_of_virtual_tables_and_of_other_schemas_are_deleted(
    empty_database_url: str, pytestconfig: pytest.Config
) -> None:
    kind = pytestconfig.getoption("--database")
    engine = Database(empty_database_url).write_engine

    async def run(statements: list[str]) -> set[object]:
        async with engine.begin() as connection:
            results = [await connection.exec_driver_sql(each) for each in statements]
            return {each.scalar() for each in results if each.returns_rows}

    await run(CREATE[kind])
    for _ in range(2):
        await run(INSERT[kind])
        assert await run(COUNT[kind]) == {1}
        await delete_rows(engine, keep_tables=())
        assert await run(COUNT[kind]) == {0}
    await engine.dispose()
