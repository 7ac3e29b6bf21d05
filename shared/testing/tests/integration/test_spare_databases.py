"""Further databases of a worker."""

import asyncio
from pathlib import Path

import pytest
from example.app import Note
from sqlalchemy import func, inspect, make_url, select

from chassis.db.database import Database, migration_engine
from chassis.db.errors import DatabaseUnreachable
from service_testing.new_database import NewDatabase
from service_testing.service import create_all


async def _tables(url: str) -> list[str]:
    engine = migration_engine(url)
    async with engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    await engine.dispose()
    return tables


async def _add_note(url: str) -> int:
    database = Database(url)
    async with database.transaction() as session:
        session.add(Note(title="leaks?"))
    count = await database.read_session().scalar(select(func.count(Note.id)))
    await database.aclose()
    return count or 0


async def test_empty_database_has_no_tables(empty_database_url: str) -> None:
    assert await _tables(empty_database_url) == []


async def test_spare_database_has_the_service_s_tables(spare_database_url: str) -> None:
    assert {"notes", "starts", "alembic_version"} <= set(await _tables(spare_database_url))


@pytest.mark.parametrize("run", [1, 2])
def test_spare_database_has_no_rows(spare_database_url: str, run: int) -> None:
    assert asyncio.run(_add_note(spare_database_url)) == 1


def test_databases_are_different(
    database_url: str, empty_database_url: str, spare_database_url: str
) -> None:
    assert len({database_url, empty_database_url, spare_database_url}) == 3


def test_new_database_has_its_name_and_is_dropped_after_the_block(
    new_database: NewDatabase, pytestconfig: pytest.Config
) -> None:
    with new_database("archive") as url:
        assert asyncio.run(_tables(url)) == []
        assert Path(str(make_url(url).database)).name.startswith("test_archive_")
    if pytestconfig.getoption("--database") == "postgres":  # SQLite's are files that pytest deletes
        with pytest.raises(DatabaseUnreachable, match="does not exist"):
            asyncio.run(_tables(url))


@pytest.mark.parametrize("name", ["archive", "a" * 100])
def test_databases_of_the_same_name_are_different(new_database: NewDatabase, name: str) -> None:
    """Workers share a server, and PostgreSQL cuts long names."""
    with new_database(name) as one, new_database(name) as other:
        asyncio.run(create_all(one, Note.metadata))
        assert asyncio.run(_tables(other)) == []


def test_file_is_where_the_folder_is_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "a b#c%41d?e"
    folder.mkdir()
    with NewDatabase(folder=folder, server_url=None)("archive") as url:
        asyncio.run(_tables(url))
    assert [path.parent for path in tmp_path.rglob("*.db")] == [folder]
