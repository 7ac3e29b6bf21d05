"""Further databases of a worker."""

import asyncio
from pathlib import Path

import pytest
from example.app import Note
from sqlalchemy import func, inspect, make_url, select

from chassis.db.database import Database, migration_engine
from chassis.db.errors import DatabaseUnreachable
from service_testing import postgres
from service_testing.new_database import NewDatabase, new_databases
from service_testing.run_server import RUN_SERVER


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
    new_database: NewDatabase, worker_id: str, pytestconfig: pytest.Config
) -> None:
    with new_database("archive") as url:
        assert asyncio.run(_tables(url)) == []
        name = Path(str(make_url(url).database)).name
        assert name.startswith(f"test_archive_{worker_id}_")
    if pytestconfig.getoption("--database") == "postgres":  # SQLite's are files that pytest deletes
        with pytest.raises(DatabaseUnreachable, match="does not exist"):
            asyncio.run(_tables(url))


def test_databases_of_two_runs_are_different(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = set()
    for process_id in (71, 72):
        monkeypatch.setattr("os.getpid", lambda process_id=process_id: process_id)
        with new_databases("sqlite", tmp_path) as new_database, new_database("archive") as url:
            urls.add(url)
    assert len(urls) == 2


def test_new_databases_works_without_the_plugin(
    pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = pytestconfig.getoption("--database")
    if kind == "postgres":  # one that runs already
        monkeypatch.setenv(postgres.URL_VARIABLE, pytestconfig.stash[RUN_SERVER].url)
    with new_databases(kind, tmp_path) as new_database, new_database("archive") as url:
        assert asyncio.run(_tables(url)) == []
        assert make_url(url).get_backend_name() == ("sqlite" if kind == "sqlite" else "postgresql")
        assert bool(list(tmp_path.iterdir())) is (kind == "sqlite")
