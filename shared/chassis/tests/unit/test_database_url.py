import pytest

from chassis.db.database import Database, parse_url


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///notes.db", "sqlite+aiosqlite"),
        ("sqlite+pysqlite:///notes.db", "sqlite+aiosqlite"),
        ("postgresql://u:p@db/notes", "postgresql+asyncpg"),
        ("postgresql+psycopg://u:p@db/notes", "postgresql+asyncpg"),
        ("postgres://u:p@db/notes", "postgresql+asyncpg"),
    ],
)
def test_a_database_is_reached_through_the_driver_of_this_project(url: str, driver: str) -> None:
    assert parse_url(url).drivername == driver


def test_the_parts_of_the_url_are_kept() -> None:
    url = parse_url("postgresql://u:p%40ss@db:5433/notes?ssl=require")
    assert (url.username, url.password, url.host, url.port) == ("u", "p@ss", "db", 5433)
    assert (url.database, url.query) == ("notes", {"ssl": "require"})


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "hunter2",
        "://",
        "postgresql://u:hunter2@db:port/n",
        "postgresql://u:hunter2@[::1/n",
    ],
)
def test_a_text_that_is_no_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a database URL such as ") as caught:
        parse_url(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("url", ["mysql://u:hunter2@db/n", "mssql+pyodbc://db", "http://db/n"])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must start with sqlite:/// or postgresql://$"):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?cache=shared&uri=true",
        "sqlite:///file:notes?mode=memory&uri=true",
    ],
)
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must name a file: "):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "is_sqlite"), [("sqlite:///notes.db", True), ("postgresql://db/notes", False)]
)
async def test_a_database_that_is_not_used_connects_to_nothing(url: str, is_sqlite: bool) -> None:
    database = Database(url)
    assert database.is_sqlite is is_sqlite
    await database.aclose()
