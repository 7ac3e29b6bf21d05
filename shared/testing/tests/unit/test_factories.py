"""Factories of test data: unique values, reproducible, and no unknown fields."""

from typing import TypedDict

import pytest

from service_testing.factories import fake, override

# Two tests that print a unique value each.
TWO_TESTS = """
    from service_testing.factories import fake

    def test_earlier(): fake.unique.user_name()
    def test_later(): print("made", fake.unique.user_name())
"""


class NoteData(TypedDict, total=False):
    title: str
    rank: int


NOTE: NoteData = {"title": "Tea", "rank": 1}


def test_override_replaces_some_defaults() -> None:
    assert override(NOTE, {"title": "Milk"}) == {"title": "Milk", "rank": 1}
    assert NOTE["title"] == "Tea"


def test_override_of_an_unknown_field_is_an_error() -> None:
    with pytest.raises(TypeError, match="unknown fields: tilte"):
        override(NOTE, {"tilte": "Milk"})


def test_unique_values_do_not_repeat() -> None:
    assert len({fake.unique.user_name() for _ in range(1000)}) == 1000


def test_values_depend_on_the_seed_and_not_on_earlier_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TWO_TESTS)

    def made(*arguments: str) -> str:
        result = pytester.runpytest("-s", "-p", "randomly", *arguments)
        return next(line for line in result.outlines if "made" in line).partition("made")[2]

    together = made("--randomly-seed=7")
    alone = made("--randomly-seed=7", "-k", "later")
    other_seed = made("--randomly-seed=8", "-k", "later")
    assert together == alone != other_seed


def test_unique_values_start_again_in_each_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from service_testing.factories import fake

        @pytest.mark.parametrize("run", range(20))
        def test_all_values(run):
            assert {fake.unique.boolean() for _ in range(2)} == {True, False}
        """
    )
    pytester.runpytest("-q").assert_outcomes(passed=20)


def test_failure_shows_the_command_that_makes_its_data_again(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_fails(): assert 0")
    result = pytester.runpytest("-q", "-p", "randomly", "--randomly-seed=7")
    result.stdout.fnmatch_lines(["pytest '*::test_fails' -p randomly --randomly-seed=7"])
