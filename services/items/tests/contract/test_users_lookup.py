"""What items expects of `GET /users/{id}`, with its own client."""

from collections.abc import Callable

import pytest

from app.clients.users import UserSummary
from chassis.web.errors import InvalidToken
from contracts.consumer import ExpectedProvider, Request, Response, read_by, state
from tests.contract.conftest import ConnectTo

TOKEN = "caller-token"
GREAT_ID = 2**53 + 1
"""The first integer that JavaScript can't represent. The largest id would leave none for new users."""
SIGNED_IN = state("a signed-in caller")


def look_up(user_id: int = 7) -> Request:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return Request(method="GET", path=f"/users/{user_id}", headers=headers)


def answer(user: UserSummary) -> Response:
    return Response(status=200, body=read_by(UserSummary, **user.model_dump()))


@pytest.fixture
def users(expecting: Callable[[str], ExpectedProvider]) -> ExpectedProvider:
    return expecting("users")


class TestLookup:
    @pytest.mark.parametrize("is_active", [True, False], ids=["active", "deactivated"])
    async def test_lookup_returns_name_and_activity(
        self, users: ExpectedProvider, connect_to: ConnectTo, is_active: bool
    ) -> None:
        ada = UserSummary(id=7, name="Ada", is_active=is_active)
        with users.answers(
            f"a look-up of {'an active' if is_active else 'a deactivated'} user",
            given=[SIGNED_IN, state("a user", **ada.model_dump())],
            request=look_up(),
            response=answer(ada),
        ) as url:
            assert await connect_to(url).get_user(7, TOKEN) == ada

    async def test_lookup_of_the_caller(
        self, users: ExpectedProvider, connect_to: ConnectTo
    ) -> None:
        zoe = UserSummary(id=7, name="Zoë", is_active=True)
        with users.answers(
            "a look-up of oneself",
            given=[state("a signed-in user", id=7, name="Zoë")],
            request=look_up(),
            response=answer(zoe),
        ) as url:
            assert await connect_to(url).get_user(7, TOKEN) == zoe

    async def test_lookup_returns_the_longest_name_and_a_large_id(
        self, users: ExpectedProvider, connect_to: ConnectTo
    ) -> None:
        last = UserSummary(id=GREAT_ID, name="Ł" * 120, is_active=True)
        with users.answers(
            "a look-up with the longest name and a great id",
            given=[SIGNED_IN, state("a user", **last.model_dump())],
            request=look_up(GREAT_ID),
            response=answer(last),
        ) as url:
            assert await connect_to(url).get_user(GREAT_ID, TOKEN) == last

    @pytest.mark.parametrize(
        ("description", "user"),
        [
            ("a look-up of a user that there isn't", "no user"),
            ("a look-up of a user who was deleted", "a deleted user"),
        ],
        ids=["never", "deleted"],
    )
    async def test_lookup_of_an_unknown_user_returns_404(
        self, users: ExpectedProvider, connect_to: ConnectTo, description: str, user: str
    ) -> None:
        with users.answers(
            description,
            given=[SIGNED_IN, state(user, id=7)],
            request=look_up(),
            response=Response(status=404),
        ) as url:
            assert await connect_to(url).get_user(7, TOKEN) is None

    @pytest.mark.parametrize(
        ("description", "caller"),
        [
            ("a look-up with an expired token", "a caller whose token has expired"),
            ("a look-up with a foreign token", "a caller whose token somebody else signed"),
            ("a look-up by a deactivated caller", "a caller who was deactivated"),
            ("a look-up by a deleted caller", "a caller who was deleted"),
        ],
        ids=["expired", "foreign", "deactivated", "deleted"],
    )
    async def test_lookup_with_an_invalid_token_returns_401(
        self, users: ExpectedProvider, connect_to: ConnectTo, description: str, caller: str
    ) -> None:
        with (
            users.answers(
                description,
                given=[state(caller), state("a user", id=7, name="Ada", is_active=True)],
                request=look_up(),
                response=Response(status=401),
            ) as url,
            pytest.raises(InvalidToken),
        ):
            await connect_to(url).get_user(7, TOKEN)
