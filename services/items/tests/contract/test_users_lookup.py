"""What this service needs of `GET /users/{id}`, asked by its own client."""

from collections.abc import Callable

import pytest

from app.users_client import UserSummary
from chassis.errors import InvalidToken
from service_testing.contracts.catalogue import state
from service_testing.contracts.consumer import ExpectedProvider, Request, Response
from service_testing.contracts.expectations import read_by
from tests.contract.conftest import ConnectTo

TOKEN = "caller-token"
LOOK_UP = Request(method="GET", path="/users/7", headers={"Authorization": f"Bearer {TOKEN}"})
SIGNED_IN = state("a signed-in caller")


@pytest.fixture
def users(expecting: Callable[[str], ExpectedProvider]) -> ExpectedProvider:
    return expecting("users")


class TestLookup:
    @pytest.mark.parametrize("is_active", [True, False], ids=["active", "deactivated"])
    async def test_lookup_of_a_user_says_name_and_whether_active(
        self, users: ExpectedProvider, connect_to: ConnectTo, is_active: bool
    ) -> None:
        ada = UserSummary(id=7, name="Ada", is_active=is_active)
        with users.answers(
            f"a look-up of {'an active' if is_active else 'a deactivated'} user",
            given=[SIGNED_IN, state("a user", **ada.model_dump())],
            request=LOOK_UP,
            response=Response(status=200, body=read_by(UserSummary, **ada.model_dump())),
        ) as url:
            assert await connect_to(url).get_user(7, TOKEN) == ada

    async def test_lookup_of_nobody_finds_none(
        self, users: ExpectedProvider, connect_to: ConnectTo
    ) -> None:
        with users.answers(
            "a look-up of a user that there isn't",
            given=[SIGNED_IN, state("no user", id=7)],
            request=LOOK_UP,
            response=Response(status=404),
        ) as url:
            assert await connect_to(url).get_user(7, TOKEN) is None

    @pytest.mark.parametrize(
        ("description", "caller"),
        [
            ("a look-up with an expired token", "a caller whose token has expired"),
            ("a look-up with a foreign token", "a caller whose token somebody else signed"),
        ],
        ids=["expired", "foreign"],
    )
    async def test_lookup_with_a_token_that_is_no_good_is_refused(
        self, users: ExpectedProvider, connect_to: ConnectTo, description: str, caller: str
    ) -> None:
        with (
            users.answers(
                description,
                given=[state(caller), state("a user", id=7, name="Ada", is_active=True)],
                request=LOOK_UP,
                response=Response(status=401),
            ) as url,
            pytest.raises(InvalidToken),
        ):
            await connect_to(url).get_user(7, TOKEN)
