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
def test_url_gets_the_driver_of_this_project(url: str, driver: str) -> None:
    assert parse_url(url).drivername == driver


def test_parts_of_the_url_are_kept() -> None:
    url = parse_url("postgresql://u:p%40ss@db:5433/notes?ssl=require")
    assert (url.username, url.password, url.host, url.port) == ("u", "p@ss", "db", 5433)
    assert (url.database, url.query) == ("notes", {"ssl": "require"})


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "must be a database URL such as "),
        ("hunter2", "must be a database URL such as "),
        ("postgresql://u:hunter2@db:port/n", "must be a database URL such as "),
        ("postgresql://u:hunter2@[::1/n", "must be a database URL such as "),
        ("mysql://u:hunter2@db/n", "must start with sqlite:/// or postgresql://"),
        ("http://db/n", "must start with sqlite:/// or postgresql://"),
        ("sqlite://", "must name a file: "),
        ("sqlite:///:memory:", "must name a file: "),
        ("sqlite:///file:notes?mode=memory&uri=true", "must name a file: "),
    ],
)
def test_other_url_is_refused_without_repeating_it(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}") as caught:
        parse_url(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "is_sqlite"), [("sqlite:///notes.db", True), ("postgresql://db/notes", False)]
)
async def test_unused_database_connects_to_nothing(url: str, is_sqlite: bool) -> None:
    database = Database(url)
    assert database.is_sqlite is is_sqlite
    await database.aclose()
