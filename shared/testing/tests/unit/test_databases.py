import pytest

from service_testing.engines import is_for_tests


@pytest.mark.parametrize("name", ["test", "test_users_gw0", "users-test", "Test.db", "users_TEST"])
def test_name_with_the_word_test_is_accepted(name: str) -> None:
    assert is_for_tests(name)
    assert is_for_tests(f"/var/lib/{name}")


@pytest.mark.parametrize("name", ["", ":memory:"])
def test_memory_is_accepted(name: str) -> None:
    assert is_for_tests(name)


@pytest.mark.parametrize("name", ["users", "latest", "contest", "testimonials", "attested.db"])
def test_any_other_name_is_refused(name: str) -> None:
    assert not is_for_tests(name)
    assert not is_for_tests(f"/var/test/{name}")
