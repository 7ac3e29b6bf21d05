import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter

from chassis.web.fields import Email, Name
from service_testing.factories import create_item_data, create_user_data, restart_serials

Factory = Callable[..., Mapping[str, Any]]
FACTORIES = pytest.mark.parametrize("factory", [create_user_data, create_item_data])


@FACTORIES
def test_data_is_ready_for_json(factory: Factory) -> None:
    data = factory()
    assert json.loads(json.dumps(data)) == data


@FACTORIES
def test_overrides_replace_the_defaults(factory: Factory) -> None:
    assert factory(name="Ada")["name"] == "Ada"


@FACTORIES
def test_an_unknown_field_is_a_mistake(factory: Factory) -> None:
    with pytest.raises(TypeError, match="unknown fields: nmae"):
        factory(nmae="Ada")


def test_users_are_unique() -> None:
    assert len({create_user_data()["email"] for _ in range(1000)}) == 1000


def test_items_are_unique() -> None:
    assert len({create_item_data()["name"] for _ in range(1000)}) == 1000


def test_users_keep_to_the_limits() -> None:
    for _ in range(200):
        user = create_user_data()
        assert TypeAdapter(Email).validate_python(user["email"]) == user["email"]
        assert TypeAdapter(Name).validate_python(user["name"]) == user["name"]
        assert 8 <= len(user["password"]) <= 128


def test_items_keep_to_the_limits() -> None:
    for _ in range(200):
        item = create_item_data()
        assert TypeAdapter(Name).validate_python(item["name"]) == item["name"]
        assert len(item["description"] or "") <= 2000
        assert Decimal(item["price"]).as_tuple().exponent == -2
        assert 0 <= Decimal(item["price"]) <= Decimal("99999999.99")


def test_serials_restart_with_each_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from service_testing.factories import create_user_data

        def test_earlier(): create_user_data()
        def test_later(): print("made", create_user_data())
        """
    )
    together = pytester.runpytest("-s", "-p", "randomly", "--randomly-seed=7")
    alone = pytester.runpytest("-s", "-p", "randomly", "--randomly-seed=7", "-k", "later")
    other = pytester.runpytest("-s", "-p", "randomly", "--randomly-seed=8", "-k", "later")
    assert _made(together) == _made(alone) != _made(other)


def test_restart_serials_numbers_from_one() -> None:
    restart_serials()
    assert create_user_data()["email"].endswith(".1@example.com")


def test_a_failure_says_how_to_get_its_data_again(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_fails(): assert 0")
    result = pytester.runpytest("-q", "-p", "randomly", "--randomly-seed=7")
    result.stdout.fnmatch_lines(["pytest '*::test_fails' -p randomly --randomly-seed=7"])


def _made(result: pytest.RunResult) -> str:
    return next(line for line in result.outlines if "made" in line).partition("made")[2]
