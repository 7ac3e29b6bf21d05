import pytest

from chassis.db.database import Database, parse_url
from chassis.db.postgresql_urls import driver_arguments


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
        ("postgresql://db/n?hunter2=b", "has an option that isn't known. Known are: "),
        ("postgresql://db/n?pgbouncer=hunter2", "has an option that isn't known. Known are: "),
        (
            "postgresql://db/n?sslmode=require&channel_binding=require",
            "must have sslmode=verify-full",
        ),
        ("postgresql://db/n?sslmode=require&sslrootcert=system", "must have sslmode=verify-full"),
        ("postgresql://db/n?connect_timeout=hunter2", "must have whole numbers for "),
        ("postgresql://a,b/n?port=hunter2", "must have a number as each port"),
    ],
)
def test_other_url_is_refused_without_repeating_it(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}") as caught:
        parse_url(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@db:5433/n", {}),
        ("postgresql://db/n?sslmode=require", {"dsn": "postgresql://?sslmode=require"}),
        ("postgresql://db/n?ssl=verify-ca", {"dsn": "postgresql://?sslmode=verify-ca"}),
        ("postgresql://db/n?sslmode=verify-full&sslrootcert=system", {"ssl": True}),
        (
            "postgresql://db/n?sslmode=verify-full&sslrootcert=/ca.pem&channel_binding=require",
            {"dsn": "postgresql://?sslmode=verify-full&sslrootcert=%2Fca.pem"},
        ),
        ("postgresql://db/n?channel_binding=prefer&keepalives_idle=30&gssencmode=prefer", {}),
        (
            "postgresql://db/n?application_name=a%20b&options=-c%20search_path%3Dx",
            {"dsn": "postgresql://?application_name=a+b&options=-c+search_path%3Dx"},
        ),
        ("postgresql://db/n?connect_timeout=10", {"timeout": 10}),
        ("postgresql://db/n?connect_timeout=0", {}),
        ("postgresql://u:p@a:1,b/n", {"host": ["a", "b"], "port": [1, 5432]}),
        ("postgres://a,[::1]:2/n?port=7", {"host": ["a", "::1"], "port": [7, 2]}),
        ("postgresql:///n?host=a:1&host=b:2", {"host": ["a", "b"], "port": [1, 2]}),
        ("postgresql:///n?host=/run/postgresql", {"host": ["/run/postgresql"], "port": [5432]}),
    ],
)
def test_options_are_translated_for_the_driver(url: str, expected: dict[str, object]) -> None:
    bare, arguments = driver_arguments(parse_url(url))
    assert arguments == expected
    assert (bare.database, bare.query) == ("n", {})


@pytest.mark.parametrize("name", ["statement_cache_size", "prepared_statement_cache_size"])
def test_without_a_statement_cache_no_name_is_used_twice(name: str) -> None:
    _, arguments = driver_arguments(parse_url(f"postgresql://db/n?{name}=0"))
    new_name = arguments.pop("prepared_statement_name_func")
    assert new_name() != new_name()
    assert arguments == {"statement_cache_size": 0, "prepared_statement_cache_size": 0}


@pytest.mark.parametrize(
    ("url", "is_sqlite"), [("sqlite:///notes.db", True), ("postgresql://db/notes", False)]
)
async def test_unused_database_connects_to_nothing(url: str, is_sqlite: bool) -> None:
    database = Database(url)
    assert database.is_sqlite is is_sqlite
    await database.aclose()
