import pytest

from service_testing.databases import NotATestDatabase, create_database, refuse_real_database
from service_testing.isolation import IsolatedDatabase


@pytest.mark.parametrize("name", ["test", "test_users_gw0", "users-test", "Test.db", "users_TEST"])
def test_name_with_the_word_test_is_accepted(name: str) -> None:
    refuse_real_database(f"postgresql://127.0.0.1/{name}")
    refuse_real_database(f"sqlite:////var/lib/{name}")


@pytest.mark.parametrize("name", ["users", "latest", "contest", "testimonials", "attested.db"])
def test_any_other_name_is_refused(name: str) -> None:
    for url in (
        f"postgresql://127.0.0.1/{name}",
        f"sqlite:////var/test/{name}",
        f"sqlite:///C:\\test\\{name}",
    ):
        with pytest.raises(NotATestDatabase, match=f"the database '{name}'"):
            refuse_real_database(url)


def test_other_database_cannot_be_opened_or_created() -> None:
    with pytest.raises(NotATestDatabase):
        IsolatedDatabase("sqlite:///data/users.db")
    with pytest.raises(NotATestDatabase):
        create_database("postgresql://127.0.0.1/postgres", "users")
